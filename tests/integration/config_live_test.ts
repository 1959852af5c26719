// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, stringify } from "smol-toml";
import type { Simulator } from "../../src/sources/simulator/start_simulator.ts";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { type OpcUaClientProcess, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

const GOOD = 0;
const STALE = 0x40900000;
const GENERAL_MODEL_CHANGE = "ns=0;i=2133";

interface Metric {
  metric_name: string;
  chirpstack_metric_name: string;
  metric_type: string;
  [key: string]: unknown;
}

interface Device {
  device_id: string;
  device_name: string;
  enabled?: boolean;
  read_metric: Metric[];
  command?: Record<string, unknown>[];
}

interface Application {
  application_id: string;
  application_name: string;
  device: Device[];
}

interface World {
  readonly gateway: GatewayProcess;
  readonly simulator: Simulator;
  readonly client: OpcUaClientProcess;
  /** The client's connection, open all the time. */
  readonly id: number;
  readonly folder: string;
  /** Changes the file, has it read anew, and answers the log line of the end. */
  edit(
    change: (config: { application: Application[]; [key: string]: unknown }) => void,
  ): Promise<Record<string, unknown>>;
  events(name: string): Record<string, unknown>[];
  read(node: string, attribute?: string): Promise<WireValue>;
}

const counter = (path = "n"): Metric => ({ metric_name: "n", chirpstack_metric_name: path, metric_type: "Int" });

/** A gateway, its field and its SCADA client, each in a process of its own but for the field. */
async function withWorld(
  devices: number,
  configure: (simulator: Simulator) => readonly Application[],
  test: (world: World) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-live-" });
  const simulator = await startSimulatedField(devices);
  const { config, opcuaPort, webPort } = site({
    folder,
    chirpstackUrl: simulator.url,
    devices: [],
    chirpstack: { polling_frequency: 1 },
  });
  const whole = { ...parse(config), logging: { format: "json" }, application: configure(simulator) };
  const gateway = await startGatewayProcess({ folder, opcuaPort, webPort, config: stringify(whole) });
  const client = await startOpcUaClient();
  const file = join(folder, "edgekeep.toml");
  const lines = () =>
    gateway.output().split("\n").flatMap((line): Record<string, unknown>[] => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  const events = (name: string) => lines().filter(({ event }) => event === name);
  const ended = () => lines().filter(({ event }) => /^config_reload_(succeeded|failed)$/.test(String(event)));
  try {
    const id = await client.connect(gateway.opcuaUrl);
    await test({
      gateway,
      simulator,
      client,
      id,
      folder,
      events,
      async edit(change) {
        const before = ended().length;
        const next = parse(await Deno.readTextFile(file)) as unknown as { application: Application[] };
        change(next);
        await Deno.writeTextFile(file, stringify(next));
        Deno.kill(gateway.pid, "SIGHUP");
        await waitFor("the end of the reload", () => ended().length > before, { deadlineMs: 60_000 });
        return ended().at(-1)!;
      },
      async read(node, attribute) {
        const more = attribute === undefined ? {} : { attribute };
        return (await client.call<WireValue[]>("read", { id, nodes: [node], ...more }))[0]!;
      },
    });
    assert.equal(await gateway.end("SIGTERM"), 0, gateway.output());
  } finally {
    await client[Symbol.asyncDispose]();
    await gateway.end("SIGKILL");
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sends a counter as a device's uplinks, one each few ms, until it is stopped. */
function sendCounter(simulator: Simulator, devEui: string) {
  let n = 0;
  const timer = setInterval(() => simulator.sendUplink(devEui, { n: ++n, twice: 2 * n, label: `no. ${n}` }), 10);
  return {
    /** The last number that was sent. */
    stop: (): number => {
      clearInterval(timer);
      return n;
    },
  };
}

Deno.test("devices, metrics and applications come, go and change under open sessions, and nobody else loses a sample", async () => {
  const eui = (simulator: Simulator, position: number) => simulator.devices[position]!.devEui;
  const device = (simulator: Simulator, position: number, metrics: Metric[]): Device => ({
    device_id: eui(simulator, position),
    device_name: `Device ${position}`,
    read_metric: metrics,
  });
  await withWorld(204, (simulator) => [
    {
      application_id: "plant",
      application_name: "Plant",
      device: [device(simulator, 0, [counter()]), device(simulator, 1, [counter()]), device(simulator, 2, [counter()])],
    },
  ], async ({ client, id, simulator, edit, events, read, gateway }) => {
    const [a, b, c] = [0, 1, 2].map((position) => eui(simulator, position)) as [string, string, string];
    const nodeOf = (devEui: string, name = "n") => `ns=2;s=${devEui}/${name}`;
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    await client.call("monitorEvents", {
      id,
      subscription,
      type: GENERAL_MODEL_CHANGE,
      fields: ["EventType", "Changes"],
    });
    const monitor = (nodes: string[]) => client.call("monitor", { id, subscription, nodes, queueSize: 1000 });
    await monitor([nodeOf(a), nodeOf(b), nodeOf(c)]);
    await waitFor("three streams", async () => (await gateway.status()).sources[0]?.devicesStreaming === 3);
    const inboxes = new Map<string, WireValue[]>();
    const received = async (node: string) => {
      const box = inboxes.get(node) ?? [];
      inboxes.set(node, box);
      box.push(...await client.call<WireValue[]>("notifications", { id, node }));
      return box;
    };
    const until = (what: string, node: string, done: (value: WireValue) => boolean) =>
      waitFor(what, async () => (await received(node)).find(done));
    const changes = async () =>
      await client.call<{ Changes: { affected: string; verb: number }[] }[]>("events", { id });
    const isTold = (node: string, verb: number) =>
      waitFor(
        `an event about ${node}`,
        async () =>
          (await changes()).some(({ Changes }) =>
            Changes.some((change) => change.affected === node && (change.verb & verb) !== 0)
          ),
      );
    const version = async (node: string) => Number((await read(`${node}/$NodeVersion`)).value);

    const field = sendCounter(simulator, a);
    const other = sendCounter(simulator, c);
    await until("the first number", nodeOf(a), ({ value }) => value !== null);

    // a device goes: its items say so, and wait
    const before = await version("ns=2;s=plant");
    const removed = await edit(({ application }) => application[0]!.device.splice(1, 1));
    assert.deepEqual([removed.event, removed.effect], ["config_reload_succeeded", "live"], JSON.stringify(removed));
    await until("the end of the node", nodeOf(b), ({ statusName }) => statusName === "BadNodeIdUnknown");
    assert.equal((await read(nodeOf(b))).statusName, "BadNodeIdUnknown");
    await isTold(nodeOf(b), 2);
    assert.ok(await version("ns=2;s=plant") > before, "the application's NodeVersion counts");

    // and comes back, in another application: the same items go on
    await edit(({ application }) =>
      application.push({
        application_id: "other",
        application_name: "Other plant",
        device: [device(simulator, 1, [counter()])],
      })
    );
    await isTold(nodeOf(b), 1);
    await waitFor("its stream", async () => (await gateway.status()).sources[0]?.devicesStreaming === 3);
    simulator.sendUplink(b, { n: 77, half: 38.5 });
    await until("its value", nodeOf(b), ({ value }) => JSON.stringify(value) === "[0,77]");

    // a metric is added to a device that is heard: it shows the value of the last message at once
    await edit(({ application }) =>
      application[1]!.device[0]!.read_metric.push({
        metric_name: "half",
        chirpstack_metric_name: "half",
        metric_type: "Float",
        metric_unit: "CEL",
      })
    );
    assert.deepEqual([(await read(nodeOf(b, "half"))).value, (await read(nodeOf(b, "half"))).status], [38.5, GOOD]);

    // retargeted: same node, same history; what it shows is uncertain until the next message
    await edit(({ application }) => application[1]!.device[0]!.read_metric[0]!.chirpstack_metric_name = "twice");
    await until("the doubt", nodeOf(b), ({ status }) => status === STALE);
    simulator.sendUplink(b, { n: 78, twice: 156 });
    await until(
      "the other value",
      nodeOf(b),
      ({ value, status }) => JSON.stringify(value) === "[0,156]" && status === 0,
    );
    const history = await client.call<{ values: WireValue[] }[]>("history", {
      id,
      nodes: [nodeOf(b)],
      startMs: Date.now() - 600_000,
      endMs: Date.now() + 60_000,
    });
    await waitFor("both values in the history", async () => {
      const [found] = await client.call<{ values: WireValue[] }[]>("history", {
        id,
        nodes: [nodeOf(b)],
        startMs: Date.now() - 600_000,
        endMs: Date.now() + 60_000,
      });
      const numbers = found!.values.map(({ value }) => JSON.stringify(value));
      return numbers.includes("[0,77]") && numbers.includes("[0,156]");
    });
    assert.equal(history.length, 1);

    // another type: the node is made anew, and the item of before goes on with it
    inboxes.set(nodeOf(b), []);
    await edit(({ application }) => {
      const metric = application[1]!.device[0]!.read_metric[0]!;
      metric.chirpstack_metric_name = "label";
      metric.metric_type = "String";
    });
    assert.equal((await read(nodeOf(b), "DataType")).value, "ns=0;i=12");
    await until("the end of the other type", nodeOf(b), ({ statusName }) => statusName === "BadNodeIdUnknown");
    simulator.sendUplink(b, { label: "open" });
    await until("a text", nodeOf(b), ({ value }) => value === "open");

    // unit, range, names, places, and being switched off, all at once
    await edit(({ application }) => {
      const moved = application[1]!.device.pop()!;
      moved.device_name = "Moved";
      moved.read_metric[1]!.metric_unit = "FAH";
      moved.read_metric[1]!.range = [0, 50];
      application[0]!.device.push(moved);
      application[0]!.application_name = "The plant";
      application.pop();
    });
    assert.deepEqual((await read(`ns=2;s=${b}`, "DisplayName")).value, { text: "Moved" });
    assert.deepEqual((await read("ns=2;s=plant", "DisplayName")).value, { text: "The plant" });
    assert.equal((await read(`ns=2;s=${b}/$ApplicationName`)).value, "The plant");
    assert.equal((await read("ns=2;s=other", "DisplayName")).statusName, "BadNodeIdUnknown");
    const browsed = await client.call<{ nodeId: string }[]>("browse", { id, node: "ns=2;s=plant" });
    assert.ok(browsed.some(({ nodeId }) => nodeId === `ns=2;s=${b}`), "the device stands in its new application");
    assert.equal(
      ((await read(`${nodeOf(b, "half")}/$EngineeringUnits`)).value as { displayName: { text: string } }).displayName
        .text,
      "°F",
    );
    await edit(({ application }) => application[0]!.device[2]!.enabled = false);
    await until("the end of service", nodeOf(b), ({ statusName }) => statusName === "BadOutOfService");

    // two hundred devices in one edit
    const many = await edit(({ application }) =>
      application.push({
        application_id: "many",
        application_name: "Many",
        device: simulator.devices.slice(3, 203).map((_device, i) =>
          device(simulator, i + 3, [
            counter(),
            ...["v", "w", "x", "y"].map((name) => ({ ...counter(name), metric_name: name })),
          ])
        ),
      })
    );
    assert.equal(many.effect, "live");
    assert.equal((await read(nodeOf(eui(simulator, 202), "y"))).statusName, "BadWaitingForInitialData");
    await waitFor("their streams", async () => (await gateway.status()).sources[0]?.devicesStreaming === 202, {
      deadlineMs: 20_000,
    });
    simulator.sendUplink(eui(simulator, 202), { n: 5 });
    await waitFor("a value of the last one", async () => (await read(nodeOf(eui(simulator, 202)))).status === GOOD);
    await edit(({ application }) => application.pop());
    assert.equal((await read(nodeOf(eui(simulator, 202)))).statusName, "BadNodeIdUnknown");

    // what nobody edited was served all the time, without a gap, on the session of the beginning
    for (const [devEui, sender] of [[a, field], [c, other]] as const) {
      const last = sender.stop();
      await until("the last number", nodeOf(devEui), ({ value }) => (value as number[] | null)?.[1] === last);
      const values = (await received(nodeOf(devEui))).filter(({ value }) => value !== null);
      const numbers = values.map(({ value }) => (value as number[])[1]!);
      const first = numbers[0]!;
      assert.deepEqual(numbers, Array.from({ length: last - first + 1 }, (_, i) => first + i));
      assert.ok(values.every(({ status }) => status === GOOD));
      assert.ok(numbers.length > 100, String(numbers.length));
    }
    assert.deepEqual(events("opcua_session_closed"), []);
    assert.equal(events("worker_ready").length, 1);
    assert.equal((await gateway.status()).sources[0]?.reconnects, 0);
  });
});

Deno.test("a threshold of age counts at once", async () => {
  await withWorld(1, (simulator) => [{
    application_id: "plant",
    application_name: "Plant",
    device: [{ device_id: simulator.devices[0]!.devEui, device_name: "Probe", read_metric: [counter()] }],
  }], async ({ simulator, edit, read, gateway }) => {
    const devEui = simulator.devices[0]!.devEui;
    await waitFor("the stream", async () => (await gateway.status()).sources[0]?.devicesStreaming === 1);
    simulator.sendUplink(devEui, { n: 1 }, { timeUs: (Date.now() - 5000) * 1000 });
    const node = `ns=2;s=${devEui}/n`;
    const online = `ns=2;s=${devEui}/$online`;
    await waitFor("the value", async () => (await read(node)).status === GOOD);
    assert.deepEqual([(await read(online)).value, (await read(online)).status], [true, GOOD]);
    const live = await edit((config) => {
      config.opcua = { ...config.opcua as object, stale_threshold_seconds: 1 };
    });
    assert.equal(live.effect, "live");
    assert.equal((await read(node)).status, STALE);
    await waitFor("the device to be offline", async () => (await read(online)).value === false);
    assert.equal((await read(online)).status, GOOD);
  });
});

Deno.test("commands, alarms and aliases come and go with their device, on the session of before", async () => {
  await withWorld(2, (simulator) => [{
    application_id: "plant",
    application_name: "Plant",
    device: [{ device_id: simulator.devices[0]!.devEui, device_name: "Probe", read_metric: [counter()] }],
  }], async ({ simulator, edit, read, events, client, id }) => {
    const devEui = simulator.devices[1]!.devEui;
    const valve: Device = {
      device_id: devEui,
      device_name: "Valve",
      read_metric: [{ ...counter(), alias: "Valve.Position", alarm: { hi: 80 } }],
      command: [{ command_id: 1, command_name: "Open", command_port: 10 }],
    };
    const nodes = [`${devEui}/n`, `${devEui}/n/$alarm`, `${devEui}/$cmd/Open`, "$alias/Valve.Position"];
    const states = () =>
      Promise.all(nodes.map(async (node) => (await read(`ns=2;s=${node}`, "BrowseName")).statusName));
    const all = (status: string) => nodes.map(() => status);
    assert.deepEqual(await states(), all("BadNodeIdUnknown"));
    for (const round of [1, 2]) {
      const added = await edit(({ application }) => application[0]!.device.push(valve));
      assert.deepEqual([added.event, added.effect], ["config_reload_succeeded", "live"], JSON.stringify(added));
      assert.deepEqual(await states(), all("Good"), `round ${round}`);
      await edit(({ application }) => application[0]!.device.pop());
      assert.deepEqual(await states(), all("BadNodeIdUnknown"), `round ${round}`);
    }
    const keys = await edit((config) => {
      config.alarms = { stale_device_severity: 700, journal_retention_days: 30 };
      config.commands = { max_per_minute: 5, retention_days: 30 };
      config.storage = { ...config.storage as object, retention_days: 100 };
    });
    assert.deepEqual([keys.event, keys.effect], ["config_reload_succeeded", "live"], JSON.stringify(keys));
    assert.deepEqual(events("opcua_node_failed"), []);
    assert.equal(events("worker_ready").length, 1);
    assert.equal((await client.call<WireValue[]>("read", { id, nodes: ["i=2259"] }))[0]?.value, 0);
  });
});

Deno.test("what cannot be applied leaves the devices of before, their values and their clients alone", async () => {
  await withWorld(2, (simulator) => [{
    application_id: "plant",
    application_name: "Plant",
    device: [{ device_id: simulator.devices[0]!.devEui, device_name: "Probe", read_metric: [counter()] }],
  }], async ({ client, id, simulator, edit, read, gateway, folder }) => {
    const [devEui, other] = simulator.devices.map((device) => device.devEui) as [string, string];
    const node = `ns=2;s=${devEui}/n`;
    await waitFor("the stream", async () => (await gateway.status()).sources[0]?.devicesStreaming === 1);
    simulator.sendUplink(devEui, { n: 1 });
    await waitFor("the value", async () => (await read(node)).status === GOOD);
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    await client.call("monitor", { id, subscription, nodes: [node] });
    // the web part cannot start with a file that is no certificate; the device goes in the same edit
    await Deno.writeTextFile(join(folder, "no.pem"), "nothing");
    const refused = await edit((config) => {
      config.application[0]!.device = [{ device_id: other, device_name: "Other", read_metric: [counter()] }];
      const runtime = config.runtime as { web: Record<string, unknown>; tls: Record<string, unknown> };
      runtime.tls = { mode: "provided", cert_path: join(folder, "no.pem"), key_path: join(folder, "no.pem") };
      runtime.web.tls = true;
    });
    assert.equal(refused.event, "config_reload_failed", JSON.stringify(refused));
    assert.deepEqual([(await read(node)).status, (await read(node)).value], [GOOD, [0, 1]]);
    assert.equal((await read(`ns=2;s=${other}/n`)).statusName, "BadNodeIdUnknown");
    simulator.sendUplink(devEui, { n: 2 });
    await waitFor(
      "the next value",
      async () =>
        (await client.call<WireValue[]>("notifications", { id, node })).some(({ value }) =>
          (value as number[])[1] === 2
        ),
    );
  });
});
