import { getLogger } from "@logtape/logtape";
import type { Audit, AuditEntry, AuditValue } from "../../audit/audit.ts";

const log = getLogger(["edgekeep", "hub"]);

/** What of it is worth a line in the log; the audit has everything. */
const lines: Readonly<Record<string, string>> = {
  register: "{name} joined the mesh with {mesh_ip}, from {address}",
  deregister: "{name} left the mesh",
  node_remove: "{name} was removed from the mesh by {by}",
  policy_set: "The policy is at version {version} with {rules} rules, by {by}",
  token_create: "The join token {target} into the group '{group}' was made by {by}, for {uses} uses in {minutes} min",
  signing_key_rotate: "The hub signs with key {key_index} from now on, by {by}",
  tls_key_pin: "Agents learn the hub's next TLS key, by {by}",
  tls_key_switch: "The hub serves with its next TLS key, by {by}",
  admin_key_set: "The admin key is {sha256} from now on, by {by}",
  admin_object: "The admin key signed {typ} of {target}, by {by}",
  recovery_unsigned: "The hub is at epoch {epoch} with the new key {sha256}, by {by}",
};

/** Who asked, as the audit names them. */
export interface Asker {
  /** Node id, or `null` before it is proven. */
  readonly node: string | null;
  /** IP address without port. */
  readonly address: string;
}

const allowed = { decision: "allowed", rule: null, outcome: "ok" } as const;

/** Writes what the hub refuses, and what changes its trust, into the audit. */
export class HubAudit {
  readonly #audit: Audit;
  /** Refusals since the start. */
  refusals = 0;

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  /** Something was refused. @param operation `register`, `rotate`, … */
  refused(
    operation: string,
    { node, address }: Asker,
    code: string,
    fields: Readonly<Record<string, AuditValue>> = {},
    target: string | null = null,
  ): void {
    this.refusals++;
    this.#ofNode({ node, address }, {
      event: "hub_refused",
      operation,
      target,
      decision: "denied",
      rule: code,
      outcome: code,
      fields,
    });
  }

  /** A node did what changes the mesh: joined, left, rotated its key. */
  done(operation: string, { node, address }: Asker, fields: Readonly<Record<string, AuditValue>> = {}): void {
    tell(operation, { ...fields, node, address });
    this.#ofNode({ node, address }, { event: "hub_node", operation, target: node, ...allowed, fields });
  }

  /** An admin, or the hub by its own schedule (`by` = `hub`), changed something. */
  changed(
    operation: string,
    by: string,
    target: string | null,
    fields: Readonly<Record<string, AuditValue>> = {},
  ): void {
    tell(operation, { ...fields, by, target });
    this.#audit.record({
      event: "hub_change",
      principal: by,
      role: null,
      credential: null,
      address: "local",
      transport: "hub",
      operation,
      target,
      ...allowed,
      fields,
    });
  }

  #ofNode(
    { node, address }: Asker,
    what: Omit<AuditEntry, "principal" | "role" | "credential" | "address" | "transport">,
  ): void {
    const credential = node === null ? null : `node:${node}`;
    this.#audit.record({ ...what, principal: node, role: null, credential, address, transport: "mesh" });
  }
}

function tell(operation: string, fields: Readonly<Record<string, AuditValue>>): void {
  const line = lines[operation];
  if (line !== undefined) log.info(line, { event: `hub_${operation}`, ...fields });
}
