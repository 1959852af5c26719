import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "smol-toml";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { type OpcUaClientProcess, startOpcUaClient } from "../lib/opcua_client_process.ts";
import { chirpstackToken, type Site, site, startSimulatedField } from "../lib/site.ts";
import type { Simulator } from "../../src/sources/simulator/start_simulator.ts";
import { seededRandom } from "../../src/sources/simulator/seeded_random.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Lives of the gateway that end at a moment nobody chose. */
const RANDOM_LIVES = 5;
const DEVICES = 14;
/** The first devices, each brought into one state before the kill. */
const [QUEUED, SENT, BEHIND, UNCONFIRMED, LOST, LOST_AND_FETCHED, LOST_AND_FORGOTTEN, REFUSED] = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
];
const PLACED = 8;

/** A command as the gateway's page lists it. */
interface ListedCommand {
  readonly id: string;
  readonly device: string;
  readonly command: string;
  readonly args: { readonly value: number };
  readonly state: string;
  readonly ended: boolean;
  readonly detail: string | null;
}

/** Two commands for each device, whose payload is the number that the test gives each command. */
function withCommands(place: Site): Site {
  const payload = { bytes: "{value:u32be}" };
  const config = parse(place.config) as { application: { device: Record<string, unknown>[] }[] };
  for (const { device } of config.application) {
    for (const one of device) {
      one["command"] = [
        { command_id: 1, command_name: "Asked", command_port: 10, command_confirmed: true, payload },
        { command_id: 2, command_name: "Told", command_port: 11, command_confirmed: false, payload },
      ];
    }
  }
  return { ...place, config: stringify({ ...config, commands: { max_per_minute: 1000 } }) };
}

async function listed({ webUrl }: GatewayProcess): Promise<ListedCommand[]> {
  const answer = await fetch(`${webUrl}/api/v1/commands?limit=1000`);
  assert.ok(answer.ok, `${answer.status} ${await answer.clone().text()}`);
  return (await answer.json() as { items: ListedCommand[] }).items;
}

/** The devices of class A, which leave a downlink in the queue until they send, before those that get it at once. */
async function fetchingFirst(network: ChirpStackClient, devEuis: readonly string[]): Promise<string[]> {
  const classes = await Promise.all(devEuis.map((devEui) => network.getDevice(devEui)));
  const fetches = (at: number) => classes[at]?.getClassEnabled() === 0;
  return [...devEuis.filter((_devEui, at) => fetches(at)), ...devEuis.filter((_devEui, at) => !fetches(at))];
}

/** Sends numbered commands over one connection; a call that the kill cut off is nobody's fault. */
async function sender(client: OpcUaClientProcess, gateway: GatewayProcess) {
  const id = await client.connect(gateway.opcuaUrl);
  return async (device: string, command: "Asked" | "Told", value: number) => {
    const args = [device, command, String(value), `key-${value}`].map((text) => ({ dataType: 12, value: text }));
    const answer = await client.call<{ status: string }>("call", {
      id,
      object: "ns=2;s=Gateway",
      method: "ns=2;s=Gateway/SendCommand",
      args,
    });
    assert.equal(answer.status, "Good");
  };
}

/** What is said of a command at the end. */
interface Ended {
  readonly value: number;
  readonly command: string;
  readonly state: string;
  readonly detail: string | null;
}

/**
 * Holds what is said of commands against what the simulated devices took: nothing twice, nothing that was not sent here,
 * and no state that is not true. Returns how many ended how.
 */
function checkTruth(simulator: Simulator, devEuis: readonly string[], commands: readonly Ended[]): string {
  const taken = new Map<number, number>();
  for (const device of devEuis) {
    for (const { data } of simulator.downlinks(device)) {
      const value = new DataView(data.buffer, data.byteOffset).getUint32(0);
      taken.set(value, (taken.get(value) ?? 0) + 1);
    }
  }
  const told = new Map<string, number>();
  for (const { value, command, state, detail } of commands) {
    told.set(state, (told.get(state) ?? 0) + 1);
    const times = taken.get(value) ?? 0;
    const what = `${command} ${value} is ${state} (${detail}) and was taken ${times} times`;
    assert.ok(times <= 1, what);
    if (state === "acked" || state === "nacked" || state === "timed_out" || state === "transmitted") {
      assert.equal(times, 1, what);
    } else if (state !== "unknown") assert.equal(times, 0, what);
    if (command === "Told") assert.ok(!["acked", "nacked", "timed_out"].includes(state), what);
  }
  assert.equal(new Set(commands.map(({ value }) => value)).size, commands.length);
  for (const value of taken.keys()) assert.ok(commands.some((one) => one.value === value), `Nobody sent ${value}`);
  return JSON.stringify(Object.fromEntries(told));
}

Deno.test("a gateway killed in every state sends no command twice, and says of each what is true", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-commands-kill-" });
  const simulator = await startSimulatedField(DEVICES);
  const { inject } = simulator;
  const network = new ChirpStackClient(simulator.url, chirpstackToken);
  const client = await startOpcUaClient();
  const place = withCommands(site({ folder, chirpstackUrl: simulator.url, devices: simulator.devices }));
  const devEuis = await fetchingFirst(network, simulator.devices.map(({ devEui }) => devEui));
  const devEui = (at: number) => devEuis[at] ?? "";
  const random = seededRandom("commands-kill");
  let number = 0;
  let gateway: GatewayProcess | undefined;
  const start = async () => {
    const started = gateway = await startGatewayProcess(place);
    await waitFor("the streams", async () => (await started.status()).sources[0]?.devicesStreaming === DEVICES);
    return started;
  };
  const uplinks = (at: number, count: number) => {
    for (let n = 0; n < count; n++) simulator.sendUplink(devEui(at), {});
  };
  const inQueue = (at: number) =>
    waitFor(`an item for device ${at}`, async () => (await network.getQueue(devEui(at))).getTotalCount() > 0);
  try {
    await t.step("killed in each state", async () => {
      const running = await start();
      const send = await sender(client, running);
      const stateOf = async (value: number) => (await listed(running)).find(({ args }) => args.value === value)?.state;
      const reaches = (value: number, state: string) =>
        waitFor(`${value} to be ${state}`, async () => await stateOf(value) === state);
      for (const at of [QUEUED, SENT, BEHIND]) await send(devEui(at), "Asked", ++number);
      await send(devEui(UNCONFIRMED), "Told", ++number);
      for (let value = 1; value <= number; value++) await reaches(value, "queued");
      await send(devEui(BEHIND), "Asked", ++number);
      uplinks(SENT, 1);
      await reaches(SENT + 1, "transmitted");
      inject.loseEnqueueAnswers = true;
      for (const at of [LOST, LOST_AND_FETCHED, LOST_AND_FORGOTTEN]) {
        await send(devEui(at), "Asked", ++number);
        await inQueue(at);
      }
      await send(devEui(LOST_AND_FORGOTTEN), "Asked", ++number);
      await inject.refuse();
      await send(devEui(REFUSED), "Asked", ++number);
      await running.end("SIGKILL");
      await inject.resume();
      inject.loseEnqueueAnswers = false;
      // fetched and acknowledged while nobody listens: ChirpStack keeps the last events
      for (const at of [QUEUED, LOST_AND_FETCHED]) uplinks(at, 2);
      // and forgets older ones
      uplinks(LOST_AND_FORGOTTEN, 16);
      assert.equal(simulator.downlinks(devEui(LOST_AND_FORGOTTEN)).length, 1);
    });

    for (let life = 0; life < RANDOM_LIVES; life++) {
      await t.step(`killed at a moment nobody chose, ${life + 1}`, async () => {
        inject.loseEnqueueAnswers = false;
        inject.latencyMs = 0;
        const running = await start();
        const send = await sender(client, running);
        // the last of the placed devices are left alone until their states were looked at
        const targets = devEuis.slice(PLACED);
        inject.latencyMs = Math.floor(random() * 30);
        inject.enqueueAnswerDelayMs = Math.floor(random() * 60);
        const pump = setInterval(() => {
          for (let at = PLACED; at < DEVICES; at++) if (random() < 0.3) uplinks(at, 1);
        }, 15);
        const sending = Promise.allSettled(targets.flatMap((device) => [
          send(device, "Asked", ++number),
          send(device, random() < 0.5 ? "Told" : "Asked", ++number),
        ]));
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * 300));
        await running.end("SIGKILL");
        if (random() < 0.5) clearInterval(pump);
        await sending;
        clearInterval(pump);
        inject.enqueueAnswerDelayMs = 0;
      });
    }

    await t.step("everything ends, in a state that is true", async () => {
      inject.latencyMs = 0;
      const running = await start();
      const pump = setInterval(() => {
        for (let at = 0; at < DEVICES; at++) uplinks(at, 1);
      }, 500);
      let commands: ListedCommand[] = [];
      try {
        await waitFor("every command to end", async () => {
          commands = await listed(running);
          return commands.length > 0 && commands.every(({ ended }) => ended);
        }, { deadlineMs: 240_000, everyMs: 500 });
      } catch (error) {
        throw new Error(`Open: ${JSON.stringify(commands.filter(({ ended }) => !ended))}\n${running.output()}`, {
          cause: error,
        });
      } finally {
        clearInterval(pump);
      }
      const told = checkTruth(simulator, devEuis, commands.map((one) => ({ ...one, value: one.args.value })));
      assert.equal(new Set(commands.map(({ args }) => args.value)).size, commands.length);
      const stateOf = (at: number) =>
        commands.filter(({ device }) => device === devEui(at)).toReversed().map(({ state }) => state);
      assert.deepEqual(
        [QUEUED, SENT, BEHIND, UNCONFIRMED, LOST, LOST_AND_FETCHED, LOST_AND_FORGOTTEN, REFUSED].map(stateOf),
        [
          ["acked"],
          ["acked"],
          ["acked", "acked"],
          ["transmitted"],
          ["acked"],
          ["acked"],
          ["unknown", "acked"],
          ["acked"],
        ],
      );
      console.log(`${commands.length} commands: ${told}`);
      assert.equal(await running.end("SIGTERM"), 0, running.output());
    });
  } finally {
    await gateway?.end("SIGKILL");
    network[Symbol.dispose]();
    await client[Symbol.asyncDispose]();
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

/** Lives of the way down alone, which starts fast enough for many kills. */
const SHORT_LIVES = 24;
const SHORT_DEVICES = 6;

/** Runs the sender; kills it `killMs` after the first number that it tells, unless that is `null`. Its lines. */
async function runSender(args: readonly string[], killMs: number | null): Promise<string[]> {
  const script = fileURLToPath(new URL("./workers/commands_drill_sender.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let text = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (killMs !== null) timer ??= setTimeout(() => child.kill("SIGKILL"), killMs);
  }
  const { signal, code } = await child.status;
  clearTimeout(timer);
  assert.equal(killMs === null ? code : signal, killMs === null ? 0 : "SIGKILL", await errors);
  await errors;
  return text.split("\n").slice(0, -1);
}

Deno.test("at many moments between taking a command and knowing its end a kill sends nothing twice", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-commands-drill-" });
  const simulator = await startSimulatedField(SHORT_DEVICES);
  const { inject } = simulator;
  const devEuis = simulator.devices.map(({ devEui }) => devEui);
  const random = seededRandom("commands-drill");
  const pump = setInterval(() => {
    for (const devEui of devEuis) if (random() < traffic) simulator.sendUplink(devEui, {});
  }, 10);
  let traffic = 0;
  try {
    let first = 1;
    const stored = new Set<number>();
    for (let life = 0; life < SHORT_LIVES; life++) {
      traffic = [0, 0.05, 0.3][life % 3] ?? 0;
      inject.loseEnqueueAnswers = random() < 0.3;
      inject.enqueueDelayMs = random() < 0.3 ? Math.floor(random() * 60) : 0;
      inject.enqueueAnswerDelayMs = random() < 0.5 ? Math.floor(random() * 60) : 0;
      const args = [folder, simulator.url, chirpstackToken, String(first), "40", ...devEuis];
      const lines = await runSender(args, Math.floor(random() * 250));
      for (const line of lines) stored.add(Number(line));
      first += 40;
      // what happens while nobody is there is more than ChirpStack keeps, or nothing
      traffic = random() < 0.5 ? traffic : 0;
    }
    inject.loseEnqueueAnswers = false;
    inject.enqueueDelayMs = inject.enqueueAnswerDelayMs = 0;
    traffic = 0.1;
    const [report] = await runSender([folder, simulator.url, chirpstackToken, "0", "0", ...devEuis], null);
    const commands = JSON.parse(report ?? "[]") as Ended[];
    const ends = checkTruth(simulator, devEuis, commands);
    for (const value of stored) {
      assert.ok(commands.some((one) => one.value === value), `${value} was stored and is lost`);
    }
    console.log(`${commands.length} commands in ${SHORT_LIVES} lives: ${ends}`);
  } finally {
    clearInterval(pump);
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
