import assert from "node:assert/strict";
import { join } from "node:path";
import type { Machine } from "../../../tests/mesh/kit/machine.ts";
import { testMeshCidr, TunnelPair } from "../../../tests/mesh/kit/tunnel_pair.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { HubRequestError } from "../hub_client/hub_requests.ts";
import { ProgramError, type RunProgram } from "../network/run_program.ts";
import type { DoctorParts } from "./doctor_parts.ts";
import { runDoctor } from "./run_doctor.ts";

const nowUs = 1_700_000_000_000_000;

function runOn(machine: Machine): RunProgram {
  return async (program, args, { stdin } = {}) => {
    const { code, out, err } = await machine.run(program, args, stdin === undefined ? {} : { input: stdin });
    return { code, stdout: out, stderr: err };
  };
}

/** Of a machine on which no program is installed. */
const bare: RunProgram = (program) =>
  Promise.reject(new ProgramError("missing", `The program ${program} is missing: install it`));

function parts(more: Partial<DoctorParts>): DoctorParts {
  return {
    interface: "edgekeep0",
    listenPort: 51820,
    backend: "auto",
    dir: "/nonexistent/agent",
    meshCidr: testMeshCidr,
    peerIps: [],
    observers: ["203.0.113.1:3478", "203.0.113.1:3479"],
    timeFloorUs: null,
    hubTimeUs: null,
    agent: null,
    unitFolders: [],
    nowUs: () => nowUs,
    run: bare,
    signal: new AbortController().signal,
    ...more,
  };
}

/** Findings as `code severity`. */
async function diagnosis(more: Partial<DoctorParts>): Promise<string[]> {
  return (await runDoctor(parts(more))).map(({ code, severity }) => `${code} ${severity}`);
}

const agent = {
  nat: { kind: "cone" as const, addresses: ["203.0.113.9:1"], reached: true },
  heldDown: null,
  backend: "userspace" as const,
};

Deno.test({
  name: "a healthy agent has no finding to act on, and each thing that is broken has its own",
  ...requires("network-namespaces", "wireguard-go", "nft", "ping"),
  async fn() {
    await using pair = await TunnelPair.create({ guarded: true });
    const { a, b } = pair;
    const rules = [{ id: "ping", src: ["*" as const], protocol: "icmp" as const, ports: [], log: false }];
    for (const end of [a, b]) await end.driver.ask({ do: "rules", rules, peers: [] });
    await pair.connect();
    await waitFor("a reply", () => a.machine.reaches(b.meshIp));
    const dir = await Deno.makeTempDir();
    try {
      await Deno.chmod(dir, 0o700);
      await Deno.writeTextFile(join(dir, "keys.json"), "", { mode: 0o600 });
      const units = join(dir, "units");
      await Deno.mkdir(units, { mode: 0o700 });
      const unit = (killMode: string) =>
        Deno.writeTextFile(
          join(units, "edgekeep-agent.service"),
          `[Service]\nExecStart=/usr/bin/edgekeep agent run --config x\nKillMode=${killMode}\n`,
          { mode: 0o600 },
        );
      await unit("process");
      const healthy: Partial<DoctorParts> = {
        interface: b.interface,
        dir,
        unitFolders: [join(dir, "none"), units],
        peerIps: [a.meshIp],
        timeFloorUs: nowUs - 1_000_000,
        hubTimeUs: () => Promise.resolve(nowUs + 2_000_000),
        agent,
        run: runOn(b.machine),
      };
      const well = await runDoctor(parts(healthy));
      assert.deepEqual(well.filter(({ severity }) => severity !== "ok"), []);
      assert.deepEqual(
        well.map(({ code }) => code).toSorted(),
        [
          ...["clock", "files", "firewall", "hub", "hub_pin", "mtu", "nat", "nftables", "other_firewall"],
          ...["route_overlap", "routes", "time_floor", "udp", "unit", "wireguard", "wireguard_version"],
        ],
      );

      // another firewall drops what ours lets in; the remedy helps
      await b.machine.ok("nft", ["-f", "-"], {
        input: "table ip filter {\nchain INPUT {\ntype filter hook input priority 0; policy drop;\n}\n}\n",
      });
      assert.equal(await a.machine.reaches(b.meshIp), false);
      const [blocked, ...rest] = (await runDoctor(parts(healthy))).filter(({ severity }) => severity !== "ok");
      assert.deepEqual(rest, []);
      assert.equal(blocked?.code, "other_firewall");
      assert.match(blocked?.detail ?? "", /ip filter/);
      assert.match(blocked?.remedy ?? "", new RegExp(`iifname "${b.interface}" accept; udp dport 51820 accept`));
      for (const rule of [`iifname "${b.interface}" accept`, "udp dport 51820 accept"]) {
        await b.machine.ok("nft", [`add rule ip filter INPUT ${rule}`]);
      }
      await waitFor("a reply", () => a.machine.reaches(b.meshIp));
      assert.deepEqual((await diagnosis(healthy)).filter((one) => !one.endsWith(" ok")), []);

      await b.machine.ok("ip", ["link", "set", "dev", "eth0", "mtu", "1300"]);
      await b.machine.ok("ip", ["route", "add", "10.100.128.0/17", "via", a.machine.address]);
      await b.machine.ok("nft", ["delete", "table", "inet", `edgekeep_${b.interface}`]);
      await Deno.chmod(join(dir, "keys.json"), 0o640);
      await unit("control-group");
      const sick = await diagnosis({
        ...healthy,
        peerIps: [a.meshIp, "10.100.0.9"],
        timeFloorUs: nowUs + 86_400_000_000,
        hubTimeUs: () => Promise.resolve(nowUs + 3_600_000_000),
        agent: { ...agent, nat: { kind: "symmetric", addresses: ["203.0.113.9:1"], reached: true } },
      });
      assert.deepEqual(sick.filter((one) => !one.endsWith(" ok")), [
        "time_floor error",
        "route_overlap error",
        "files error",
        "clock warning",
        "mtu warning",
        "firewall warning",
        "unit warning",
        "nat note",
        "routes note",
      ]);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("a machine without any program is told what to install, and the doctor does not fail", async () => {
  const findings = await runDoctor(parts({}));
  const nft = findings.find(({ code }) => code === "nftables");
  assert.equal(nft?.severity, "error");
  assert.equal(nft?.remedy, "apt install nftables");
  assert.ok(findings.some(({ code }) => code === "check_failed"));
});

Deno.test("a hub with another key is told apart from one that is away, and from none at all", async () => {
  const hubTimeUs = (code: "wrong_pin" | "unreachable") => () => Promise.reject(new HubRequestError(code, "It is so"));
  assert.ok((await diagnosis({ hubTimeUs: hubTimeUs("wrong_pin") })).includes("hub_pin error"));
  assert.ok((await diagnosis({ hubTimeUs: hubTimeUs("unreachable") })).includes("hub error"));
  assert.ok((await diagnosis({})).includes("hub note"));
});

Deno.test("a kernel without WireGuard is an error only where nothing else will do", async () => {
  const machine = (installed: readonly string[], kernel: boolean): RunProgram => (program, args) => {
    if (!installed.includes(program)) return bare(program, args);
    const none = program === "ip" && args[0] === "link" && args[1] === "add" && !kernel;
    return Promise.resolve({
      code: none ? 2 : 0,
      stdout: program === "wireguard-go" ? "wireguard-go v0.0.20190517\n" : "",
      stderr: none ? "Error: Unknown device type." : "",
    });
  };
  const found = async (more: Partial<DoctorParts>) =>
    (await diagnosis(more)).filter((one) => one.startsWith("wireguard")).toSorted();
  assert.deepEqual(await found({ run: machine(["ip", "wg"], true) }), ["wireguard ok"]);
  assert.deepEqual(await found({ run: machine(["ip"], true) }), ["wireguard error"]);
  assert.deepEqual(await found({ run: machine(["ip", "wg"], false) }), ["wireguard error"]);
  assert.deepEqual(await found({ run: machine(["ip", "wireguard-go"], false) }), [
    "wireguard ok",
    "wireguard_version warning",
  ]);
  assert.deepEqual(await found({ backend: "kernel", run: machine(["ip", "wireguard-go"], false) }), [
    "wireguard error",
    "wireguard_version warning",
  ]);
});

Deno.test("UDP that does not pass is a warning, and unknown while no agent runs", async () => {
  const nat = (more: object) => ({ agent: { ...agent, nat: { ...agent.nat, ...more } } });
  const found = async (more: Partial<DoctorParts>) =>
    (await diagnosis(more)).filter((one) => /^(?:udp|nat) /.test(one)).toSorted();
  assert.deepEqual(await found({}), ["udp note"]);
  assert.deepEqual(await found(nat({ reached: false, kind: "unknown", addresses: [] })), ["udp warning"]);
  assert.deepEqual(await found(nat({ kind: "none" })), ["nat ok", "udp ok"]);
  assert.deepEqual(await found(nat({ kind: "unknown" })), ["nat note", "udp ok"]);
  assert.deepEqual(await found({ agent, observers: [] }), ["udp note"]);
});

Deno.test("a folder with a link, or a file of another mode anywhere inside, is exposed", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const found = async () => (await diagnosis({ dir })).filter((one) => one.startsWith("files"));
    await Deno.chmod(dir, 0o700);
    await Deno.mkdir(join(dir, "peers"), { mode: 0o700 });
    await Deno.writeTextFile(join(dir, "peers", "a.json"), "", { mode: 0o600 });
    assert.deepEqual(await found(), ["files ok"]);
    await Deno.chmod(join(dir, "peers", "a.json"), 0o604);
    assert.deepEqual(await found(), ["files error"]);
    await Deno.chmod(join(dir, "peers", "a.json"), 0o600);
    await Deno.symlink("/etc/passwd", join(dir, "peers", "b.json"));
    assert.deepEqual(await found(), ["files error"]);
    await Deno.remove(join(dir, "peers", "b.json"));
    await Deno.chmod(dir, 0o755);
    assert.deepEqual(await found(), ["files error"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
