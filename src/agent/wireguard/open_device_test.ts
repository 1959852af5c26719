import assert from "node:assert/strict";
import { DeviceDriver, DriverError } from "../../../tests/mesh/kit/device_driver.ts";
import { MeshNetwork } from "../../../tests/mesh/kit/mesh_network.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { newSeed, wireGuardKeyOf } from "../../mesh/keys.ts";
import { ProgramError, type RunProgram } from "../network/run_program.ts";
import { openDevice } from "./open_device.ts";
import { DeviceError } from "./wireguard_device.ts";

const signal = new AbortController().signal;
const listing = (kind: string) => JSON.stringify([{ ifname: "edgekeep0", linkinfo: { info_kind: kind } }]);

/** Answers of a machine without a daemon; what is not named succeeds and prints nothing. */
function machine(answers: Readonly<Record<string, { code?: number; stdout?: string; stderr?: string } | "missing">>) {
  const calls: string[] = [];
  const run: RunProgram = (program, args) => {
    const call = [program, ...args].join(" ");
    calls.push(call);
    const answer = Object.entries(answers).find(([start]) => call.startsWith(start))?.[1] ?? {};
    if (answer === "missing") return Promise.reject(new ProgramError("missing", `The program ${program} is missing`));
    return Promise.resolve({ code: 0, stdout: "", stderr: "", ...answer });
  };
  return { run, calls };
}

const noLink = { code: 1, stderr: 'Device "edgekeep0" does not exist.' };
const unknownType = { code: 2, stderr: "Error: Unknown device type.\n" };
const key = wireGuardKeyOf(newSeed());
const dump = `(secret)\t${Buffer.from(key.publicKey).toString("base64")}\t51820\toff\n`;

function open(run: RunProgram, backend: "auto" | "kernel" | "userspace", ownKeys: readonly Uint8Array[] = []) {
  return openDevice({ name: "edgekeep0", backend, listenPort: 51820, signal, onGone: () => {}, ownKeys, run });
}

async function codeOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
    return "opened";
  } catch (error) {
    assert.ok(error instanceof DeviceError, String(error));
    return error.code;
  }
}

Deno.test("a machine with neither backend is told which package to install", async () => {
  const { run } = machine({ "ip -j": noLink, "ip link add": unknownType, "wireguard-go": "missing" });
  await assert.rejects(open(run, "auto"), (error) => {
    assert.ok(error instanceof DeviceError && error.code === "no_backend");
    return /install the package wireguard-go/.test(error.message);
  });
  assert.equal(await codeOf(open(run, "kernel")), "no_backend");
  assert.equal(await codeOf(open(run, "userspace")), "no_backend");
});

Deno.test("what wireguard-go complains of is told, and what right it lacks", async () => {
  const opening = (stdout: string) => {
    const box = "┌────┐\n│ Running wireguard-go is not required │\n└────┘\n";
    const { run } = machine({
      "ip -j": noLink,
      "ip link add": unknownType,
      "wireguard-go": { code: 1, stdout: `ERROR: (edgekeep0) 2026/01/01 00:00:00 ${stdout}\n`, stderr: box },
    });
    return open(run, "auto");
  };
  await assert.rejects(opening('CreateTUN("edgekeep0") failed; /dev/net/tun does not exist'), (error) => {
    assert.ok(error instanceof DeviceError && error.code === "not_permitted");
    return /CreateTUN.*needs the capability CAP_NET_ADMIN and the device \/dev\/net\/tun/.test(error.message);
  });
  assert.equal(await codeOf(opening("operation not permitted")), "not_permitted");
  await assert.rejects(opening("device or resource busy"), (error) => {
    assert.ok(error instanceof DeviceError && error.code === "failed");
    return /device or resource busy$/.test(error.message);
  });
});

Deno.test("a kernel with WireGuard is chosen before the daemon, and only with the program wg", async () => {
  const { run, calls } = machine({ "ip -j": noLink, "wg show": { stdout: dump } });
  const device = await open(run, "auto", [key.publicKey]);
  assert.equal(device.backend, "kernel");
  assert.ok(calls.includes("ip link add dev edgekeep0 type wireguard"));
  assert.ok(calls.includes("sysctl -qw net.ipv6.conf.edgekeep0.disable_ipv6=1"));
  const without = machine({ "ip -j": noLink, "wg --version": "missing", "wireguard-go": "missing" });
  assert.equal(await codeOf(open(without.run, "auto")), "no_backend");
  assert.ok(!without.calls.some((call) => call.startsWith("ip link add")));
});

Deno.test("an interface of the kernel is adopted with an own key, and left alone with another one", async () => {
  const { run, calls } = machine({ "ip -j": { stdout: listing("wireguard") }, "wg show": { stdout: dump } });
  const device = await open(run, "auto", [key.publicKey]);
  assert.equal(device.backend, "kernel");
  assert.deepEqual((await device.state()).publicKey, key.publicKey);
  for (const backend of ["auto", "kernel", "userspace"] as const) {
    assert.equal(await codeOf(open(run, backend, [wireGuardKeyOf(newSeed()).publicKey])), "name_taken");
  }
  assert.ok(!calls.some((call) => /link (?:add|del)/.test(call)), calls.join("\n"));
});

Deno.test("a kernel's interface that was removed is told once and never used again", async () => {
  let gone = 0;
  const answers: Record<string, { code?: number; stdout?: string; stderr?: string }> = {
    "ip -j": { stdout: listing("wireguard") },
    "wg show": { stdout: dump },
  };
  const { run } = machine(answers);
  const device = await openDevice({
    ...{ name: "edgekeep0", backend: "kernel", listenPort: 51820, signal, run },
    ownKeys: [key.publicKey],
    onGone: () => gone++,
  });
  answers["wg show"] = { code: 1, stderr: "Unable to access interface: No such device\n" };
  assert.equal(await codeOf(device.state()), "gone");
  assert.equal(await codeOf(device.setPrivateKey(key.privateKey)), "gone");
  assert.equal(gone, 1);
});

Deno.test("a name that is no name of an interface is refused before anything runs", async () => {
  const { run, calls } = machine({});
  for (const name of ["", "-x", "a b", "0abc", "a/b", "sixteen-letters-", "x;y"]) {
    await assert.rejects(
      openDevice({ name, backend: "auto", listenPort: 0, signal, onGone: () => {}, run }),
      DeviceError,
    );
  }
  assert.deepEqual(calls, []);
});

Deno.test({
  name: "where the kernel has no WireGuard, auto takes wireguard-go, and kernel says why it cannot",
  ...requires("network-namespaces", "wireguard-go", "wg"),
  async fn() {
    await using network = await MeshNetwork.create();
    const machine = await network.publicMachine("m");
    const probe = await machine.run("ip", ["link", "add", "probe0", "type", "wireguard"]);
    await using driver = new DeviceDriver(machine);
    const name = network.tunnel("o");
    const opened = await driver.ask({ do: "open", options: { name, backend: "auto", listenPort: 51820 } });
    if (probe.code === 0) return assert.equal(opened, "kernel");
    assert.match(probe.err, /Unknown device type/);
    assert.equal(opened, "userspace");
    // the chosen backend replaces an own interface, and then cannot be had
    await assert.rejects(
      driver.ask({ do: "open", options: { name, backend: "kernel", listenPort: 51820 } }),
      (error) => error instanceof DriverError && error.code === "no_backend",
    );
  },
});
