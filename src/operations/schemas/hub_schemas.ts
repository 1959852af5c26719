import { z } from "zod";
import { count, counter, label, nothing, time, timeOrNull } from "./fields.ts";

/** Characters of an object that the admin key signed: a revocation list of every node that a hub may have had. */
const LONGEST_OBJECT = 900_000;
const MOST_RULES = 1000;
const MOST_NAMES = 64;

const nodeName = z.string().min(1).max(128);
const node = z.object({
  nodeId: z.string(),
  name: z.string(),
  meshIp: z.string(),
  groups: z.array(z.string()),
  state: z.enum(["active", "removed"]),
  presence: z.enum(["online", "late", "offline"]).describe("late: silent for 90 s; offline: for 5 min"),
  generation: counter().describe("Of its keys"),
  fingerprint: z.string().describe("Of its identity, to compare by eye"),
  cosigned: z.boolean(),
  registered: time(),
  lastHeartbeat: timeOrNull(),
  address: z.string().nullable().describe("That its last request came from"),
  version: z.string(),
  binarySha256: z.string(),
  nat: z.enum(["unknown", "cone", "symmetric"]),
  endpoints: z.array(z.object({ kind: z.enum(["lan", "observed", "static"]), address: z.string() })),
  status: z.string().nullable().describe("What it says of itself"),
  uptimeS: counter().nullable(),
  appliedSequence: counter().nullable().describe("Of the last change that it has taken over"),
  sequence: counter().describe("Of the newest change that is meant for it"),
});

const link = z.object({
  a: z.string(),
  b: z.string(),
  path: z.enum(["lan", "direct", "relay", "none"]),
  rttMs: z.number().nullable(),
  lastHandshake: timeOrNull(),
  rxBytes: counter(),
  txBytes: counter(),
});

const token = z.object({
  id: z.string(),
  label: z.string(),
  group: z.string(),
  uses: counter(),
  usesLeft: counter(),
  created: time(),
  createdBy: z.string(),
  expires: time(),
  state: z.enum(["open", "used", "expired", "revoked"]),
  nodes: z.array(z.string()).describe("That joined with it"),
});

const protocol = z.enum(["tcp", "udp", "icmp"]);
const portNumber = z.int().min(0).max(65_535);
const ports = z.array(z.tuple([portNumber, portNumber])).max(64);
const side = (what: string) =>
  z.array(z.string().min(1).max(128)).min(1).max(MOST_NAMES).describe(
    `${what}: names of nodes, groups as group:plc, or * for all`,
  );

const rule = z.strictObject({
  id: z.string().min(1).max(64),
  from: side("Who may"),
  to: side("Whom"),
  protocol,
  ports: ports.default([]).describe("Inclusive ranges [low, high]; none for icmp"),
  log: z.boolean().default(false),
  comment: z.string().max(256).default(""),
});
const rules = z.array(rule).max(MOST_RULES);
const policy = z.object({ version: counter(), rules: z.array(z.object(rule.shape)) });

const effectiveRule = z.object({
  id: z.string(),
  src: z.array(z.string()),
  protocol,
  ports: z.array(z.tuple([portNumber, portNumber])),
  log: z.boolean(),
});

const keys = z.object({
  hubId: z.string(),
  epoch: counter(),
  keyIndex: counter(),
  signingKeySha256: z.string().describe("What join tokens pin"),
  signingKeySince: time(),
  previousUntil: timeOrNull().describe("Until when the key before is accepted"),
  tlsSpki: z.array(z.string()).describe("SHA-256 of each pinned TLS key, the served one first"),
  tlsNotAfter: time(),
  adminKeySha256: z.string().nullable().describe("Of co-signature; null: it is off"),
  revocationSerial: counter().nullable(),
  stoppedSigning: z.string().nullable().describe("Why nothing is signed until a recovery"),
});

/** How the hub as a whole is doing; part of the status of a hub. */
export const hubStatus = z.object({
  hubId: z.string(),
  url: z.string(),
  meshCidr: z.string(),
  pskMode: z.enum(["end-to-end", "hub"]),
  listening: z.string(),
  observers: z.array(z.string()),
  nodes: z.object({ active: counter(), online: counter(), removed: counter() }),
  relays: z.object({
    sessions: counter(),
    most: counter(),
    forwardedBytes: counter(),
    droppedPackets: counter(),
  }),
  refusedRequests: counter(),
  databaseBytes: counter(),
  keys,
});

const one = z.strictObject({ node: nodeName.describe("Id or name of a node") });

/** The mesh: nodes, policy, join tokens, keys. */
export const hubSchemas = {
  "hub.status": { params: nothing, result: hubStatus },
  "hub.nodes": { params: nothing, result: z.object({ nodes: z.array(node) }) },
  "hub.node": { params: one, result: node },
  "hub.node.rename": { params: z.strictObject({ ...one.shape, name: z.string().min(1).max(63) }), result: node },
  "hub.node.groups": {
    params: z.strictObject({ ...one.shape, groups: z.array(z.string().min(1).max(64)).max(MOST_NAMES) }),
    result: node,
  },
  "hub.node.rotate": {
    params: z.strictObject({ node: nodeName.describe("Id or name of a node; * for every active one") }),
    result: z.object({ nodes: z.array(z.string()).describe("Ids of those that were asked") }),
  },
  "hub.node.remove": { params: one, result: node },
  "hub.topology": {
    params: z.strictObject({ node: nodeName.optional().describe("Only its tunnels; id or name") }),
    result: z.object({
      nodes: z.array(node),
      links: z.array(link),
      moreLinks: counter().describe("Beyond those that are listed"),
    }),
  },
  "hub.policy": { params: nothing, result: policy },
  "hub.policy.plan": {
    params: z.strictObject({ rules }),
    result: z.object({
      ok: z.boolean(),
      findings: z.array(z.object({ severity: z.enum(["error", "warning"]), rule: z.string(), text: z.string() })),
      changes: z.array(z.object({
        from: z.string(),
        to: z.string(),
        opened: z.array(z.string()),
        closed: z.array(z.string()),
      })),
      moreChanges: counter().describe("Pairs beyond those that are listed"),
      nodes: z.array(z.object({ nodeId: z.string(), rules: z.array(effectiveRule) })),
    }),
  },
  "hub.policy.set": {
    params: z.strictObject({
      rules,
      version: z.coerce.number().int().min(0).describe("The one that the change starts from"),
    }),
    result: policy,
  },
  "hub.tokens": { params: nothing, result: z.object({ tokens: z.array(token) }) },
  "hub.token.create": {
    params: z.strictObject({
      label: label(),
      group: z.string().max(63).default("").describe("Group that its nodes start in; nodes unless told"),
      uses: count(1, 100, 1).describe("Nodes that may join with it"),
      minutes: count(1, 10_080, 15).describe("Until its end"),
    }),
    result: z.object({ text: z.string().describe("Shown this once"), token }),
  },
  "hub.token.revoke": { params: z.strictObject({ id: z.string().min(1).max(64) }), result: token },
  "hub.keys": { params: nothing, result: keys },
  "hub.keys.rotate_signing": { params: nothing, result: keys },
  "hub.keys.rotate_tls": {
    params: z.strictObject({ now: z.boolean().default(false).describe("Serve with the pinned one at once") }),
    result: keys,
  },
  "hub.keys.set_admin": {
    params: z.strictObject({ publicKey: z.string().min(44).max(44).describe("Raw Ed25519 key, base64") }),
    result: keys,
  },
  "hub.keys.apply": {
    params: z.strictObject({ object: z.string().min(2).max(LONGEST_OBJECT).describe("Exact text of what was signed") }),
    result: keys,
  },
  "hub.keys.cosign_requests": {
    params: nothing,
    result: z.object({
      requests: z.array(z.object({
        nodeId: z.string(),
        name: z.string(),
        meshIp: z.string(),
        fingerprint: z.string(),
      })),
    }),
  },
  "hub.keys.propose_recovery": {
    params: nothing,
    result: z.object({
      hubId: z.string(),
      epoch: counter(),
      keyIndex: counter(),
      signingKey: z.string(),
      tlsSpki: z.array(z.string()),
    }),
  },
  "hub.keys.recover_unsigned": { params: nothing, result: keys },
  "hub.subscribe": {
    params: nothing,
    result: z.object({
      topics: z.array(z.enum(["nodes", "links", "policy", "tokens", "keys"])).describe(
        "What to read anew; the first item names all",
      ),
    }),
  },
} as const;
