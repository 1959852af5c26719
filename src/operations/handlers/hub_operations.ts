import type { HubAdmin, HubKeys, HubLink, HubNode, HubPolicy, HubStatus, HubToken } from "../../mesh/hub_admin.ts";
import { formatTime, formatTimeOrNull } from "../../telemetry/time_text.ts";
import { requirePrincipal } from "../asker.ts";
import { answers, streams } from "../define.ts";
import type { CallContext, Operation } from "../operation.ts";
import type { HubParts } from "../operation_parts.ts";
import { viewRoleStatus } from "../views.ts";
import { Wake } from "../wake.ts";
import { openNow } from "./status_operation.ts";

/** Tunnels in one answer: a full mesh of a thousand nodes has half a million. */
const MOST_LINKS = 5_000;
/** Changes that come within this time go out together, ms. */
const GATHER_MS = 100;
/** Group of nodes whose join token names none. */
const FIRST_GROUP = "nodes";
const topics = ["nodes", "links", "policy", "tokens", "keys"] as const;

/** The mesh: nodes, policy, join tokens, keys; and the status of a hub. */
export function hubOperations(parts: HubParts): Operation[] {
  const { hub } = parts;
  const by = (context: CallContext) => requirePrincipal(context).name;
  return [
    answers("status", () => ({
      role: "hub" as const,
      ...viewRoleStatus(parts.status()),
      hub: viewHub(parts.status().hub),
      ...openNow(parts),
    })),
    answers("hub.status", () => viewHub(parts.status().hub)),
    ...nodeOperations(hub, by),
    ...policyOperations(hub, by),
    ...tokenOperations(hub, by),
    ...keyOperations(hub, by),
    streams("hub.subscribe", (_, { signal }) => subscribe(hub, signal)),
  ];
}

type By = (context: CallContext) => string;

function nodeOperations(hub: HubAdmin, by: By): Operation[] {
  return [
    answers("hub.nodes", () => ({ nodes: hub.nodes().map(viewNode) })),
    answers("hub.node", ({ node }) => viewNode(hub.node(node))),
    answers("hub.node.rename", ({ node, name }, { note }) => {
      note("name", name);
      return viewNode(hub.rename(node, name));
    }),
    answers("hub.node.groups", ({ node, groups }, { note }) => {
      note("groups", groups);
      return viewNode(hub.setGroups(node, groups));
    }),
    answers("hub.node.rotate", ({ node }, context) => {
      const nodes = hub.rotateNodeKeys(node === "*" ? null : node, by(context));
      context.note("nodes", nodes.length);
      return { nodes: [...nodes] };
    }),
    answers("hub.node.remove", ({ node }, context) => {
      const removed = hub.remove(node, by(context));
      context.note("node_id", removed.nodeId);
      return viewNode(removed);
    }),
    answers("hub.topology", ({ node }) => {
      const only = node === undefined ? null : hub.node(node).nodeId;
      const links = only === null ? hub.links() : hub.links(only);
      return {
        nodes: hub.nodes().map(viewNode),
        links: links.slice(0, MOST_LINKS).map(viewLink),
        moreLinks: Math.max(0, links.length - MOST_LINKS),
      };
    }),
  ];
}

function policyOperations(hub: HubAdmin, by: By): Operation[] {
  return [
    answers("hub.policy", () => viewPolicy(hub.policy())),
    answers("hub.policy.plan", ({ rules }) => {
      const { ok, findings, changes, moreChanges, nodes } = hub.planPolicy(rules);
      return {
        ok,
        findings: [...findings],
        changes: changes.map(({ opened, closed, ...pair }) => ({ ...pair, opened: [...opened], closed: [...closed] })),
        moreChanges,
        nodes: nodes.map(({ nodeId, rules }) => ({
          nodeId,
          rules: rules.map(({ id, src, protocol, ports, log }) => ({
            id,
            src: [...src],
            protocol,
            ports: ports.map(([low, high]): [number, number] => [low, high]),
            log,
          })),
        })),
      };
    }),
    answers("hub.policy.set", ({ rules, version }, context) => {
      const policy = hub.setPolicy(rules, version, by(context));
      context.note("version", policy.version);
      context.note("rules", policy.rules.length);
      return viewPolicy(policy);
    }),
  ];
}

function tokenOperations(hub: HubAdmin, by: By): Operation[] {
  return [
    answers("hub.tokens", () => ({ tokens: hub.tokens().map(viewToken) })),
    answers("hub.token.create", ({ label, group: wanted, uses, minutes }, context) => {
      const group = wanted === "" ? FIRST_GROUP : wanted;
      const { text, token } = hub.createToken({ label, group, uses, minutes, by: by(context) });
      context.note("issued", token.id);
      context.note("group", group);
      context.note("uses", uses);
      context.note("expires", formatTime(token.expiresUs));
      return { text, token: viewToken(token) };
    }),
    answers("hub.token.revoke", ({ id }) => viewToken(hub.revokeToken(id))),
  ];
}

function keyOperations(hub: HubAdmin, by: By): Operation[] {
  const changed = (context: CallContext, keys: HubKeys) => {
    context.note("epoch", keys.epoch);
    context.note("key_index", keys.keyIndex);
    context.note("signing_key_sha256", keys.signingKeySha256);
    return viewKeys(keys);
  };
  return [
    answers("hub.keys", () => viewKeys(hub.keys())),
    answers("hub.keys.rotate_signing", (_, context) => changed(context, hub.rotateSigningKey(by(context)))),
    answers("hub.keys.rotate_tls", ({ now }, context) => {
      context.note("now", now);
      return changed(context, hub.rotateTlsKey(now, by(context)));
    }),
    answers("hub.keys.set_admin", ({ publicKey }, context) => {
      const keys = hub.setAdminKey(publicKey, by(context));
      context.note("admin_key_sha256", keys.adminKeySha256 ?? "none");
      return changed(context, keys);
    }),
    answers("hub.keys.apply", ({ object }, context) => changed(context, hub.applyAdminObject(object, by(context)))),
    answers("hub.keys.cosign_requests", () => ({
      requests: hub.cosignRequests().map(({ nodeId, name, meshIp, fingerprint }) => (
        { nodeId, name, meshIp, fingerprint }
      )),
    })),
    answers("hub.keys.propose_recovery", (_, context) => {
      const { hubId, epoch, keyIndex, signingKey, tlsSpki } = hub.proposeRecovery(by(context));
      context.note("epoch", epoch);
      return { hubId, epoch, keyIndex, signingKey, tlsSpki: [...tlsSpki] };
    }),
    answers("hub.keys.recover_unsigned", (_, context) => changed(context, hub.recoverUnsigned(by(context)))),
  ];
}

async function* subscribe(hub: HubAdmin, signal: AbortSignal) {
  const pending = new Set<typeof topics[number]>(topics);
  const wake = new Wake();
  const leave = hub.subscribe((topic) => {
    pending.add(topic);
    wake.ring();
  });
  try {
    while (!signal.aborted) {
      if (pending.size > 0) {
        const changed = topics.filter((topic) => pending.has(topic));
        pending.clear();
        yield { topics: changed };
      }
      await wake.wait(signal);
      await gather(signal);
    }
  } finally {
    leave();
  }
}

function gather(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, GATHER_MS);
    signal.addEventListener("abort", end);
  });
}

/** The hub as operations answer it: times as text. */
export function viewHub({ observers, nodes, relays, keys, ...status }: HubStatus) {
  return {
    ...status,
    observers: [...observers],
    nodes: { ...nodes },
    relays: { ...relays },
    keys: viewKeys(keys),
  };
}

function viewNode({ groups, endpoints, registeredUs, lastHeartbeatUs, ...node }: HubNode) {
  return {
    ...node,
    groups: [...groups],
    endpoints: [...endpoints],
    registered: formatTime(registeredUs),
    lastHeartbeat: formatTimeOrNull(lastHeartbeatUs),
  };
}

function viewLink({ lastHandshakeUs, ...link }: HubLink) {
  return { ...link, lastHandshake: formatTimeOrNull(lastHandshakeUs) };
}

function viewPolicy({ version, rules }: HubPolicy) {
  return {
    version,
    rules: rules.map(({ id, from, to, protocol, ports, log, comment }) => ({
      id,
      from: [...from],
      to: [...to],
      protocol,
      ports: ports.map(([low, high]): [number, number] => [low, high]),
      log,
      comment,
    })),
  };
}

function viewToken({ createdUs, expiresUs, nodes, ...token }: HubToken) {
  return { ...token, created: formatTime(createdUs), expires: formatTime(expiresUs), nodes: [...nodes] };
}

function viewKeys({ signingKeySinceUs, previousUntilUs, tlsSpki, tlsNotAfterUs, ...keys }: HubKeys) {
  return {
    ...keys,
    tlsSpki: [...tlsSpki],
    signingKeySince: formatTime(signingKeySinceUs),
    previousUntil: formatTimeOrNull(previousUntilUs),
    tlsNotAfter: formatTime(tlsNotAfterUs),
  };
}
