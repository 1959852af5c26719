import assert from "node:assert/strict";
import { collectOutput } from "../../lib/collect_output.ts";
import { requires } from "../../lib/requires.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { MeshNetwork } from "./mesh_network.ts";

async function namespaces(prefix: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("ip", { args: ["netns", "list"] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith(`${prefix}-`));
}

Deno.test({
  name: "machines behind routers reach the backbone, and nobody reaches them",
  ...requires("network-namespaces", "nft", "ping"),
  async fn() {
    let prefix = "";
    {
      await using network = await MeshNetwork.create();
      prefix = network.prefix;
      const hub = await network.publicMachine("hub", "203.0.113.1");
      const north = await (await network.site("north", "cone")).machine("a");
      const south = await (await network.site("south", "symmetric")).machine("b");
      for (const machine of [north, south]) assert.equal(await machine.reaches(hub.address, 5), true);
      assert.equal(await north.reaches(south.address), false);
      assert.equal(await hub.reaches(north.address), false);
      assert.equal((await namespaces(prefix)).length, 6);
    }
    assert.deepEqual(await namespaces(prefix), []);
  },
});

Deno.test({
  name: "a router that is a cone keeps the port for every destination, and a symmetric one does not",
  ...requires("network-namespaces", "nft", "python3"),
  async fn() {
    await using network = await MeshNetwork.create();
    const servers = [await network.publicMachine("s1"), await network.publicMachine("s2")];
    const seen = async (nat: "cone" | "symmetric") => {
      const machine = await (await network.site(nat, nat)).machine(`m${nat}`);
      const ports: string[] = [];
      for (const server of servers) {
        const listening = server.spawn("python3", ["-c", listener]);
        const { text, ended } = collectOutput(listening);
        await waitFor("the server to listen", () => text().includes("ready"));
        await machine.ok("python3", ["-c", sender, server.address]);
        await ended;
        await listening.status;
        const [, port] = /ready\s+(\d+)/.exec(text()) ?? [];
        assert.ok(port !== undefined, text());
        ports.push(port);
      }
      return ports;
    };
    const cone = await seen("cone");
    assert.equal(cone[0], cone[1]);
    const symmetric = await seen("symmetric");
    assert.notEqual(symmetric[0], symmetric[1]);
  },
});

const listener = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 9999)); print("ready", flush=True)
print(s.recvfrom(100)[1][1], flush=True)`;
const sender = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 51820)); s.sendto(b"x", (sys.argv[1], 9999))`;

Deno.test({
  name: "a network goes when the process that made it is killed",
  ...requires("network-namespaces", "nft"),
  async fn() {
    const maker = new Deno.Command(Deno.execPath(), {
      args: [
        ...["eval", "--quiet"],
        `const { MeshNetwork } = await import(${JSON.stringify(new URL("./mesh_network.ts", import.meta.url).href)});
         const network = await MeshNetwork.create();
         const machine = await network.publicMachine("a");
         machine.spawn("sleep", ["1000"]);
         console.log(network.prefix);
         await new Promise((resolve) => setTimeout(resolve, 1e6));`,
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = maker.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const prefix = (await reader.read()).value?.trim() ?? "";
    assert.match(prefix, /^ek[0-9a-z]{4}$/);
    assert.equal((await namespaces(prefix)).length, 2);
    maker.kill("SIGKILL");
    await maker.status;
    await reader.cancel();
    await waitFor("the namespaces to go", async () => (await namespaces(prefix)).length === 0);
  },
});

Deno.test({
  name: "a program's wall clock can be another one's than the machine's",
  ...requires("network-namespaces", "faketime"),
  async fn() {
    await using network = await MeshNetwork.create();
    const machine = await network.publicMachine("a");
    const script = "console.log(Date.now())";
    for (const clockOffsetS of [86_400, -86_400]) {
      const told = Number(await machine.ok(Deno.execPath(), ["eval", script], { clockOffsetS }));
      assert.ok(Math.abs(told - Date.now() - clockOffsetS * 1000) < 30_000, `${told}`);
    }
  },
});
