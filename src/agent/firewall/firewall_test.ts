import assert from "node:assert/strict";
import { DriverError } from "../../../tests/mesh/kit/device_driver.ts";
import { echoes, echoOn } from "../../../tests/mesh/kit/tcp_ports.ts";
import { testMeshCidr, type TunnelEnd, TunnelPair } from "../../../tests/mesh/kit/tunnel_pair.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { textLines } from "../../../tests/lib/text_lines.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { PolicyRule } from "../../mesh/state.ts";
import { FaultBoard } from "../../telemetry/fault_board.ts";
import type { PolicyPeer } from "./effective_rules.ts";
import { createFirewall, type FirewallCounters, FirewallError } from "./firewall.ts";

const tools = requires("network-namespaces", "wireguard-go", "nft", "ping", "python3");

const nodeA = `n_${"a".repeat(32)}` as NodeId;
const stranger = `n_${"e".repeat(32)}` as NodeId;
const ping: PolicyRule = { id: "ping", src: ["*"], protocol: "icmp", ports: [], log: false };

function tcp(id: string, src: PolicyRule["src"], ports: PolicyRule["ports"], log = false): PolicyRule {
  return { id, src, protocol: "tcp", ports, log };
}

const peersOfB = (pair: TunnelPair): PolicyPeer[] => [{ node_id: nodeA, name: "a", mesh_ip: pair.a.meshIp }];

async function setRules(pair: TunnelPair, rules: readonly PolicyRule[]): Promise<void> {
  await pair.b.driver.ask({ do: "rules", rules, peers: peersOfB(pair) });
}

async function counters(end: TunnelEnd) {
  return await end.driver.ask({ do: "counters" }) as {
    readonly rules: Readonly<Record<string, { readonly packets: number }>>;
    readonly drops: FirewallCounters["drops"];
  };
}

/** A pair whose b has the rules, and whose a lets everything in. */
async function protectedPair(rules: readonly PolicyRule[]): Promise<TunnelPair> {
  const pair = await TunnelPair.create({ guarded: true });
  try {
    await pair.a.driver.ask({ do: "rules", rules: [ping], peers: [] });
    await setRules(pair, rules);
    await pair.connect();
    await waitFor("the tunnel", async () => ((await pair.a.driver.state()).peers[0]?.lastHandshakeUs ?? null) !== null);
    return pair;
  } catch (error) {
    await pair[Symbol.asyncDispose]();
    throw error;
  }
}

Deno.test({
  name: "a port range of a rule passes, every other port is dropped and counted, and ping needs a rule",
  ...tools,
  async fn() {
    await using pair = await protectedPair([tcp("range", [nodeA], [[8000, 8010]], true)]);
    const { a, b } = pair;
    await using _ = await echoOn(b.machine, [7999, 8000, 8005, 8010, 8011]);
    for (const port of [8000, 8005, 8010]) assert.equal(await echoes(a.machine, b.meshIp, port, 5), true, `${port}`);
    const before = await counters(b);
    assert.ok((before.rules["range"]?.packets ?? 0) >= 9);
    const refused = await Promise.all([7999, 8011].map((port) => echoes(a.machine, b.meshIp, port)));
    assert.deepEqual([...refused, await a.machine.reaches(b.meshIp)], [false, false, false]);
    const after = await counters(b);
    assert.ok(after.drops.denied.packets >= before.drops.denied.packets + 3, JSON.stringify(after));
    // the other way: b opens, a answers
    assert.equal(await b.machine.reaches(a.meshIp, 5), true);
    // to itself, past the tunnel
    assert.equal(await echoes(b.machine, b.meshIp, 7999, 5), true);
    await setRules(pair, [ping, tcp("range", [nodeA], [[8000, 8010]])]);
    assert.equal(await a.machine.reaches(b.meshIp, 5), true);
    // counted on through a new table
    assert.ok(((await counters(b)).rules["range"]?.packets ?? 0) >= (after.rules["range"]?.packets ?? Infinity));
  },
});

Deno.test({
  name: "a withdrawn rule ends connections that it let in",
  ...tools,
  async fn() {
    await using pair = await protectedPair([tcp("web", ["*"], [[8000, 8000]])]);
    const { a, b } = pair;
    await using _ = await echoOn(b.machine, [8000]);
    const client = a.machine.spawn("python3", ["-c", slowClient, b.meshIp, "8000"]);
    const lines = textLines(client.stdout);
    assert.equal((await lines.next()).value, "echo");
    await setRules(pair, []);
    // what was under way still comes; then nothing does
    let last = "";
    for await (last of lines);
    const said = await new Response(client.stderr).text();
    assert.equal(last, "silence", `exit code ${(await client.status).code}: ${said}`);
  },
});

/** Says "echo" for each answer and ends after two seconds without one. */
const slowClient = `import socket, sys, time
s = socket.socket(); s.settimeout(30); s.connect((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x"); s.recv(1); print("echo", flush=True); s.settimeout(2)
try:
    while True:
        s.sendall(b"x"); s.recv(1); print("echo", flush=True); time.sleep(0.1)
except TimeoutError:
    print("silence", flush=True)
`;

Deno.test({
  name: "a LAN neighbour reaches a service on the mesh address without the firewall, and not with it",
  ...tools,
  async fn() {
    await using pair = await protectedPair([tcp("web", ["*"], [[8000, 8000]])]);
    const { a, b } = pair;
    const neighbour = await pair.network.publicMachine("n");
    await neighbour.ok("ip", ["route", "add", `${b.meshIp}/32`, "via", b.machine.address]);
    await using _ = await echoOn(b.machine, [8000]);
    assert.equal(await echoes(neighbour, b.meshIp, 8000), false);
    assert.equal(await echoes(a.machine, b.meshIp, 8000, 5), true);
    // with a peer's address as its own it gets no further
    await neighbour.ok("ip", ["addr", "add", "10.100.0.77/32", "dev", "eth0"]);
    await neighbour.ok("ip", ["route", "replace", `${b.machine.address}/32`, "dev", "eth0", "src", "10.100.0.77"]);
    assert.equal(await echoes(neighbour, b.machine.address, 8000), false);
    await neighbour.ok("ip", ["route", "del", `${b.machine.address}/32`, "dev", "eth0"]);
    assert.ok((await counters(b)).drops.spoofed.packets >= 2);
    // the service itself answers the LAN: only the mesh's addresses are kept from it
    assert.equal(await echoes(neighbour, b.machine.address, 8000, 5), true);
    await b.driver.ask({ do: "unfirewall" });
    assert.equal(await echoes(neighbour, b.meshIp, 8000, 5), true);
  },
});

Deno.test({
  name: "a rule for nodes that are no peers matches nothing",
  ...tools,
  async fn() {
    await using pair = await protectedPair([tcp("ghost", [stranger], [[8000, 8000]])]);
    const { a, b } = pair;
    await using _ = await echoOn(b.machine, [8000]);
    assert.equal(await echoes(a.machine, b.meshIp, 8000), false);
    await setRules(pair, [tcp("ghost", [stranger, nodeA], [[8000, 8000]])]);
    assert.equal(await echoes(a.machine, b.meshIp, 8000, 5), true);
  },
});

Deno.test({
  name: "whatever is done to the table by hand is put back by the next look, and told",
  ...tools,
  async fn() {
    await using pair = await protectedPair([ping, tcp("web", ["*"], [[8000, 8000]])]);
    const { b } = pair;
    const table = `edgekeep_${b.interface}`;
    const listing = async () => (await b.machine.ok("nft", ["-j", "list", "table", "inet", table])).length;
    assert.equal(await b.driver.ask({ do: "verify" }), "intact");
    assert.deepEqual(await b.driver.ask({ do: "faults" }), []);
    const rules = JSON.parse(await b.machine.ok("nft", ["-j", "-a", "list", "chain", "inet", table, "mesh_input"]));
    const handle = rules.nftables.find((one: { rule?: { comment?: string } }) => one.rule?.comment === "denied").rule
      .handle;
    const hands: string[][] = [
      ["delete", "rule", "inet", table, "mesh_input", "handle", String(handle)],
      ["insert", "rule", "inet", table, "mesh_input", "accept"],
      ["flush", "chain", "inet", table, "prerouting"],
      ["add", "table", "inet", table, "{ flags dormant; }"],
      ["delete", "table", "inet", table],
      ["flush", "ruleset"],
    ];
    for (const hand of hands) {
      const before = await listing();
      await b.machine.ok("nft", hand);
      assert.equal(await b.driver.ask({ do: "verify" }), "repaired", hand.join(" "));
      assert.equal(await b.driver.ask({ do: "verify" }), "intact", hand.join(" "));
      assert.ok(Math.abs(await listing() - before) < 40, hand.join(" "));
    }
    const faults = await b.driver.ask({ do: "faults" }) as { readonly code: string }[];
    assert.deepEqual(faults.map(({ code }) => code), ["mesh_firewall_changed"]);
  },
});

Deno.test({
  name: "nothing is forwarded into, out of or through the tunnel, and nothing foreign comes out of it",
  ...tools,
  async fn() {
    await using pair = await protectedPair([ping]);
    const { a, b } = pair;
    await b.machine.ok("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
    const neighbour = await pair.network.publicMachine("n");
    await a.driver.ask({
      do: "apply",
      changes: [{
        publicKey: b.key.publicKey,
        allowedIps: [`${b.meshIp}/32`, "10.100.0.9/32", `${neighbour.address}/32`, `${b.machine.address}/32`],
      }],
    });
    await a.driver.ask({ do: "ensureRoutes", meshIps: [b.meshIp, "10.100.0.9"] });
    await b.driver.ask({ do: "ensureRoutes", meshIps: [a.meshIp, "10.100.0.9"] });
    const drops = async () => (await counters(b)).drops;
    assert.equal(await a.machine.reaches("10.100.0.9"), false);
    assert.ok((await drops()).forwarded.packets >= 1);
    // a's own socket of the tunnel must not be caught by the route
    await a.machine.ok("ip", ["route", "add", `${neighbour.address}/32`, "dev", a.interface]);
    assert.equal(await a.machine.reaches(neighbour.address), false);
    assert.ok((await drops()).foreign.packets >= 1);
    await neighbour.ok("ip", ["route", "add", `${a.meshIp}/32`, "via", b.machine.address]);
    assert.equal(await neighbour.reaches(a.meshIp), false);
    assert.ok((await drops()).spoofed.packets >= 1);
  },
});

Deno.test({
  name:
    "what is meant for the mesh does not leave by another interface when its route is missing, nor IPv6 by the tunnel",
  ...tools,
  async fn() {
    await using pair = await protectedPair([ping]);
    const { a, b } = pair;
    await b.machine.ok("ip", ["route", "add", "default", "via", a.machine.address]);
    await b.driver.ask({ do: "ensureRoutes", meshIps: [] });
    assert.equal(await b.machine.reaches(a.meshIp), false);
    assert.ok((await counters(b)).drops.leaked.packets >= 1);
    await b.machine.ok("sysctl", ["-qw", `net.ipv6.conf.${b.interface}.disable_ipv6=0`]);
    await b.machine.ok("ip", ["-6", "addr", "add", "fd00::2/64", "dev", b.interface, "nodad"]);
    await b.machine.run("ping", ["-6", "-c", "1", "-W", "1", "fd00::1"]);
    assert.ok((await counters(b)).drops.ipv6.packets >= 1);
  },
});

Deno.test({
  name: "without any table the tunnel is held down, and comes up once there is one",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create({ guarded: true });
    const { a, b } = pair;
    await a.driver.ask({ do: "firewall", interface: a.interface, meshCidr: testMeshCidr, broken: true });
    await assert.rejects(
      a.driver.ask({ do: "rules", rules: [ping], peers: [] }),
      (error) => error instanceof DriverError && /held down/.test(error.message),
    );
    await setRules(pair, [ping]);
    await pair.connect();
    assert.equal(await a.driver.ask({ do: "closed" }), true);
    const isUp = async () => (await a.machine.ok("ip", ["link", "show", "dev", a.interface])).includes(",UP");
    assert.equal(await isUp(), false);
    assert.equal(await a.machine.reaches(b.meshIp), false);
    // taken up by hand, it goes down again by the next look
    await a.machine.ok("ip", ["link", "set", "dev", a.interface, "up"]);
    assert.equal(await a.driver.ask({ do: "verify" }), "failed");
    assert.equal(await isUp(), false);
    const faults = await a.driver.ask({ do: "faults" }) as { readonly code: string }[];
    assert.deepEqual(faults.map(({ code }) => code), ["mesh_firewall_failed"]);
    await a.driver.ask({ do: "firewall", interface: a.interface, meshCidr: testMeshCidr });
    await a.driver.ask({ do: "rules", rules: [ping], peers: [] });
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
  },
});

const okNothing = { code: 0, stdout: "", stderr: "" };
const table = JSON.stringify({ nftables: [{ table: { family: "inet", name: "edgekeep_edgekeep0", handle: 7 } }] });

Deno.test("rules that nft refuses leave those of before in force, raise a fault, and are tried again", async () => {
  const faults = new FaultBoard(() => 0);
  const texts: string[] = [];
  const downs: string[] = [];
  let refuse = false;
  const firewall = createFirewall({
    interface: "edgekeep0",
    meshCidr: "10.100.0.0/16",
    signal: new AbortController().signal,
    faults,
    run: (program, args, { stdin = "" } = {}) => {
      if (program === "ip") downs.push(args.join(" "));
      if (args[0] === "-j") return Promise.resolve({ ...okNothing, stdout: table });
      if (refuse) return Promise.resolve({ ...okNothing, code: 1, stderr: "/dev/stdin:1:1: Error: No space left" });
      texts.push(stdin);
      return Promise.resolve(okNothing);
    },
  });
  assert.equal(firewall.closed, true);
  assert.equal(await firewall.verify(), "intact");
  await firewall.apply([ping], []);
  await firewall.apply([ping], []);
  assert.equal(texts.length, 1);
  assert.equal(firewall.closed, false);
  refuse = true;
  await assert.rejects(firewall.apply([], []), (error) => {
    assert.ok(error instanceof FirewallError);
    return /rules of before stay in force/.test(error.message);
  });
  assert.equal(firewall.closed, false);
  assert.equal(await firewall.verify(), "failed");
  assert.deepEqual(faults.list().map(({ code }) => code), ["mesh_firewall_failed"]);
  assert.deepEqual(downs, []);
  refuse = false;
  assert.equal(await firewall.verify(), "repaired");
  assert.deepEqual(faults.list(), []);
  assert.equal(texts.length, 2);
  assert.ok(!texts[1]?.includes("echo-request"));
});

Deno.test("no text of the hub reaches nft: neither names of rules nor addresses that are none", async () => {
  const texts: string[] = [];
  const firewall = createFirewall({
    interface: "edgekeep0",
    meshCidr: "10.100.0.0/16",
    signal: new AbortController().signal,
    faults: new FaultBoard(() => 0),
    run: (_program, args, { stdin = "" } = {}) => {
      texts.push(stdin);
      return Promise.resolve(args[0] === "-j" ? { ...okNothing, stdout: table } : okNothing);
    },
  });
  await firewall.apply([tcp('evil"; flush ruleset; "', [nodeA], [[1, 1]], true)], [{
    node_id: nodeA,
    name: 'evil"',
    mesh_ip: "10.100.0.1 }; flush ruleset; {",
  }]);
  assert.ok(texts.every((text) => !text.includes("evil") && !text.includes("flush")));
});

Deno.test({
  name: "a large table is intact at each look, until one address is added to a set by hand",
  ...tools,
  async fn() {
    await using pair = await TunnelPair.create({ guarded: true });
    const { b } = pair;
    const peers = Array.from({ length: 3000 }, (_, index): PolicyPeer => ({
      node_id: `n_${String(index).padStart(32, "0")}` as NodeId,
      name: "",
      mesh_ip: `10.100.${(index >> 8) + 1}.${index & 255}`,
    }));
    const some = (from: number, step: number) =>
      peers.filter((_, index) => index >= from && index % step === 0).map(({ node_id }) => node_id);
    const groups = [some(0, 1), some(5, 2), some(7, 3), some(0, 1)];
    const rules = groups.map((src, index) => tcp(`r${index}`, src, [[index + 1, index + 1], [90, 99]], true));
    await b.driver.ask({ do: "rules", rules, peers });
    for (let look = 0; look < 5; look++) assert.equal(await b.driver.ask({ do: "verify" }), "intact");
    const table = ["inet", `edgekeep_${b.interface}`];
    await b.machine.ok("nft", ["add", "element", ...table, "sources_1", "{ 10.100.99.99 }"]);
    assert.equal(await b.driver.ask({ do: "verify" }), "repaired");
    assert.equal(await b.driver.ask({ do: "verify" }), "intact");
  },
});

Deno.test("a mesh network that is none makes no firewall", () => {
  const options = { interface: "x", signal: new AbortController().signal, faults: new FaultBoard(() => 0) };
  assert.throws(() => createFirewall({ ...options, meshCidr: "10.100.0.0/16; flush ruleset" }), RangeError);
});
