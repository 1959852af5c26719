import process from "node:process";
import { tagId, tagUpdate } from "../src/tags/tag.ts";
import { limitAlarm } from "../tests/lib/opcua_alarm_world.ts";
import { startTestServer, testDevice, testTag } from "../tests/lib/opcua_client_gateway.ts";
import { type OpcUaClientProcess, startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import { waitFor } from "../tests/lib/wait_for.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";

const DEVICES = 40;
const TAGS = 10;
const ALARMS = DEVICES * TAGS;
const CLIENTS = 3;
/** What a SCADA client shows of an alarm. */
const FIELDS = [
  "ConditionId",
  "EventId",
  "EventType",
  "SourceNode",
  "SourceName",
  "Time",
  "ReceiveTime",
  "Message",
  "Severity",
  "ConditionName",
  "BranchId",
  "Retain",
  "EnabledState/Id",
  "AckedState/Id",
  "ConfirmedState/Id",
  "ActiveState",
  "ActiveState/Id",
  "ActiveState/TransitionTime",
  "Quality",
  "ClientUserId",
];

/**
 * 400 alarms that change in one batch, with three clients that take 20 fields of each event, and ConditionRefresh of all of
 * them for a client with three items: how long the loop stands still, and when the last event has come to the last client.
 */
export async function benchOpcUaAlarms({ full }: BenchOptions): Promise<BenchRow[]> {
  const groups = Array.from({ length: DEVICES }, (_, n) => `${n}`.padStart(16, "0"));
  const names = Array.from({ length: TAGS }, (_, n) => `m${n}`);
  const all = groups.flatMap((group) => names.map((name) => ({ group, name })));
  await using server = await startTestServer({
    devices: groups.map((group) => testDevice(group)),
    tags: all.map(({ group, name }) => testTag(group, name)),
    alarms: { definitions: all.map(({ group, name }) => limitAlarm(group, name)) },
  });
  const tags = all.map(({ group, name }) => server.tags.get(tagId(group, name))).filter((tag) => tag !== undefined);
  let timeUs = Date.now() * 1000;
  const change = (value: number) => {
    timeUs++;
    server.tags.update(tags.map((tag) => tagUpdate(tag, value, timeUs)));
  };
  change(50);
  await using client = await startOpcUaClient();
  for (let i = 0; i < CLIENTS; i++) await listen(client, server.url, 1);
  const rounds = full ? 20 : 6;
  const storm = await measured(client, rounds, ALARMS * CLIENTS, (round) => {
    change(round % 2 === 0 ? 85 : 50);
    return Promise.resolve();
  });
  change(85);
  await settled(client);
  const id = await listen(client, server.url, CLIENTS);
  const refresh = await measured(client, rounds, (ALARMS + 2) * CLIENTS, async () => {
    const { status } = await client.call<{ status: string }>("invoke", {
      id: id.id,
      object: "i=2782",
      method: "i=3875",
      args: [["UInt32", id.subscription]],
    });
    if (status !== "Good") throw new Error(`Cannot measure a refresh that is answered ${status}`);
  });
  const rows = (what: string, { stallMs, stallCpuMs, lastMs, cpuMs, idleMs }: Measured): BenchRow[] => [
    {
      name: `${what}: longest stall of the loop`,
      value: stallMs,
      unit: "ms",
      must: 100,
      aim: 30,
      note: `idle ${idleMs.toFixed(1)} ms`,
    },
    { name: `${what}: CPU time in the longest stall`, value: stallCpuMs, unit: "ms", must: 100, aim: 30 },
    { name: `${what}: CPU time`, value: cpuMs, unit: "ms", note: "client not counted" },
    { name: `${what}: the last client has the last event after`, value: lastMs, unit: "ms" },
  ];
  return [
    ...rows(`${ALARMS} alarms change at once, ${CLIENTS} clients, ${FIELDS.length} fields`, storm),
    ...rows(`ConditionRefresh of ${ALARMS} alarms for ${CLIENTS} items`, refresh),
  ];
}

async function listen(client: OpcUaClientProcess, url: string, items: number) {
  const id = await client.connect(url);
  const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 250 });
  for (let i = 0; i < items; i++) {
    await client.call("alarmItem", { id, subscription, node: "i=2253", fields: FIELDS, queueSize: 2000 });
  }
  return { id, subscription };
}

interface Measured {
  readonly stallMs: number;
  readonly stallCpuMs: number;
  readonly cpuMs: number;
  readonly lastMs: number;
  readonly idleMs: number;
}

/** The worst of the rounds; `cpuMs` and `lastMs` are those of the middle one. */
async function measured(
  client: OpcUaClientProcess,
  rounds: number,
  events: number,
  act: (round: number) => Promise<void>,
): Promise<Measured> {
  let stallMs = 0;
  let stallCpuMs = 0;
  let idleMs = 0;
  const last: number[] = [];
  const cpu: number[] = [];
  const received = () => client.call<number>("eventCount", {});
  for (let round = 0; round < rounds; round++) {
    const beat = watchLoop();
    await new Promise((resolve) => setTimeout(resolve, 300));
    idleMs = Math.max(idleMs, beat.take().stallMs);
    const before = await received();
    const cpuBefore = process.cpuUsage();
    const startMs = performance.now();
    await act(round);
    await waitFor("all events to arrive", async () => await received() >= before + events, { everyMs: 5 });
    last.push(performance.now() - startMs);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpu.push((user + system) / 1000);
    const worst = beat.take();
    beat.stop();
    // the first one finds code that no compiler has seen yet: counted like all others
    stallMs = Math.max(stallMs, worst.stallMs);
    stallCpuMs = Math.max(stallCpuMs, worst.cpuMs);
  }
  const middle = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
  return { stallMs, stallCpuMs, idleMs, lastMs: middle(last), cpuMs: middle(cpu) };
}

/** The longest time between two turns of the loop, and the most CPU time that the process used in one. */
function watchLoop() {
  let worst = { stallMs: 0, cpuMs: 0 };
  let lastMs = performance.now();
  let lastCpu = process.cpuUsage();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const cpu = process.cpuUsage();
    const cpuMs = (cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1000;
    worst = { stallMs: Math.max(worst.stallMs, nowMs - lastMs), cpuMs: Math.max(worst.cpuMs, cpuMs) };
    lastMs = nowMs;
    lastCpu = cpu;
  }, 1);
  return {
    take() {
      const taken = worst;
      worst = { stallMs: 0, cpuMs: 0 };
      return taken;
    },
    stop: () => clearInterval(timer),
  };
}

/** Waits until no more events come. */
async function settled(client: OpcUaClientProcess): Promise<void> {
  let before = -1;
  await waitFor("events to end", async () => {
    const now = await client.call<number>("eventCount", {});
    const same = now === before;
    before = now;
    return same;
  }, { everyMs: 600 });
}
