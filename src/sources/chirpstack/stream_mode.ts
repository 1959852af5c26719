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
  /** Enabled devices. */
  readonly devices: readonly DeviceDefinition[];
  readonly api: ChirpStackApi;
  readonly intake: DeviceIntake;
  readonly health: SourceHealth;
  readonly nowUs: () => number;
  readonly random: () => number;
}

/** A mode that runs until it is stopped. */
export interface RunningMode {
  stop(): Promise<void>;
}

/**
 * Mode `stream`: one event stream a device, on as many connections as it takes, and beside them a look-up every
 * `polling_frequency` seconds: it finds devices that ChirpStack does not know (their streams just stay silent) and
 * devices that are heard without an event (its event log is off).
 */
export function startStreamMode(options: ModeOptions): RunningMode {
  const { config, timing, devices, intake, health, random } = options;
  const stopping = new AbortController();
  const silence = new SilenceWatch();
  const open = new Set<string>();
  const streams: DeviceStreams[] = [];
  for (let first = 0; first < devices.length; first += MAX_STREAMS) {
    const part = `streams ${first / MAX_STREAMS + 1}`;
    streams.push(
      new DeviceStreams({
        config,
        timing,
        random,
        devEuis: devices.slice(first, first + MAX_STREAMS).map(({ devEui }) => devEui),
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
  }
  const looking = lookUpForever(options, silence, open, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all([looking, ...streams.map((stream) => stream.stop())]);
    },
  };
}

async function lookUpForever(
  options: ModeOptions,
  silence: SilenceWatch,
  open: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const { config, devices, api, health } = options;
  const lookup = new DeviceLookup(api, config.list_page_size, devices);
  const backoff = attemptBackoff(options);
  while (!signal.aborted) {
    let waitMs = config.polling_frequency * 1000;
    try {
      const { found, missing } = await lookup.look(config.tenant_id, signal);
      backoff.succeeded(performance.now());
      health.connection("calls", null);
      for (const { devEui } of devices) {
        const lastSeenUs = found.get(devEui)?.lastSeenUs ?? null;
        const silent = open.has(devEui) && silence.seen(devEui, lastSeenUs);
        health.looked(devEui, missing.has(devEui), silent);
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
