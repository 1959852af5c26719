import type { ConfiguredRole } from "./configured_role.ts";
import type { Role } from "./roles.ts";

/** What one operation is and who may call it; the code that does it is in `operations/`. */
export interface OperationRule {
  /** The least role that may call it; `null`: anybody may, without a credential. */
  readonly role: Role | null;
  /** One line for help, OpenAPI and docs; starts with a capital, no full stop. */
  readonly summary: string;
  /** Whether it changes something. What changes is audited even when it succeeds, and `[runtime.remote]` applies to it. */
  readonly writes: boolean;
  /** Closed in production unless an admin has unlocked debugging. */
  readonly debug: boolean;
  /** The role of this program that alone offers it; `null`: every role with a configuration does. */
  readonly only: ConfiguredRole | null;
  /** Answers with many items until it is cancelled; the control endpoint alone serves it. */
  readonly stream: boolean;
  /** How the web API offers it; `null`: through the control endpoint alone. A `:name` in the path is a parameter. */
  readonly http: { readonly method: "get" | "post" | "put" | "delete"; readonly path: string } | null;
}

type Entry = Pick<OperationRule, "role" | "summary"> & Partial<OperationRule>;

function table<const T extends Record<string, Entry>>(entries: T): { readonly [K in keyof T]: OperationRule } {
  const full = Object.entries(entries).map(([name, entry]): [string, OperationRule] => [
    name,
    { writes: false, debug: false, stream: false, only: null, http: null, ...entry },
  ]);
  return Object.fromEntries(full) as { readonly [K in keyof T]: OperationRule };
}

const http = (method: "get" | "post" | "put" | "delete", path: string) => ({ method, path: `/api/v1${path}` }) as const;

/**
 * Every operation of gateway and hub. The control endpoint, the web API, `edgekeep ctl`, `edgekeep explain`, the OpenAPI
 * description and the table in the docs are made from this list; what is not in it is refused as if it needed an admin.
 */
export const operations = table({
  "hello": { role: null, summary: "Name, version and what a caller may do next" },
  "whoami": { role: "viewer", summary: "Who the credential says you are", http: http("get", "/whoami") },
  "status": { role: "viewer", summary: "Verdict, sources, sessions, history and storage in one answer" },
  "health": { role: "viewer", summary: "Whether everything is started and serves, with the verdict" },
  "faults": { role: "viewer", summary: "Faults that are present now, with cause and remedy" },
  "tags.list": { role: "viewer", only: "gateway", summary: "Tags with their newest values" },
  "tags.read": { role: "viewer", only: "gateway", summary: "Newest values of the tags named" },
  "tags.subscribe": { role: "viewer", only: "gateway", summary: "Changes of tags as they happen", stream: true },
  "tags.force": {
    role: "operator",
    only: "gateway",
    summary: "Serve a value in place of the field's until it is unforced",
    writes: true,
    debug: true,
    http: http("post", "/tags/force"),
  },
  // open when debugging is closed, too: who forced a value must be able to take it back
  "tags.unforce": {
    role: "operator",
    only: "gateway",
    summary: "Serve the field's value again",
    writes: true,
    http: http("post", "/tags/unforce"),
  },
  "history.query": { role: "viewer", only: "gateway", summary: "Stored samples or buckets of a tag" },
  "alarms.list": {
    role: "viewer",
    only: "gateway",
    summary: "Alarms and their states",
    http: http("get", "/alarms"),
  },
  "alarms.journal": {
    role: "viewer",
    only: "gateway",
    summary: "Events of alarms, as they were stored",
    http: http("get", "/alarms/journal"),
  },
  "alarms.subscribe": { role: "viewer", only: "gateway", summary: "Changes of alarms as they happen", stream: true },
  "alarms.ack": {
    role: "operator",
    only: "gateway",
    summary: "Acknowledge an alarm",
    writes: true,
    http: http("post", "/alarms/ack"),
  },
  "alarms.confirm": {
    role: "operator",
    only: "gateway",
    summary: "Confirm an acknowledged alarm",
    writes: true,
    http: http("post", "/alarms/confirm"),
  },
  "alarms.comment": {
    role: "operator",
    only: "gateway",
    summary: "Write a comment to an alarm",
    writes: true,
    http: http("post", "/alarms/comment"),
  },
  "alarms.shelve": {
    role: "operator",
    only: "gateway",
    summary: "Set an alarm aside for a time, or until it goes inactive",
    writes: true,
    http: http("post", "/alarms/shelve"),
  },
  "alarms.unshelve": {
    role: "operator",
    only: "gateway",
    summary: "Take a shelved alarm back",
    writes: true,
    http: http("post", "/alarms/unshelve"),
  },
  "alarms.enable": {
    role: "engineer",
    only: "gateway",
    summary: "Switch an alarm on",
    writes: true,
    http: http("post", "/alarms/enable"),
  },
  "alarms.disable": {
    role: "engineer",
    only: "gateway",
    summary: "Switch an alarm off",
    writes: true,
    http: http("post", "/alarms/disable"),
  },
  "commands.definitions": {
    role: "viewer",
    only: "gateway",
    summary: "Commands that can be sent, with their arguments and what was sent last",
    http: http("get", "/commands/definitions"),
  },
  "commands.list": {
    role: "viewer",
    only: "gateway",
    summary: "Commands that were sent, the newest first",
    http: http("get", "/commands"),
  },
  "commands.get": {
    role: "viewer",
    only: "gateway",
    summary: "A command that was sent, with its steps",
    http: http("get", "/commands/:id"),
  },
  "commands.send": {
    role: "operator",
    only: "gateway",
    summary: "Send a command to a device, at most once",
    writes: true,
    http: http("post", "/commands"),
  },
  "commands.cancel": {
    role: "operator",
    only: "gateway",
    summary: "Take back a command that was not sent yet",
    writes: true,
    http: http("post", "/commands/:id/cancel"),
  },
  "events.tail": { role: "viewer", summary: "Newest events, and with follow those that come", stream: true },
  "config.get": { role: "engineer", summary: "The configuration, secrets masked", http: http("get", "/config") },
  "config.set": {
    role: "admin",
    summary: "Change single keys in the file and apply them",
    writes: true,
    http: http("post", "/config/set"),
  },
  "config.diff": {
    role: "engineer",
    summary: "What a proposed configuration would change and restart",
    http: http("post", "/config/diff"),
  },
  "config.apply": {
    role: "admin",
    summary: "Write a proposed configuration to the file and apply it",
    writes: true,
    http: http("post", "/config/apply"),
  },
  "config.reload": {
    role: "admin",
    summary: "Read the file again and apply what changed",
    writes: true,
    http: http("post", "/config/reload"),
  },
  "config.versions": {
    role: "engineer",
    summary: "Configurations applied so far: when, by whom, what changed",
    http: http("get", "/config/versions"),
  },
  "config.restore": {
    role: "admin",
    summary: "Apply an earlier configuration again",
    writes: true,
    http: http("post", "/config/restore"),
  },
  "users.list": { role: "admin", summary: "Users and their roles", http: http("get", "/users") },
  "users.add": { role: "admin", summary: "Add a user", writes: true, http: http("post", "/users") },
  "users.set": {
    role: "admin",
    summary: "Change a user's role or password, or switch the user off or on",
    writes: true,
    http: http("put", "/users/:name"),
  },
  "users.remove": {
    role: "admin",
    summary: "Remove a user and end the user's sessions",
    writes: true,
    http: http("delete", "/users/:name"),
  },
  "users.password": {
    role: "viewer",
    summary: "Change your own password",
    writes: true,
    http: http("post", "/password"),
  },
  "tokens.list": {
    role: "admin",
    summary: "API tokens and paired devices, without secrets",
    http: http("get", "/tokens"),
  },
  "tokens.create": {
    role: "admin",
    summary: "Make an API token; its secret is shown once",
    writes: true,
    http: http("post", "/tokens"),
  },
  "tokens.renew": {
    role: "admin",
    summary: "Extend a token's lifetime",
    writes: true,
    http: http("post", "/tokens/:id/renew"),
  },
  "tokens.revoke": {
    role: "admin",
    summary: "Revoke a token at once",
    writes: true,
    http: http("delete", "/tokens/:id"),
  },
  "pair.start": {
    role: "admin",
    summary: "Make a pairing code with a fixed role, label and lifetime",
    writes: true,
    http: http("post", "/pairing"),
  },
  "pair.claim": {
    role: null,
    summary: "Trade a pairing code for a token",
    writes: true,
    http: http("post", "/pairing/claim"),
  },
  "pair.list": { role: "admin", summary: "Open pairing codes, without the codes", http: http("get", "/pairing") },
  "pair.revoke": {
    role: "admin",
    summary: "Withdraw an open pairing code",
    writes: true,
    http: http("delete", "/pairing/:id"),
  },
  "setup.claim": {
    role: null,
    summary: "Make the first admin with the set-up code",
    writes: true,
    http: http("post", "/setup/claim"),
  },
  "pki.list": {
    role: "engineer",
    summary: "Certificates: own, trusted, issuers, revocation lists, rejected",
    http: http("get", "/pki"),
  },
  "pki.trust": {
    role: "admin",
    only: "gateway",
    summary: "Trust a rejected OPC UA certificate of a client or a person",
    writes: true,
    http: http("post", "/pki/trust"),
  },
  "pki.reject": {
    role: "admin",
    only: "gateway",
    summary: "Withdraw trust from an OPC UA certificate",
    writes: true,
    http: http("post", "/pki/reject"),
  },
  "pki.add": {
    role: "admin",
    only: "gateway",
    summary: "Add a trusted certificate, a CA or a revocation list of OPC UA",
    writes: true,
    http: http("post", "/pki/add"),
  },
  "pki.remove": {
    role: "admin",
    only: "gateway",
    summary: "Delete a certificate or a revocation list of OPC UA",
    writes: true,
    http: http("post", "/pki/remove"),
  },
  "pki.renew_opcua": {
    role: "admin",
    only: "gateway",
    summary: "Make a new self-signed certificate for the OPC UA server, in use at once",
    writes: true,
    http: http("post", "/pki/renew_opcua"),
  },
  "pki.csr": {
    role: "admin",
    only: "gateway",
    summary: "Certificate signing request of the OPC UA server, for a CA",
    http: http("get", "/pki/csr"),
  },
  "pki.import": {
    role: "admin",
    only: "gateway",
    summary: "Use a certificate that a CA made for the OPC UA server",
    writes: true,
    http: http("post", "/pki/import"),
  },
  "pki.renew": {
    role: "admin",
    summary: "Make a new self-managed server certificate for web and control",
    writes: true,
    http: http("post", "/pki/renew"),
  },
  "sessions.list": {
    role: "admin",
    summary: "Open sessions of web, control and OPC UA",
    http: http("get", "/sessions"),
  },
  "sessions.close": {
    role: "admin",
    summary: "End a session",
    writes: true,
    http: http("delete", "/sessions/:id"),
  },
  "audit.tail": { role: "admin", summary: "Newest audit records", http: http("get", "/audit") },
  "audit.verify": { role: "admin", summary: "Check the audit chain", http: http("get", "/audit/verify") },
  "backup.create": {
    role: "engineer",
    only: "gateway",
    summary: "Back up the history now",
    writes: true,
    http: http("post", "/backups"),
  },
  "backup.list": {
    role: "engineer",
    only: "gateway",
    summary: "Backups that are there",
    http: http("get", "/backups"),
  },
  "policy.exposure": {
    role: "engineer",
    summary: "Who can reach which listener and how it is protected, with findings",
    http: http("get", "/policy/exposure"),
  },
  "policy.explain": {
    role: "viewer",
    summary: "Why an operation would be allowed or denied",
    http: http("get", "/policy/explain"),
  },
  "remote.preflight": {
    role: "viewer",
    only: "gateway",
    summary: "Whether an action on a target would be allowed and could work now",
    http: http("post", "/remote/preflight"),
  },
  "log.level": {
    role: "admin",
    summary: "Change the log level until the next start",
    writes: true,
    debug: true,
    http: http("post", "/log/level"),
  },
  "debug.trace": { role: "admin", summary: "The log at its finest level, for a while", debug: true, stream: true },
  "debug.unlock": {
    role: "admin",
    summary: "Open debug operations for a while",
    writes: true,
    http: http("post", "/debug/unlock"),
  },
  "debug.lock": { role: "admin", summary: "Close debug operations", writes: true, http: http("post", "/debug/lock") },
  "hub.status": {
    role: "viewer",
    only: "hub",
    summary: "How the hub is doing: nodes, relay, keys",
    http: http("get", "/hub/status"),
  },
  "hub.nodes": { role: "viewer", only: "hub", summary: "Nodes of the mesh", http: http("get", "/hub/nodes") },
  "hub.node": { role: "viewer", only: "hub", summary: "One node of the mesh", http: http("get", "/hub/nodes/:node") },
  "hub.node.rename": {
    role: "engineer",
    only: "hub",
    summary: "Give a node another name",
    writes: true,
    http: http("post", "/hub/nodes/:node/rename"),
  },
  "hub.node.groups": {
    role: "engineer",
    only: "hub",
    summary: "Put a node into groups, out of those it was in",
    writes: true,
    http: http("post", "/hub/nodes/:node/groups"),
  },
  "hub.node.rotate": {
    role: "admin",
    only: "hub",
    summary: "Ask a node, or every node, for a new WireGuard key",
    writes: true,
    http: http("post", "/hub/nodes/:node/rotate"),
  },
  "hub.node.remove": {
    role: "admin",
    only: "hub",
    summary: "Remove a node from the mesh for good",
    writes: true,
    http: http("post", "/hub/nodes/:node/remove"),
  },
  "hub.topology": {
    role: "viewer",
    only: "hub",
    summary: "Nodes and the tunnels between them",
    http: http("get", "/hub/topology"),
  },
  "hub.policy": {
    role: "viewer",
    only: "hub",
    summary: "The policy: who may reach which ports of whom",
    http: http("get", "/hub/policy"),
  },
  "hub.policy.plan": {
    role: "engineer",
    only: "hub",
    summary: "What a proposed policy would open and close",
    http: http("post", "/hub/policy/plan"),
  },
  "hub.policy.set": {
    role: "engineer",
    only: "hub",
    summary: "Put a policy in force",
    writes: true,
    http: http("put", "/hub/policy"),
  },
  "hub.tokens": {
    role: "viewer",
    only: "hub",
    summary: "Join tokens, without their secrets",
    http: http("get", "/hub/tokens"),
  },
  "hub.token.create": {
    role: "admin",
    only: "hub",
    summary: "Make a join token; its text is shown once",
    writes: true,
    http: http("post", "/hub/tokens"),
  },
  "hub.token.revoke": {
    role: "admin",
    only: "hub",
    summary: "Revoke a join token at once",
    writes: true,
    http: http("post", "/hub/tokens/:id/revoke"),
  },
  "hub.keys": { role: "viewer", only: "hub", summary: "Keys that the mesh trusts", http: http("get", "/hub/keys") },
  "hub.keys.rotate_signing": {
    role: "admin",
    only: "hub",
    summary: "Sign with a new key, linked by the present one",
    writes: true,
    http: http("post", "/hub/keys/rotate-signing"),
  },
  "hub.keys.rotate_tls": {
    role: "admin",
    only: "hub",
    summary: "Pin the next TLS key, or serve with it at once",
    writes: true,
    http: http("post", "/hub/keys/rotate-tls"),
  },
  "hub.keys.set_admin": {
    role: "admin",
    only: "hub",
    summary: "Set the admin key of co-signature for join tokens from now on",
    writes: true,
    http: http("post", "/hub/keys/set-admin"),
  },
  "hub.keys.apply": {
    role: "admin",
    only: "hub",
    summary: "Take what the admin key signed: a co-signature, a revocation list, a recovery",
    writes: true,
    http: http("post", "/hub/keys/apply"),
  },
  "hub.keys.cosign_requests": {
    role: "viewer",
    only: "hub",
    summary: "Nodes that wait for a co-signature",
    http: http("get", "/hub/keys/cosign-requests"),
  },
  "hub.keys.propose_recovery": {
    role: "admin",
    only: "hub",
    summary: "Propose the key that a recovery names, for the admin key to sign",
    writes: true,
    http: http("post", "/hub/keys/propose-recovery"),
  },
  "hub.keys.recover_unsigned": {
    role: "admin",
    only: "hub",
    summary: "Recover without an admin key: every agent has to accept the hub anew",
    writes: true,
    http: http("post", "/hub/keys/recover-unsigned"),
  },
  "hub.subscribe": { role: "viewer", only: "hub", summary: "What of the mesh changes, as it happens", stream: true },
  "restart": { role: "admin", summary: "Restart all parts", writes: true, http: http("post", "/restart") },
  "shutdown": { role: "admin", summary: "Stop the program", writes: true, http: http("post", "/shutdown") },
});

/** The name of a registered operation. */
export type OperationName = keyof typeof operations;

/** Names of the operations that a role of this program offers, in the order of the table. */
export function operationsOf(role: ConfiguredRole): readonly OperationName[] {
  return (Object.keys(operations) as OperationName[]).filter((name) => [null, role].includes(operations[name].only));
}

/** Whether the text names a registered operation. */
export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(operations, name);
}
