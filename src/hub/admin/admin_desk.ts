import type { EventFeed } from "../../telemetry/event_feed.ts";
import {
  type HubAdmin,
  type HubKeys,
  type HubLink,
  type HubNode,
  type HubPolicy,
  type HubPolicyPlan,
  HubRefusal,
  type HubRule,
  type HubStatus,
  type HubToken,
} from "../../mesh/hub_admin.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { Relay } from "../hub_core.ts";
import type { HubSettings } from "../core/hub_settings.ts";
import type { Membership } from "../core/membership.ts";
import type { MeshBook } from "../core/mesh_book.ts";
import type { Topic } from "../core/mesh_change.ts";
import type { MeshNode } from "../core/mesh_node.ts";
import type { PolicyDesk } from "../core/policy_desk.ts";
import type { HubAudit } from "../core/hub_audit.ts";
import type { Rotations } from "../core/rotations.ts";
import type { SigningKeys } from "../core/signing_keys.ts";
import { StoreRefused } from "../core/store_trouble.ts";
import type { TlsKeys } from "../core/tls_keys.ts";
import type { TokenDesk, TokenWish } from "../core/token_desk.ts";
import { keySha256, type TrustDesk } from "../core/trust_desk.ts";
import { linkViews, nodeView, presenceOf } from "./node_view.ts";
import { effectiveRules, policyChanges, policyFindings } from "./policy_plan.ts";

/** What the desk of the admins is made of. */
export interface AdminParts {
  readonly settings: HubSettings;
  readonly book: MeshBook;
  readonly keys: SigningKeys;
  readonly tls: TlsKeys;
  readonly tokens: TokenDesk;
  readonly policy: PolicyDesk;
  readonly membership: Membership;
  readonly rotations: Rotations;
  readonly trust: TrustDesk;
  readonly audit: HubAudit;
  readonly feed: EventFeed;
  readonly relay: () => Relay | null;
  /** Requests of nodes that were refused since the start. */
  readonly refused: () => number;
  readonly nowUs: () => number;
}

/** The hub as its admins use it. */
export class AdminDesk implements HubAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  status(): HubStatus {
    const { book, settings, relay, nowUs, refused } = this.#parts;
    const now = nowUs();
    const active = book.active.length;
    return {
      hubId: book.hubId,
      url: settings.url ?? "",
      meshCidr: book.wide.meshCidr,
      pskMode: book.wide.pskMode,
      listening: settings.listening,
      observers: book.wide.observers.map(({ address }) => address),
      nodes: {
        active,
        online: book.active.filter((node) => presenceOf(node, now) === "online").length,
        removed: book.nodes.size - active,
      },
      relays: relay()?.status() ?? { sessions: 0, most: 0, forwardedBytes: 0, droppedPackets: 0 },
      refusedRequests: refused(),
      databaseBytes: book.store.bytes(),
      keys: this.keys(),
    };
  }

  nodes(): readonly HubNode[] {
    const { book, trust, nowUs } = this.#parts;
    const now = nowUs();
    const { revocation } = trust;
    return [...book.nodes.values()].map((node) => nodeView(node, now, trust.isCosigned(node, now, revocation)))
      .toSorted((a, b) => a.name < b.name ? -1 : 1);
  }

  node(idOrName: string): HubNode {
    return this.#view(this.#parts.membership.find(idOrName));
  }

  rename(idOrName: string, name: string): HubNode {
    return this.#asked(() => {
      const node = this.#parts.membership.findActive(idOrName);
      this.#parts.membership.rename(node, name);
      return this.#view(node);
    });
  }

  setGroups(idOrName: string, groups: readonly string[]): HubNode {
    return this.#asked(() => {
      const node = this.#parts.membership.findActive(idOrName);
      this.#parts.membership.setGroups(node, groups);
      return this.#view(node);
    });
  }

  remove(idOrName: string, by: string): HubNode {
    return this.#asked(() => {
      const node = this.#parts.membership.findActive(idOrName);
      this.#parts.membership.remove(node);
      this.#parts.audit.changed("node_remove", by, node.id, { name: node.row.name });
      this.#parts.feed.add("warning", "hub_node_removed", node.row.name, `${node.row.name} was removed by ${by}`);
      return this.#view(node);
    });
  }

  rotateNodeKeys(idOrName: string | null, by: string): readonly NodeId[] {
    return this.#asked(() => {
      const { book, membership, rotations, audit } = this.#parts;
      const nodes: readonly MeshNode[] = idOrName === null ? book.active : [membership.findActive(idOrName)];
      rotations.ask(nodes);
      audit.changed("node_rotate", by, idOrName === null ? null : nodes[0]?.id ?? null, { nodes: nodes.length });
      return nodes.map(({ id }) => id);
    });
  }

  links(of?: NodeId): readonly HubLink[] {
    const { book } = this.#parts;
    const node = of === undefined ? undefined : book.nodes.get(of);
    if (of !== undefined && node?.row.state !== "active") return [];
    return linkViews(book.active, node);
  }

  policy(): HubPolicy {
    const { version, rules } = this.#parts.policy;
    return { version, rules };
  }

  planPolicy(rules: readonly HubRule[]): HubPolicyPlan {
    const { book, policy } = this.#parts;
    const nodes = book.active.map(({ id, row: { name, groups } }) => ({ id, name, groups }));
    const removed = [...book.nodes.values()].filter(({ row }) => row.state === "removed");
    const [before, after] = [policy.compiled(policy.rules), policy.compiled(rules)];
    const gone = new Set<string>(removed.flatMap(({ id, row }) => [id, row.name]));
    const findings = policyFindings(rules, after, nodes, gone);
    return {
      ok: !findings.some(({ severity }) => severity === "error"),
      findings,
      ...policyChanges(before, after, nodes),
      nodes: effectiveRules(before, after, nodes),
    };
  }

  setPolicy(rules: readonly HubRule[], version: number, by: string): HubPolicy {
    return this.#asked(() => {
      const { book, policy, audit } = this.#parts;
      if (version !== policy.version) {
        throw new HubRefusal(
          "conflict",
          `The policy is at version ${policy.version} by now, the change starts from ${version}`,
          "Look at the present policy and make the change again",
        );
      }
      const nodes = book.active.map(({ id, row: { name, groups } }) => ({ id, name, groups }));
      const removed = [...book.nodes.values()].filter(({ row }) => row.state === "removed");
      const gone = new Set<string>(removed.flatMap(({ id, row }) => [id, row.name]));
      const wrong = policyFindings(rules, policy.compiled(rules), nodes, gone).find(({ severity }) =>
        severity === "error"
      );
      if (wrong !== undefined) {
        throw new HubRefusal("bad_params", wrong.rule === "" ? wrong.text : `Rule '${wrong.rule}': ${wrong.text}`);
      }
      const kept = rules.map(({ id, from, to, protocol, ports, log, comment }): HubRule => (
        { id, from: [...from], to: [...to], protocol, ports: ports.map(([low, high]) => [low, high]), log, comment }
      ));
      book.change((change) => policy.replace(change, kept));
      audit.changed("policy_set", by, null, { version: policy.version, rules: rules.length });
      return this.policy();
    });
  }

  tokens(): readonly HubToken[] {
    return this.#parts.tokens.list();
  }

  createToken(wish: TokenWish): { readonly text: string; readonly token: HubToken } {
    return this.#asked(() => {
      const { tokens, trust, audit } = this.#parts;
      const made = tokens.create(wish, trust.adminKey);
      const { id, group, uses } = made.token;
      audit.changed("token_create", wish.by, id, { group, uses, minutes: wish.minutes });
      return made;
    });
  }

  revokeToken(id: string): HubToken {
    return this.#asked(() => this.#parts.tokens.revoke(id));
  }

  keys(): HubKeys {
    const { book, keys, tls, trust, nowUs } = this.#parts;
    const { current } = keys;
    const previousUntilUs = current.previousUntilUs !== null && current.previousUntilUs > nowUs()
      ? current.previousUntilUs
      : null;
    return {
      hubId: book.hubId,
      epoch: book.wide.epoch,
      keyIndex: current.index,
      signingKeySha256: keys.sha256,
      signingKeySinceUs: current.sinceUs,
      previousUntilUs,
      tlsSpki: book.wide.tlsSpki,
      tlsNotAfterUs: tls.notAfterUs,
      adminKeySha256: trust.adminKey === null ? null : keySha256(trust.adminKey),
      revocationSerial: trust.revocation?.serial ?? null,
      stoppedSigning: keys.stopped,
    };
  }

  rotateSigningKey(by: string): HubKeys {
    return this.#asked(() => {
      const { book, keys, audit } = this.#parts;
      if (keys.stopped !== null) {
        throw new HubRefusal(
          "conflict",
          "The hub signs nothing until it is recovered, and a recovery brings a new key",
        );
      }
      book.change((change) => {
        const link = keys.rotate(change, book.wide.tlsSpki);
        change.broadcast({ type: "signing_key_rotated", body: JSON.stringify({ link }) });
      });
      audit.changed("signing_key_rotate", by, null, { key_index: keys.current.index, sha256: keys.sha256 });
      return this.keys();
    });
  }

  rotateTlsKey(now: boolean, by: string): HubKeys {
    return this.#asked(() => {
      const { book, tls, audit } = this.#parts;
      book.change((change) => {
        if (!now || !tls.hasNext) tls.prepareNext(change, book);
        if (now) tls.switchToNext(change, book);
      });
      audit.changed(now ? "tls_key_switch" : "tls_key_pin", by, null, { pins: book.wide.tlsSpki });
      return this.keys();
    });
  }

  setAdminKey(publicKey: string, by: string): HubKeys {
    return this.#asked(() => {
      this.#parts.trust.setAdminKey(publicKey);
      this.#parts.audit.changed("admin_key_set", by, null, { sha256: keySha256(publicKey) });
      return this.keys();
    });
  }

  applyAdminObject(text: string, by: string): HubKeys {
    return this.#asked(() => {
      const { typ, target } = this.#parts.trust.apply(text);
      this.#parts.audit.changed("admin_object", by, target, { typ });
      return this.keys();
    });
  }

  cosignRequests(): ReturnType<HubAdmin["cosignRequests"]> {
    const { book, trust, nowUs } = this.#parts;
    const now = nowUs();
    const { revocation } = trust;
    return book.active.filter((node) => !trust.isCosigned(node, now, revocation))
      .map((node) => ({ nodeId: node.id, name: node.row.name, meshIp: node.meshIp, fingerprint: node.fingerprint }));
  }

  proposeRecovery(by: string): ReturnType<HubAdmin["proposeRecovery"]> {
    return this.#asked(() => {
      const proposal = this.#parts.trust.propose();
      this.#parts.audit.changed("recovery_propose", by, null, { epoch: proposal.epoch });
      return { hubId: this.#parts.book.hubId, ...proposal };
    });
  }

  recoverUnsigned(by: string): HubKeys {
    return this.#asked(() => {
      this.#parts.trust.recoverUnsigned();
      const { epoch, signingKeySha256 } = this.keys();
      this.#parts.audit.changed("recovery_unsigned", by, null, { epoch, sha256: signingKeySha256 });
      return this.keys();
    });
  }

  subscribe(listener: (topic: Topic) => void): () => void {
    return this.#parts.book.onTopic(listener);
  }

  #view(node: MeshNode): HubNode {
    const now = this.#parts.nowUs();
    return nodeView(node, now, this.#parts.trust.isCosigned(node, now));
  }

  #asked<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof StoreRefused)) throw error;
      throw new HubRefusal("unavailable", error.message, "Free space or mend the disk; tunnels go on meanwhile");
    }
  }
}
