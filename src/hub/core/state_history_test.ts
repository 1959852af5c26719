import assert from "node:assert/strict";
import fc from "fast-check";
import { meshTime, sha256, toBase64 } from "../../mesh/encoding.ts";
import { signingKeyOf } from "../../mesh/keys.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import { HubWorld, type SimulatedNode } from "../../../tests/lib/hub_world.ts";
import { HubRequestRefused } from "../hub_core.ts";

const admin = signingKeyOf(sha256("admin"));

/** One thing that happens to a hub; numbers choose among what there is. */
type Step = readonly [
  what:
    | "join"
    | "remove"
    | "leave"
    | "rename"
    | "groups"
    | "policy"
    | "report"
    | "observe"
    | "mail"
    | "rotate"
    | "ready"
    | "commit"
    | "beat"
    | "pass"
    | "cosign"
    | "revoke"
    | "signing"
    | "tls"
    | "token_rejoin"
    | "ask"
    | "follow"
    | "restart"
    | "recover",
  x: number,
  y: number,
];

const kinds: readonly Step[0][] = [
  "join",
  "join",
  "remove",
  "leave",
  "rename",
  "groups",
  "policy",
  "report",
  "observe",
  "mail",
  "rotate",
  "rotate",
  "ready",
  "commit",
  "beat",
  "beat",
  "pass",
  "cosign",
  "revoke",
  "signing",
  "tls",
  "token_rejoin",
  "ask",
  "follow",
  "follow",
  "restart",
  "recover",
];

class History {
  readonly nodes: SimulatedNode[] = [];
  readonly generations = new Map<SimulatedNode, number>();
  joined = 0;
  serial = 0;

  constructor(readonly world: HubWorld) {}

  async do([what, x, y]: Step): Promise<void> {
    const { world, nodes } = this;
    const { admin: desk, core } = world;
    const node = nodes[x % Math.max(1, nodes.length)];
    const peer = nodes[y % Math.max(1, nodes.length)];
    if (what === "join") {
      if (nodes.length >= 7) return;
      const joined = world.join(`box-${this.joined++ % 12}`, world.token(1, ["plc", "scada", "office"][y % 3]));
      nodes.push(joined);
      this.generations.set(joined, 1);
      world.core.streamOpened(joined.id);
      return;
    }
    if (what === "policy") return void this.#policy(x, y);
    if (what === "pass") return world.pass(1 + x % 40);
    if (what === "revoke") {
      const node_ids = nodes.filter((_, index) => (y >> index) & 1).map(({ id }) => id).sort();
      desk.applyAdminObject(sealObject("ek.revoke", core.hubId, { serial: this.serial++, node_ids }, admin), "anna");
      return;
    }
    if (what === "signing") return void desk.rotateSigningKey("anna");
    if (what === "tls") {
      return void (desk.keys().tlsSpki.length < 2 || x % 2 === 0 ? desk.rotateTlsKey(x % 2 === 0, "anna") : null);
    }
    if (what === "restart") {
      await world.restart();
      for (const one of nodes) world.core.streamOpened(one.id);
      return;
    }
    if (what === "recover") {
      const { hubId, epoch, keyIndex, signingKey, tlsSpki } = desk.proposeRecovery("anna");
      const text = sealObject("ek.recover", hubId, {
        epoch,
        key_index: keyIndex,
        signing_key: signingKey,
        tls_spki: [...tlsSpki],
        issued_at: meshTime(world.clock.nowUs()),
      }, admin);
      desk.applyAdminObject(text, "anna");
      for (const one of nodes) one.hubKeys.set(keyIndex, Uint8Array.fromBase64(signingKey));
      return;
    }
    if (node === undefined || peer === undefined) return;
    switch (what) {
      case "remove":
      case "leave":
        if (what === "remove") desk.remove(node.id, "anna");
        else core.deregister(node.id);
        nodes.splice(nodes.indexOf(node), 1);
        return;
      case "rename":
        if (desk.nodes().every(({ name }) => name !== `renamed-${y}`)) desk.rename(node.id, `renamed-${y}`);
        return;
      case "groups":
        desk.setGroups(node.id, ["plc", "scada", "office"].filter((_, index) => (y >> index) & 1));
        return;
      case "report":
        core.putEndpoints(node.id, [{ kind: "lan", address: `192.168.1.${1 + y % 200}:51820` }]);
        return;
      case "observe": {
        const [key] = core.wireguardKeys(node.id);
        const stamp = Buffer.alloc(12);
        stamp.writeBigUInt64BE(BigInt(world.clock.nowUs()));
        if (key === undefined) return;
        core.observed(key, 0, `198.51.100.${x % 200}:51820`, stamp);
        if (y % 3 !== 0) core.observed(key, 1, `198.51.100.${x % 200}:${51820 + y % 2}`, stamp);
        return;
      }
      case "mail":
        if (node !== peer) this.#mail(node, peer);
        return;
      case "rotate":
      case "token_rejoin": {
        const generation = (this.generations.get(node) ?? 1) + 1;
        this.generations.set(node, generation);
        const statement = node.statementOf(generation, core.hubId, node.name);
        if (what === "rotate") return core.rotate(node.id, statement.text);
        core.register(node.registerText(world.token(), {}, statement), "192.0.2.1");
        node.fetchState();
        return;
      }
      case "ready":
      case "commit": {
        const statement = node.statementOf(this.generations.get(node) ?? 1, core.hubId, node.name);
        try {
          if (what === "commit") core.rotateCommit(node.id, statement.sha256);
          else if (node !== peer) core.keyReady(peer.id, { peerId: node.id, statementSha256: statement.sha256 });
        } catch (error) {
          if (!(error instanceof HubRequestRefused)) throw error;
        }
        return;
      }
      case "beat":
        node.follow();
        node.beat({
          peers: nodes.filter((one) => one !== node).map((one) =>
            node.link(one, (["none", "none", "direct", "relay"] as const)[y % 4] ?? "none", y % 300)
          ),
        });
        return;
      case "cosign": {
        const text = sealObject("ek.cosign", core.hubId, {
          node_id: node.id,
          mesh_ip: node.state.mesh_ip,
          serial: this.serial++,
          not_after: "2100-01-01T00:00:00Z",
        }, admin);
        desk.applyAdminObject(text, "anna");
        return;
      }
      case "ask":
        desk.rotateNodeKeys(y % 4 === 0 ? null : node.id, "anna");
        return;
      case "follow":
        this.check(node);
    }
  }

  /** The node takes what it missed: its copy then has the hash that the hub calculates. */
  check(node: SimulatedNode): void {
    // a state that was fetched is followed by the mail that it jumped over
    if (node.follow()) node.follow();
    assert.equal(node.sequence, this.world.core.position(node.id).sequence);
    assert.equal(node.stateSha256, this.world.core.position(node.id).stateSha256, node.types().join());
    node.types();
  }

  #policy(x: number, y: number): void {
    const { admin: desk } = this.world;
    const names = [
      "*",
      "group:plc",
      "group:scada",
      ...desk.nodes().filter(({ state }) => state === "active").map(({ name }) => name),
    ];
    const pick = (n: number) => [names[n % names.length] ?? "*", names[(n >> 3) % names.length] ?? "*"];
    const rules = Array.from({ length: x % 4 }, (_, index) => ({
      id: `r${index}`,
      from: pick(x + index),
      to: pick(y + index),
      protocol: "tcp" as const,
      ports: [[4840, 4840 + index]] as const,
      log: index % 2 === 0,
      comment: "",
    }));
    desk.setPolicy(rules, desk.policy().version, "anna");
  }

  #mail(from: SimulatedNode, to: SimulatedNode): void {
    const { hubId } = this.world.core;
    const typ = from.id < to.id ? "ek.psk_commit" : "ek.psk_accept";
    const members = { from: from.id, to: to.id, psk_epoch: 1 + this.serial++, offer_sha256: "0".repeat(64) };
    const text = typ === "ek.psk_commit"
      ? sealObject(typ, hubId, members, from.identity)
      : sealObject(typ, hubId, { ...members, confirm: toBase64(new Uint8Array(32)) }, from.identity);
    try {
      this.world.core.mail(from.id, to.id, text);
    } catch (error) {
      if (!(error instanceof HubRequestRefused && error.status === 429)) throw error;
    }
  }
}

Deno.test("events applied to a copy lead to the state that the hub calculates, through every history", async () => {
  const step = fc.tuple(fc.constantFrom(...kinds), fc.nat(255), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      await using world = await HubWorld.open();
      world.admin.setAdminKey(toBase64(admin.publicKey), "anna");
      const history = new History(world);
      for (const one of [["join", 0, 0], ["join", 0, 1], ["join", 0, 2], ...steps] as Step[]) await history.do(one);
      for (const node of history.nodes) history.check(node);
      // what is calculated after a restart is the same
      const before = history.nodes.map(({ id }) => world.core.position(id));
      await world.restart();
      assert.deepEqual(history.nodes.map(({ id }) => world.core.position(id)), before);
    }),
    { numRuns: 25 },
  );
});
