import type { DeviceDefinition } from "../../config/topology.ts";
import type { ChirpStackConfig } from "../../config/schema.ts";
import { CallError } from "./call_error.ts";
import type { ChirpStackApi } from "./chirpstack_api.ts";
import type { DeviceIntake } from "./device_intake.ts";
import { DeviceLookup } from "./device_lookup.ts";
import { DeviceStreams, MAX_STREAMS, type StreamState } from "./device_streams.ts";
import { pause } from "../../telemetry/pause.ts";
import { SilenceWatch } from "./silence_watch.ts";
import type { SourceHealth } from "./source_health.ts";
import { attemptBackoff, type Timing } from "./timing.ts";

/** What both modes work with. The owner stops `api`, `intake` and `health` after the mode. */
export interface ModeOptions {
  readonly config: ChirpStackConfig;
  readonly timing: Timing;
  /** Enabled devices, to begin with. */
  readonly devices: readonly DeviceDefinition[];
  readonly api: ChirpStackApi;
  readonly intake: DeviceIntake;
  readonly health: SourceHealth;
  readonly nowUs: () => number;
  readonly random: () => number;
}

/** A mode that runs until it is stopped. */
export interface RunningMode {
  /** The enabled devices from now on; nothing changes for those that stay. */
  setDevices(devices: readonly DeviceDefinition[]): void;
  stop(): Promise<void>;
}

/**
 * Mode `stream`: one event stream a device, on as many connections as it takes, and beside them a look-up every
 * `polling_frequency` seconds: it finds devices that ChirpStack does not know (their streams just stay silent) and
 * devices that are heard without an event (its event log is off).
 */
export function startStreamMode(options: ModeOptions): RunningMode {
  const { config, timing, intake, health, random } = options;
  const stopping = new AbortController();
  const silence = new SilenceWatch();
  const open = new Set<string>();
  const connections = new Map<string, DeviceStreams>();
  const lookup = new DeviceLookup(options.api, config.list_page_size, options.devices);
  let devices = options.devices;
  let last = 0;

  const connect = (devEuis: readonly string[]) => {
    const part = `streams ${++last}`;
    connections.set(
      part,
      new DeviceStreams({
        config,
        timing,
        random,
        devEuis,
        listener: {
          onEntry: (devEui, entry) => {
            silence.delivered(devEui);
            health.looked(devEui, false, false);
            intake.take(devEui, entry);
          },
          onStream: (devEui: string, state: StreamState) => {
            silence.delivered(devEui);
            if (state.kind === "open") open.add(devEui);
            else open.delete(devEui);
            health.stream(devEui, state);
          },
          onConnection: (failure) => health.connection(part, failure),
        },
      }),
    );
  };
  const add = (devEuis: readonly string[]) => {
    const waiting = [...devEuis];
    for (const streams of connections.values()) {
      while (waiting.length > 0 && streams.devEuis.size < MAX_STREAMS) streams.add(waiting.shift() ?? "");
    }
    while (waiting.length > 0) connect(waiting.splice(0, MAX_STREAMS));
  };
  /** Connections that carry nothing any more, while they end. */
  const ending = new Set<Promise<void>>();
  const remove = (devEui: string) => {
    open.delete(devEui);
    silence.forget(devEui);
    for (const [part, streams] of connections) {
      if (!streams.devEuis.has(devEui)) continue;
      streams.remove(devEui);
      if (streams.devEuis.size > 0) continue;
      connections.delete(part);
      const ended = streams.stop().finally(() => ending.delete(ended));
      ending.add(ended);
      health.forget(part);
    }
  };

  add(devices.map(({ devEui }) => devEui));
  const looking = lookUpForever({
    ...options,
    lookup,
    present: () => devices,
    isSilent: (devEui, lastSeenUs) => open.has(devEui) && silence.seen(devEui, lastSeenUs),
  }, stopping.signal);
  return {
    setDevices(next) {
      const wanted = new Set(next.map(({ devEui }) => devEui));
      const known = new Set(devices.map(({ devEui }) => devEui));
      devices = next;
      lookup.setDevices(next);
      for (const devEui of known) if (!wanted.has(devEui)) remove(devEui);
      add([...wanted].filter((devEui) => !known.has(devEui)));
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([looking, ...ending, ...[...connections.values()].map((streams) => streams.stop())]);
    },
  };
}

/** What the look-ups of mode `stream` work with. */
interface LookUps extends ModeOptions {
  readonly lookup: DeviceLookup;
  readonly present: () => readonly DeviceDefinition[];
  readonly isSilent: (devEui: string, lastSeenUs: number | null) => boolean;
}

async function lookUpForever(options: LookUps, signal: AbortSignal): Promise<void> {
  const { config, api, health, lookup } = options;
  const backoff = attemptBackoff(options);
  while (!signal.aborted) {
    let waitMs = config.polling_frequency * 1000;
    try {
      const { found, missing } = await lookup.look(config.tenant_id, signal);
      backoff.succeeded(performance.now());
      health.connection("calls", null);
      for (const { devEui } of options.present()) {
        const lastSeenUs = found.get(devEui)?.lastSeenUs ?? null;
        health.looked(devEui, missing.has(devEui), options.isSilent(devEui, lastSeenUs));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CallError)) throw error;
      health.connection("calls", error);
      await api.renew();
      waitMs = backoff.next(performance.now());
    }
    await pause(waitMs, signal);
  }
}
