import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { sha256Hex } from "../../mesh/encoding.ts";
import { HubRefusal, type HubRule } from "../../mesh/hub_admin.ts";
import { parseJoinToken } from "../../mesh/join_token.ts";
import { openObject } from "../../mesh/signed_object.ts";
import { HubWorld } from "../../../tests/lib/hub_world.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { HubRequestRefused } from "../hub_core.ts";

function isRefusal(code: HubRefusal["code"], text = /./): (error: unknown) => boolean {
  return (error) => error instanceof HubRefusal && error.code === code && text.test(error.message);
}

function rule(change: Partial<HubRule>): HubRule {
  return {
    id: "r1",
    from: ["*"],
    to: ["*"],
    protocol: "tcp",
    ports: [[4840, 4840]],
    log: false,
    comment: "",
    ...change,
  };
}

function spkiOf(pem: string): string {
  return sha256Hex(new Uint8Array(new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })));
}

Deno.test("a policy reaches the nodes that it concerns, follows groups and names, and is changed from its present version only", async () => {
  await using world = await HubWorld.open();
  const { admin } = world;
  assert.deepEqual(admin.policy().rules.map(({ id, protocol }) => [id, protocol]), [["ping", "icmp"]]);
  const [plc, scada, office] = [
    world.join("plc-1", world.token(1, "plc")),
    world.join("scada", world.token(1, "scada")),
    world.join("office", world.token(1, "office")),
  ];
  for (const node of [plc, scada, office]) {
    node.follow();
    node.types();
  }
  const rules = [
    rule({ id: "opcua", from: ["scada"], to: ["group:plc"] }),
    rule({ id: "ping", to: ["scada"], protocol: "icmp", ports: [] }),
    rule({ id: "nobody", from: ["group:none"], to: ["plc-1"] }),
  ];
  assert.deepEqual(admin.setPolicy(rules, 0, "anna"), { version: 1, rules });
  assert.throws(() => admin.setPolicy([], 0, "anna"), isRefusal("conflict"));
  for (const node of [plc, scada, office]) node.follow();
  const told = [plc, scada, office].map((node) => node.types());
  // only the SCADA machine may be pinged from now on, by the rule that it had before
  assert.deepEqual(told, [["policy_updated"], [], ["policy_updated"]]);
  assert.deepEqual(office.state.policy.rules, []);
  assert.deepEqual(plc.state.policy.rules, [
    { id: "opcua", log: false, ports: [[4840, 4840]], protocol: "tcp", src: [scada.id] },
  ]);
  assert.deepEqual(scada.state.policy.rules.map(({ src }) => src), [["*"]]);
  admin.setGroups("office", ["plc", "office"]);
  office.follow();
  assert.deepEqual(office.state.policy.rules.map(({ id }) => id), ["opcua"]);
  admin.rename("scada", "scada-main");
  plc.follow();
  assert.deepEqual(plc.state.policy.rules.map(({ src }) => src), [[scada.id]]);
  assert.deepEqual(admin.policy().rules[0]?.from, ["scada-main"]);
  assert.equal(admin.policy().version, 2);
  admin.remove("scada-main", "anna");
  plc.follow();
  assert.deepEqual(plc.state.policy.rules, []);
  for (const node of [plc, office]) {
    node.follow();
    assert.equal(node.stateSha256, world.core.position(node.id).stateSha256);
  }
});

Deno.test("a dry run tells what opens and closes, and what is wrong, and changes nothing", async () => {
  await using world = await HubWorld.open();
  const { admin } = world;
  const [a, b] = [world.join("a"), world.join("b")];
  admin.setPolicy([rule({ from: ["a"], to: ["b"], ports: [[22, 22], [80, 90]] })], 0, "anna");
  const before = world.core.position(b.id);
  const plan = admin.planPolicy([rule({ from: ["*"], to: ["b"], ports: [[80, 90]], protocol: "udp" })]);
  assert.deepEqual(plan.changes, [{ from: a.id, to: b.id, opened: ["udp/80-90"], closed: ["tcp/22", "tcp/80-90"] }]);
  assert.deepEqual(plan.nodes.map(({ nodeId, rules }) => [nodeId, rules.length]), [[b.id, 1], [a.id, 0]]);
  assert.equal(plan.ok, true);
  const wrong = admin.planPolicy([
    rule({ id: "x", from: ["nobody"] }),
    rule({ id: "x", to: ["group:empty"] }),
    rule({ id: "bad id" }),
    rule({ id: "y", ports: [] }),
    rule({ id: "z", ports: [[90, 80]] }),
    rule({ id: "i", protocol: "icmp" }),
  ]);
  assert.equal(wrong.ok, false);
  assert.deepEqual(wrong.findings.map(({ severity, rule }) => `${severity} ${rule}`), [
    "error x",
    "error x",
    "error bad id",
    "error y",
    "error z",
    "error i",
    "warning x",
    "warning x",
  ]);
  assert.throws(() => admin.setPolicy([rule({ from: ["nobody"] })], 1, "anna"), isRefusal("bad_params", /nobody/));
  assert.deepEqual(world.core.position(b.id), before);
});

Deno.test("tokens carry the hub's pins, count down, and forget their secret", async () => {
  await using world = await HubWorld.open();
  const { admin } = world;
  const { text, token } = admin.createToken({ label: "line 3", group: "plc", uses: 2, minutes: 60, by: "anna" });
  const parsed = parseJoinToken(text);
  assert.deepEqual(
    { ...parsed, secret: "" },
    {
      url: "https://hub.plant.example:8443",
      hub: world.core.hubId,
      key: admin.keys().signingKeySha256,
      key_index: 0,
      tls_spki: [...admin.keys().tlsSpki],
      cosign: false,
      id: token.id,
      secret: "",
      expires_at: parsed.expires_at,
      group: "plc",
    },
  );
  assert.ok(!JSON.stringify([admin.tokens(), world.audit.entries, world.feed.since()]).includes(parsed.secret));
  const a = world.join("a", text);
  assert.deepEqual(admin.tokens().map(({ usesLeft, state, nodes }) => [usesLeft, state, nodes]), [[1, "open", [a.id]]]);
  world.join("b", text);
  assert.equal(admin.tokens()[0]?.state, "used");
  assert.ok((await Deno.readFile(`${world.dir}/hub.db-wal`)).length > 0);
  world.pass(70);
  world.clock.set(16 * 60_000);
  world.pass(70);
  assert.throws(() => a.join(text), (error) => error instanceof HubRequestRefused && error.code === "token_unknown");
  assert.throws(() => admin.revokeToken("t_none"), isRefusal("not_found"));
  assert.throws(
    () => admin.createToken({ label: "", group: "a b", uses: 1, minutes: 1, by: "" }),
    isRefusal("bad_params"),
  );
  assert.throws(
    () => admin.createToken({ label: "", group: "a", uses: 0, minutes: 1, by: "" }),
    isRefusal("bad_params"),
  );
  assert.throws(
    () => admin.createToken({ label: "", group: "a", uses: 1, minutes: 99_999, by: "" }),
    isRefusal("bad_params"),
  );
});

Deno.test("without an address of its own the hub makes no token, and says what to write", async () => {
  await using world = await HubWorld.open({ url: null });
  assert.throws(
    () => world.token(),
    (error) => isRefusal("not_configured")(error) && /url = /.test((error as HubRefusal).fix ?? ""),
  );
});

Deno.test("the next signing key is linked by the present one, whose last word the event about it is", async () => {
  await using world = await HubWorld.open();
  const a = world.join("a");
  const before = world.admin.keys();
  const after = world.admin.rotateSigningKey("anna");
  assert.deepEqual([after.keyIndex, after.hubId, after.epoch], [1, before.hubId, before.epoch]);
  assert.notEqual(after.signingKeySha256, before.signingKeySha256);
  assert.equal(after.previousUntilUs, world.clock.nowUs() + 600_000_000);
  const [link] = world.core.keyObjects();
  const publicKey = a.hubKeys.get(0) ?? new Uint8Array();
  const { signing_key, tls_spki } = openObject("ek.keylink", link ?? "", { hub: before.hubId, publicKey });
  assert.equal(sha256Hex(Uint8Array.fromBase64(signing_key)), after.signingKeySha256);
  assert.deepEqual(tls_spki, after.tlsSpki);
  const [event] = world.core.eventsAfter(a.id, a.epoch, a.sequence, 256) ?? [];
  assert.ok(event !== undefined);
  const nonce = "AAAAAAAAAAAAAAAAAAAAAA==";
  assert.equal(a.open(world.core.eventEnvelope(a.id, event, nonce), nonce).key_index, 0);
  assert.throws(() => a.open(world.core.tickEnvelope(a.id, nonce), nonce), /key 1/);
  a.learnKeys();
  assert.equal(a.open(world.core.tickEnvelope(a.id, nonce), nonce).key_index, 1);
  world.clock.set(601_000);
  assert.equal(a.open(world.core.eventEnvelope(a.id, event, nonce), nonce).key_index, 1);
  assert.equal(world.admin.keys().previousUntilUs, null);
  await world.restart();
  assert.deepEqual(world.admin.keys(), { ...after, previousUntilUs: null });
});

Deno.test("the next TLS key is pinned a week before it is served, or served at once when asked for", async () => {
  await using world = await HubWorld.open();
  const a = world.join("a");
  const { admin, hub } = world;
  const [first] = admin.keys().tlsSpki;
  assert.equal(spkiOf(hub.tls().certificatePem), first);
  let changes = 0;
  hub.onTls(() => changes++);
  const [served, next] = admin.rotateTlsKey(false, "anna").tlsSpki;
  assert.equal(served, first);
  assert.throws(() => admin.rotateTlsKey(false, "anna"), isRefusal("conflict"));
  a.follow();
  assert.deepEqual(a.state.tls_spki, [served, next]);
  world.clock.set(7 * 86_400_000 - 1000);
  world.pass(65);
  await waitFor("the next certificate", () => changes === 1);
  assert.deepEqual(admin.keys().tlsSpki, [next]);
  assert.equal(spkiOf(hub.tls().certificatePem), next);
  const [last] = admin.rotateTlsKey(true, "anna").tlsSpki;
  await waitFor("the certificate after it", () => changes === 2);
  assert.equal(spkiOf(hub.tls().certificatePem), last);
  a.follow();
  assert.deepEqual(a.state.tls_spki, [last]);
  assert.equal(a.stateSha256, world.core.position(a.id).stateSha256);
  const { certificatePem } = hub.tls();
  await world.restart();
  assert.equal(world.hub.tls().certificatePem, certificatePem);
});

Deno.test("presence follows streams and heartbeats; links are told by both ends", async () => {
  await using world = await HubWorld.open();
  const [a, b] = [world.join("a"), world.join("b")];
  const presence = () => world.admin.node("A").presence;
  assert.equal(presence(), "offline");
  world.core.streamOpened(a.id);
  a.beat({ peers: [a.link(b, "direct", 5)] });
  assert.equal(presence(), "online");
  world.core.streamClosed(a.id);
  assert.equal(presence(), "late");
  world.core.streamOpened(a.id);
  world.clock.set(80_000);
  assert.equal(presence(), "online");
  world.clock.set(20_000);
  assert.equal(presence(), "late");
  world.clock.set(200_000);
  assert.equal(presence(), "offline");
  assert.deepEqual(world.admin.links(b.id), world.admin.links());
  const [link, ...more] = world.admin.links();
  assert.equal(more.length, 0);
  assert.deepEqual([link?.path, link?.rttMs, new Set([link?.a, link?.b])], ["direct", 3, new Set([a.id, b.id])]);
  assert.throws(() => world.admin.node("nobody"), isRefusal("not_found"));
  assert.match(world.admin.node("a").fingerprint, /^[0-9a-f]{4}( [0-9a-f]{4}){3}$/);
});

Deno.test("changed settings are an event like any other change; the mesh's network never changes", async () => {
  await using world = await HubWorld.open();
  const a = world.join("a");
  await world.hub.stop();
  world.settings = { ...world.settings, pskMode: "hub", address: "2001:db8::1" };
  await world.start();
  a.follow();
  assert.deepEqual(a.types(), ["hub_settings"]);
  assert.equal(a.state.observers[0]?.address, "[2001:db8::1]:3478");
  assert.equal(a.stateSha256, world.core.position(a.id).stateSha256);
  await world.hub.stop();
  world.settings = { ...world.settings, meshCidr: "10.200.0.0/16" };
  await assert.rejects(world.start(), /mesh_cidr/);
  world.settings = { ...world.settings, meshCidr: "10.100.0.0/16" };
  await world.start();
});
