import assert from "node:assert/strict";
import { hubSchemas } from "../operations/schemas/hub_schemas.ts";
import type {
  HubView,
  JoinTokenView,
  KeysView,
  NewJoinTokenView,
  NodeView,
  PolicyPlanView,
  PolicyView,
  RuleView,
  TopologyView,
} from "./mesh_answers.ts";

const TIME = "2026-01-31T12:00:00.123456Z";

Deno.test("what the pages of a hub read is what the operations answer", () => {
  // each answer passes through the operation's schema and must then, by its type, be what the page takes
  const node = {
    nodeId: `n_${"0".repeat(32)}`,
    name: "north",
    meshIp: "10.100.0.1",
    groups: ["plc"],
    state: "active",
    presence: "online",
    generation: 1,
    fingerprint: "0000 1111 2222 3333",
    cosigned: false,
    registered: TIME,
    lastHeartbeat: null,
    address: "203.0.113.7",
    version: "0.1.0",
    binarySha256: "0".repeat(64),
    nat: "cone",
    endpoints: [{ kind: "lan", address: "10.1.0.2:51820" }],
    status: null,
    uptimeS: null,
    appliedSequence: null,
    sequence: 4,
  };
  const link = { a: "a", b: "b", path: "relay", rttMs: 1.5, lastHandshake: TIME, rxBytes: 1, txBytes: 2 };
  const nodes: { readonly nodes: readonly NodeView[] } = hubSchemas["hub.nodes"].result.parse({ nodes: [node] });
  const topology: TopologyView = hubSchemas["hub.topology"].result.parse({
    nodes: [node],
    links: [link],
    moreLinks: 0,
  });
  const rule: RuleView = {
    id: "scada",
    from: ["*"],
    to: ["group:plc"],
    protocol: "tcp",
    ports: [[4840, 4840]],
    log: true,
    comment: "",
  };
  const policy: PolicyView = hubSchemas["hub.policy"].result.parse({ version: 3, rules: [rule] });
  const plan: PolicyPlanView = hubSchemas["hub.policy.plan"].result.parse({
    ok: true,
    findings: [{ severity: "warning", rule: "scada", text: "It matches nobody" }],
    changes: [{ from: "a", to: "b", opened: ["tcp/4840"], closed: [] }],
    moreChanges: 0,
    nodes: [{ nodeId: "b", rules: [{ id: "scada", src: ["a"], protocol: "tcp", ports: [[4840, 4840]], log: false }] }],
  });
  const token = {
    id: "t1",
    label: "north",
    group: "",
    uses: 1,
    usesLeft: 1,
    created: TIME,
    createdBy: "ann",
    expires: TIME,
    state: "open",
    nodes: [],
  };
  const tokens: { readonly tokens: readonly JoinTokenView[] } = hubSchemas["hub.tokens"].result.parse({
    tokens: [token],
  });
  const made: NewJoinTokenView = hubSchemas["hub.token.create"].result.parse({ text: "ekj1.x", token });
  const keys = {
    hubId: `h_${"0".repeat(32)}`,
    epoch: 1,
    keyIndex: 0,
    signingKeySha256: "0".repeat(64),
    signingKeySince: TIME,
    previousUntil: null,
    tlsSpki: ["pin"],
    tlsNotAfter: TIME,
    adminKeySha256: null,
    revocationSerial: null,
    stoppedSigning: null,
  };
  const shownKeys: KeysView = hubSchemas["hub.keys"].result.parse(keys);
  const hub: HubView = hubSchemas["hub.status"].result.parse({
    hubId: keys.hubId,
    url: "https://hub.example:8443",
    meshCidr: "10.100.0.0/16",
    pskMode: "end-to-end",
    listening: "https://0.0.0.0:8443",
    observers: [],
    nodes: { active: 1, online: 1, removed: 0 },
    relays: { sessions: 0, most: 256, forwardedBytes: 0, droppedPackets: 0 },
    refusedRequests: 0,
    databaseBytes: 4096,
    keys,
  });
  assert.equal(nodes.nodes[0]?.name, "north");
  assert.equal(topology.links[0]?.path, "relay");
  assert.deepEqual(policy.rules, [rule]);
  assert.deepEqual(plan.changes[0]?.opened, ["tcp/4840"]);
  assert.equal(tokens.tokens[0]?.state, "open");
  assert.equal(made.text, "ekj1.x");
  assert.equal(shownKeys.epoch, 1);
  assert.equal(hub.nodes.online, 1);
});

Deno.test("what the page sends fits the operations", () => {
  const rule = { id: "a", from: ["*"], to: ["*"], protocol: "icmp", ports: [], log: false, comment: "" };
  assert.ok(hubSchemas["hub.policy.plan"].params.safeParse({ rules: [rule] }).success);
  assert.ok(hubSchemas["hub.policy.set"].params.safeParse({ rules: [rule], version: 3 }).success);
  const wish = { label: "north", group: "", uses: 1, minutes: 15 };
  assert.ok(hubSchemas["hub.token.create"].params.safeParse(wish).success);
  assert.ok(hubSchemas["hub.keys.rotate_tls"].params.safeParse({ now: true }).success);
});
