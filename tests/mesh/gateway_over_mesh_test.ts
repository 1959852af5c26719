import assert from "node:assert/strict";
import { join } from "node:path";
import { fleetApplications } from "../../src/cli/demo_config.ts";
import { fleet } from "../../src/sources/simulator/fleet.ts";
import { stringify } from "smol-toml";
import { startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { edgekeep, EdgekeepProcess } from "./kit/edgekeep_process.ts";
import type { Machine } from "./kit/machine.ts";
import { MeshWorld } from "./kit/mesh_world.ts";

const OPCUA = 4840;
const WEB = 8080;
const CONTROL = 17777;
const TOKEN = "a-long-token-that-only-this-test-has-0123456789";
const DEVICES = 3;

/** The gateway of the plant, as its page in the README writes it: every listener on the mesh address alone. */
function plantConfig(meshIp: string): string {
  return stringify({
    gateway: { name: "plant", data_dir: "data" },
    chirpstack: { server_address: "http://127.0.0.1:8090", api_token_file: "chirpstack-token" },
    opcua: {
      host_ip_address: meshIp,
      host_port: OPCUA,
      user_name: "operator",
      user_password: "correct horse",
      trust_client_cert: true,
    },
    storage: { flush_ms: 50 },
    runtime: {
      web: { listen: `${meshIp}:${WEB}`, auth: "token" },
      control: { endpoint: `tcp://${meshIp}:${CONTROL}`, auth_token: TOKEN },
    },
    application: fleetApplications(fleet(DEVICES)),
  });
}

/** Whether a TCP connection to the address comes about. */
async function connects(from: Machine, address: string, port: number, waitS = 3): Promise<boolean> {
  const { code } = await from.run("timeout", [String(waitS), "bash", "-c", `exec 3<> /dev/tcp/${address}/${port}`]);
  return code === 0;
}

Deno.test({
  name: "OPC UA, page and control of a plant are reached from the office through the tunnel, and in no other way",
  ...requires("network-namespaces", "wireguard-go", "nft", "ping", "curl"),
  async fn(t) {
    await using world = await MeshWorld.create();
    const plantSite = await world.network.site("psite", "cone");
    const officeSite = await world.network.site("osite", "cone");
    const plant = await world.join("plant", { machine: await plantSite.machine("plant"), group: "plant" });
    const office = await world.join("office", { machine: await officeSite.machine("office"), group: "office" });
    const neighbour = await plantSite.machine("neighbour");
    await world.untilAllReach();
    const meshIp = await plant.meshIp();
    const ports: [number, number][] = [[OPCUA, OPCUA], [WEB, WEB], [CONTROL, CONTROL]];
    await world.hub.allow([
      {
        id: "scada",
        from: ["group:office"],
        to: ["group:plant"],
        protocol: "tcp",
        ports,
        log: false,
        comment: "SCADA in the office",
      },
    ]);

    const folder = join(world.folder, "gateway");
    await Deno.mkdir(folder);
    await Deno.writeTextFile(join(folder, "chirpstack-token"), "field-token\n", { mode: 0o600 });
    const file = join(folder, "edgekeep.toml");
    await Deno.writeTextFile(file, plantConfig(meshIp), { mode: 0o600 });
    const field = new EdgekeepProcess(plant.machine, [
      ...["simulator", "--listen", "127.0.0.1:8090", "--devices", String(DEVICES), "--interval", "500"],
      ...["--token-file", join(folder, "chirpstack-token")],
    ]);
    const gateway = new EdgekeepProcess(plant.machine, ["run", "--config", file]);
    try {
      await waitFor("the plant's gateway to be ready", () => {
        assert.equal(gateway.exitCode, null, gateway.output());
        return gateway.output().includes("gateway_ready");
      }, { deadlineMs: 60_000, everyMs: 100 });

      await t.step("an OPC UA client in the office reads live values", async () => {
        await using client = await startOpcUaClient((program, args) => office.machine.command(program, args));
        const id = await client.connect(`opc.tcp://${meshIp}:${OPCUA}`);
        const [device] = fleet(DEVICES);
        const metric = fleetApplications(fleet(DEVICES))[0]?.device[0]?.read_metric[0];
        const node = `ns=2;s=${device?.devEui}/${metric?.metric_name}`;
        await waitFor("a good value", async () => {
          const [value] = await client.call<WireValue[]>("read", { id, nodes: [node] });
          return value?.status === 0;
        });
      });

      await t.step("a browser in the office gets the page, and a program its status", async () => {
        const page = await office.machine.ok("curl", ["--silent", "--max-time", "30", `http://${meshIp}:${WEB}/`]);
        assert.match(page, /<title>/);
        const made = await edgekeep(plant.machine, ["token", "create", "office", "--json", "--config", file]);
        assert.equal(made.code, 0, made.err);
        const out = await office.machine.ok("curl", [
          ...["--silent", "--max-time", "30", "--write-out", "\n%{http_code}"],
          ...["--header", `Authorization: Bearer ${JSON.parse(made.out).token}`],
          `http://${meshIp}:${WEB}/api/v1/status`,
        ]);
        assert.match(out, /^\{"role":"gateway".*\n200$/s);
      });

      await t.step("the command line in the office asks the gateway", async () => {
        const { code, out, err } = await edgekeep(office.machine, [
          ...["ctl", "status", "--json", "--plain", "--endpoint", `tcp://${meshIp}:${CONTROL}`, "--token", TOKEN],
        ]);
        assert.equal(code, 0, err);
        assert.equal(JSON.parse(out).name, "plant");
      });

      await t.step("nobody reaches any of them on the plant's own network", async () => {
        for (const port of [OPCUA, WEB, CONTROL]) {
          assert.equal(await connects(neighbour, plant.machine.address, port), false, `LAN address, port ${port}`);
        }
        // a neighbour who sends packets for the mesh address to the plant's machine
        await neighbour.ok("ip", ["route", "add", meshIp, "via", plant.machine.address]);
        for (const port of [OPCUA, WEB, CONTROL]) {
          assert.equal(await connects(neighbour, meshIp, port), false, `mesh address, port ${port}`);
        }
        for (const port of [OPCUA, WEB, CONTROL]) {
          assert.equal(
            await connects(world.hub.machine, plantSite.router.address, port),
            false,
            `from outside, ${port}`,
          );
        }
        assert.equal(await connects(office.machine, meshIp, OPCUA, 30), true, "the same question through the tunnel");
      });

      await t.step("without the rule the tunnel alone lets nobody in", async () => {
        await world.hub.allow([]);
        await waitFor("the port to close", async () => !await connects(office.machine, meshIp, OPCUA));
      });
    } finally {
      await gateway.end();
      await field.end();
    }
  },
});
