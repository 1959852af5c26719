import { configSchema } from "../src/config/schema.ts";
import { topologyOf } from "../src/config/topology.ts";
import { ChirpStackApi } from "../src/sources/chirpstack/chirpstack_api.ts";
import { DeviceIntake } from "../src/sources/chirpstack/device_intake.ts";
import { PollCycle } from "../src/sources/chirpstack/poll_mode.ts";
import { SourceHealth } from "../src/sources/chirpstack/source_health.ts";
import { defaultTiming } from "../src/sources/chirpstack/timing.ts";
import type { FleetDevice } from "../src/sources/simulator/fleet.ts";
import { TagStore } from "../src/tags/tag_store.ts";
import { EventFeed } from "../src/telemetry/event_feed.ts";
import { FaultBoard } from "../src/telemetry/fault_board.ts";
import { type BenchRow, percentile } from "./bench_row.ts";

const CYCLES = 7;
const HOUR_US = 3_600_000_000;
const METRICS = 4;

/** Poll mode with 100 devices against a server 20 ms away: the first cycle, and those of a running gateway. */
export async function benchPollCycle(): Promise<BenchRow[]> {
  const server = new Worker(new URL("./lib_poll_server.ts", import.meta.url), { type: "module" });
  const next = () => new Promise<unknown>((resolve) => server.onmessage = ({ data }) => resolve(data));
  const { url, devices } = await next() as { url: string; devices: readonly FleetDevice[] };
  const config = configSchema.parse({
    chirpstack: { server_address: url, api_token: "bench", mode: "poll" },
    application: [...Map.groupBy(devices, ({ applicationId }) => applicationId)].map(([id, members]) => ({
      application_id: id,
      application_name: id,
      device: members.map((device) => ({
        device_id: device.devEui,
        device_name: device.devEui,
        read_metric: device.metrics.slice(0, METRICS).map((metric, index) => ({
          metric_name: `m${index}`,
          chirpstack_metric_name: metric.path,
          metric_type: "String",
        })),
      })),
    })),
  });
  if (config.chirpstack === undefined) throw new Error("Cannot run the bench as the configuration has no source");
  let aheadUs = 0;
  const nowUs = () => Date.now() * 1000 + aheadUs;
  const topology = topologyOf(config);
  const tags = new TagStore({ nowUs });
  tags.define(topology.tags);
  const faults = new FaultBoard(nowUs);
  const feed = new EventFeed(nowUs);
  const api = new ChirpStackApi(config.chirpstack, defaultTiming);
  const intake = new DeviceIntake({ devices: topology.devices, tags, faults, feed, nowUs });
  const devEuis = topology.devices.map(({ devEui }) => devEui);
  const health = new SourceHealth({ mode: "poll", address: url, devEuis, faults, feed, nowUs });
  const poll = new PollCycle({
    config: config.chirpstack,
    timing: defaultTiming,
    devices: topology.devices,
    api,
    intake,
    health,
    nowUs,
    random: Math.random,
  });
  const cycle = async () => {
    const started = performance.now();
    const failure = await poll.once(new AbortController().signal);
    if (failure !== null) throw failure;
    return (performance.now() - started) / 1000;
  };
  const rounds = async (stepUs: number) => {
    const seconds: number[] = [];
    for (let round = 0; round < CYCLES; round++) {
      aheadUs += stepUs;
      server.postMessage(aheadUs);
      await next();
      seconds.push(await cycle());
    }
    return percentile(seconds, 0.5);
  };
  const first = await cycle();
  const hour = await rounds(HOUR_US);
  const heard = await rounds(0);
  const quiet = await cycle();
  intake.stop();
  health.stop();
  await api.stop();
  server.terminate();
  const name = `Poll cycle, ${devices.length} devices × ${METRICS}, 20 ms round trip`;
  return [
    {
      name: `${name}: an hour is over`,
      unit: "s",
      value: hour,
      must: 1,
      aim: 0.3,
      note: "median, every device is read",
    },
    { name: `${name}: every device was heard`, unit: "s", value: heard, note: "median, states are read" },
    { name: `${name}: no device was heard`, unit: "s", value: quiet },
    { name: `${name}: the first`, unit: "s", value: first, note: "24 hours back, with connecting" },
  ];
}
