import { getLogger } from "@logtape/logtape";
import { urlHost } from "../../config/address.ts";
import { guardHttp2Sessions } from "../http2_session_guard.ts";
import type { DeviceStatus } from "./device_events.ts";
import { Delays } from "./delays.ts";
import type { SentDownlink } from "./downlink_queue.ts";
import { type FaultInjection, faultInjection, noFaults } from "./fault_injection.ts";
import type { FleetDevice } from "./fleet.ts";
import type { JsonObject } from "./json_object.ts";
import { Listener } from "./listener.ts";
import { type Random, seededRandom, seedOf } from "./seeded_random.ts";
import { createServer } from "./services/create_server.ts";
import { Traffic } from "./traffic.ts";
import type { VirtualDevice } from "./virtual_device.ts";
import { createNetwork } from "./virtual_network.ts";
import { distinctTimes, wallClock } from "./wall_clock.ts";

const log = getLogger(["edgekeep", "simulator"]);

/** How a simulator is started. The required part is what the supervisor sends to a simulator's worker. */
export interface SimulatorOptions {
  readonly hostname: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** The one token that calls are answered for. */
  readonly apiToken: string;
  /** How many devices of the fleet. */
  readonly devices: number;
  /** Typical time between two frames of a device, ms. 0: devices send only what they are told to. */
  readonly intervalMs: number;
  /** The real time, µs. Default: the machine's clock. With a clock of its own a test moves the traffic by `runDue`. */
  readonly nowUs?: () => number;
  /** Jitter of the traffic. Default: always the same sequence. */
  readonly random?: Random;
  /** Events that the log of a device keeps (ChirpStack: `per_device_event_log_max_history`). Default 10. */
  readonly retainedEvents?: number;
  /** Frames that each device sent before the start, one an interval (a minute without one). Default: 10, or 0 without. */
  readonly history?: number;
  /** Calls that one connection may have open; all beyond wait without an answer. Default 200. */
  readonly streamsPerConnection?: number;
}

/** A running simulator: a ChirpStack v4 look-alike with its field of devices. */
export interface Simulator {
  /** `http://127.0.0.1:<port>`, for `server_address`. */
  readonly url: string;
  readonly devices: readonly FleetDevice[];
  /** UUID of the one tenant. */
  readonly tenantId: string;
  readonly inject: FaultInjection;
  /** Open TCP connections. */
  readonly connections: number;
  /** A device sends now (or at `timeUs`), with that decoded object; `null`: the codec could not decode the frame. */
  sendUplink(devEui: string, object: unknown, options?: { timeUs?: number; fPort?: number }): void;
  /** A device answers a status request. */
  sendStatus(devEui: string, status: DeviceStatus): void;
  /** A device joins anew: its frame counters begin at 0. */
  sendJoin(devEui: string): void;
  /** The downlinks that a device received, oldest first. */
  downlinks(devEui: string): readonly SentDownlink[];
  /** Sends every frame of the devices' own traffic that is due by now; returns how many. */
  runDue(): number;
  stop(): Promise<void>;
}

const minuteMs = 60_000;

/** Starts the simulator. Rejects with `code` EADDRINUSE when the port is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { hostname, port, apiToken, intervalMs, retainedEvents = 10, streamsPerConnection = 200 } = options;
  const { history = intervalMs > 0 ? 10 : 0, random = seededRandom("traffic"), nowUs: realNowUs = wallClock() } =
    options;
  const faults = noFaults();
  const nowUs = () => realNowUs() + faults.clockSkewMs * 1000;
  const frameTimeUs = distinctTimes(nowUs);
  const network = createNetwork({ devices: options.devices, retainedEvents, faults, nowUs });
  for (const device of network.devices.values()) sendHistory(device, nowUs(), history, intervalMs || minuteMs);

  const delays = new Delays();
  const server = createServer({ network, apiToken, faults, nowUs, delays }, streamsPerConnection);
  const listener = new Listener(hostname, port, server.accept);
  try {
    guardHttp2Sessions();
    await listener.start();
  } catch (error) {
    server.stop();
    throw error;
  }
  const senders = [...network.devices.values()].map((device) => ({
    send: (timeUs: number) => device.sendOwn(timeUs + faults.clockSkewMs * 1000),
  }));
  const traffic = new Traffic(intervalMs > 0 ? senders : [], { intervalMs, nowUs: realNowUs, random });
  if (intervalMs > 0 && options.nowUs === undefined) traffic.start();
  log.info("Simulated ChirpStack with {devices} devices listens on {hostname}:{port}", {
    event: "simulator_listening",
    devices: network.devices.size,
    hostname,
    port: listener.port,
  });

  const deviceOf = (devEui: string): VirtualDevice => {
    const device = network.devices.get(devEui.toLowerCase());
    if (device === undefined) throw new RangeError(`Cannot find the simulated device '${devEui}'`);
    return device;
  };
  return {
    url: `http://${urlHost(hostname)}:${listener.port}`,
    devices: network.fleet,
    tenantId: network.tenant.id,
    get connections() {
      return listener.connections;
    },
    inject: faultInjection(faults, listener),
    sendUplink: (devEui, object, { timeUs = frameTimeUs(), fPort = 1 } = {}) => {
      // a copy, as JSON would carry it
      const decoded = JSON.parse(JSON.stringify(object)) as JsonObject | null;
      deviceOf(devEui).send(timeUs, { fPort, data: Uint8Array.of(0), object: decoded });
    },
    sendStatus: (devEui, status) => deviceOf(devEui).answerStatus(frameTimeUs(), status),
    sendJoin: (devEui) => deviceOf(devEui).join(frameTimeUs()),
    downlinks: (devEui) => deviceOf(devEui).received,
    runDue: () => traffic.runDue(),
    stop: async () => {
      traffic.stop();
      delays.stop();
      await listener.stop();
      server.stop();
    },
  };
}

/** The past of a device, so that a fresh start has something to show; the last frame is less than a step ago. */
function sendHistory(device: VirtualDevice, nowUs: number, frames: number, stepMs: number): void {
  const stepUs = stepMs * 1000;
  const phaseUs = seedOf(device.info.devEui) / 2 ** 32 * stepUs;
  for (let back = frames; back > 0; back--) device.sendOwn(Math.floor(nowUs - back * stepUs + phaseUs));
}
