import assert from "node:assert/strict";
import type { NodeId } from "../../mesh/ids.ts";
import type { PolicyRule } from "../../mesh/state.ts";
import { effectiveRules, type PolicyPeer } from "./effective_rules.ts";
import { explainPolicy } from "./explain_policy.ts";

const node = (digit: string) => `n_${digit.repeat(32)}` as NodeId;
const peer = (digit: string, number: number): PolicyPeer => ({
  node_id: node(digit),
  name: `box-${digit}`,
  mesh_ip: `10.100.0.${number}`,
});
const peers = [peer("a", 1), peer("b", 2), peer("c", 3)];
const rule = (id: string, src: PolicyRule["src"], ports: PolicyRule["ports"], more: Partial<PolicyRule> = {}) => ({
  id,
  src,
  ports,
  protocol: "tcp" as const,
  log: false,
  ...more,
});

const rules: PolicyRule[] = [
  rule("web", [node("a"), node("b")], [[443, 443], [8080, 8090]]),
  rule("ping", ["*"], [], { protocol: "icmp" }),
  rule("stranger", [node("d")], [[22, 22]]),
  rule("mixed", [node("c"), node("d")], [[22, 22]]),
];

Deno.test("everything that peers may reach is told with the rule that lets them", () => {
  const { grants, denied, notes } = explainPolicy(rules, peers);
  assert.deepEqual(grants.map((grant) => `${grant.peer.name} ${grant.protocol} ${grant.rule}`), [
    "box-a tcp web",
    "box-a icmp ping",
    "box-b tcp web",
    "box-b icmp ping",
    "box-c icmp ping",
    "box-c tcp mixed",
  ]);
  assert.deepEqual(denied, []);
  assert.deepEqual(notes, [
    "Rule stranger matches nothing: none of its nodes is a peer of this one",
    "Rule mixed names 1 of 2 nodes that are no peers of this one: they match nothing",
  ]);
});

Deno.test("a question for one port tells who may and who may not", () => {
  const { grants, denied } = explainPolicy(rules, peers, { protocol: "tcp", port: 8085 });
  assert.deepEqual(grants.map(({ peer, rule }) => [peer.name, rule]), [["box-a", "web"], ["box-b", "web"]]);
  assert.deepEqual(denied.map(({ name }) => name), ["box-c"]);
  assert.equal(explainPolicy(rules, peers, { from: node("c"), port: 22 }).grants[0]?.rule, "mixed");
  assert.equal(explainPolicy(rules, peers, { from: node("a"), port: 22 }).grants.length, 0);
  assert.equal(explainPolicy(rules, peers, { from: node("a"), protocol: "icmp" }).grants[0]?.rule, "ping");
});

Deno.test("a node that is no peer is told to reach nothing", () => {
  const { grants, notes } = explainPolicy(rules, peers, { from: node("d"), port: 22 });
  assert.deepEqual(grants, []);
  assert.ok(notes.includes(`${node("d")} is no peer of this node: nothing of it arrives here`));
});

Deno.test("rules act by addresses, with ports in order, merged, and each address once", () => {
  assert.deepEqual(
    effectiveRules([
      rule("r", [node("c"), node("a"), node("a")], [[20, 30], [1, 5], [25, 40], [41, 41], [50, 50]]),
      rule("none", [], [[1, 1]]),
      rule("no port", ["*"], []),
      rule("all", [node("x"), "*"], [[9, 9]], { protocol: "udp", log: true }),
    ], peers),
    [
      {
        id: "r",
        protocol: "tcp",
        sources: ["10.100.0.1", "10.100.0.3"],
        ports: [[1, 5], [20, 41], [50, 50]],
        log: false,
      },
      { id: "all", protocol: "udp", sources: "any", ports: [[9, 9]], log: true },
    ],
  );
});

Deno.test("a peer whose address is none matches nothing", () => {
  const evil = { ...peer("a", 1), mesh_ip: "10.0.0.0/0 accept" };
  assert.deepEqual(effectiveRules([rule("r", [node("a")], [[1, 1]])], [evil]), []);
});
