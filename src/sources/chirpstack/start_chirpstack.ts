import type { DownlinkEvent, Downlinks } from "../../commands/commands.ts";
import type { ChirpStackConfig } from "../../config/schema.ts";
import type { DeviceDefinition } from "../../config/topology.ts";
import type { TagStore } from "../../tags/tag_store.ts";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import type { SourceStatus } from "../../telemetry/status.ts";
import { ChirpStackApi } from "./chirpstack_api.ts";
import { DeviceIntake } from "./device_intake.ts";
import { downlinkCalls } from "./downlink_calls.ts";
import { type Inventory, InventoryCache } from "./inventory.ts";
import type { ObservedKey } from "./observed_keys.ts";
import { startPollMode } from "./poll_mode.ts";
import { QueueWatch } from "./queue_watch.ts";
import { readRecentKeys } from "./recent_keys.ts";
import { SourceHealth } from "./source_health.ts";
import { type ModeOptions, startStreamMode } from "./stream_mode.ts";
import { defaultTiming, type Timing } from "./timing.ts";

/** What the source reads from and where it reports to. */
export interface ChirpStackOptions {
  readonly config: ChirpStackConfig;
  readonly devices: readonly DeviceDefinition[];
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  /** µs since the epoch, UTC. */
  readonly nowUs: () => number;
  /** Told what became of downlinks, whoever enqueued them. Replays come again after a restart. Must not throw. */
  readonly onDownlink?: (event: DownlinkEvent) => void;
  /** Uniform in [0, 1); spreads reconnects. */
  readonly random?: () => number;
  /** Overrides of {@link defaultTiming}. */
  readonly timing?: Partial<Timing>;
}

/** A running source. */
export interface ChirpStackSource {
  status(): SourceStatus;
  /** The devices from now on; streams of those that stay are not touched. */
  setDevices(devices: readonly DeviceDefinition[]): void;
  /** What ChirpStack has; kept for a minute unless `fresh`. Holes are named in `problems`. Rejects once stopped. */
  inventory(options?: { readonly fresh?: boolean }): Promise<Inventory>;
  /**
   * The keys of a device's recent uplinks, configured or not. Rejects with a {@link import("./call_error.ts").CallError}
   * when ChirpStack cannot be asked.
   */
  observedKeys(devEui: string): Promise<readonly ObservedKey[]>;
  /** The way down to the devices. Once stopped every call rejects. */
  readonly downlinks: Downlinks;
  /** Ends everything at once; never waits on the network. */
  stop(): Promise<void>;
}

/** Longest time between two looks at a queue that holds downlinks, in mode `poll`, ms. */
const QUEUE_LOOK_MS = 5000;

/** Starts reading from ChirpStack. Returns at once; connecting, and connecting again, goes on in the background. */
export function startChirpStack(options: ChirpStackOptions): ChirpStackSource {
  const { config, tags, faults, feed, nowUs, onDownlink, random = Math.random } = options;
  const timing: Timing = { ...defaultTiming, ...options.timing };
  let configured = options.devices;
  let devices = configured.filter(({ enabled }) => enabled);
  const stopping = new AbortController();
  const api = new ChirpStackApi(config, timing);
  const intake = new DeviceIntake({ devices, tags, faults, feed, nowUs, onDownlink });
  const health = new SourceHealth({
    mode: config.mode,
    address: config.server_address,
    devEuis: devices.map(({ devEui }) => devEui),
    faults,
    feed,
    nowUs,
  });
  const inventory = new InventoryCache({
    api,
    tenantId: config.tenant_id,
    configured: () => configured,
    observedKeys: (devEui) => intake.observedKeys(devEui),
    nowUs,
  }, stopping.signal);
  const modeOptions: ModeOptions = { config, timing, devices, api, intake, health, nowUs, random };
  const mode = startMode(config.mode, modeOptions);
  // in mode poll no stream tells what becomes of a downlink
  const watch = config.mode === "poll" && onDownlink !== undefined
    ? new QueueWatch({ api, everyMs: Math.min(QUEUE_LOOK_MS, config.polling_frequency * 1000), nowUs, onDownlink })
    : null;
  const watching = watch?.run(stopping.signal);
  let stopped: Promise<void> | null = null;

  return {
    status: () => ({
      name: "chirpstack",
      mode: config.mode,
      address: config.server_address,
      devices: devices.length,
      events: intake.events,
      decodingErrors: intake.decodingErrors,
      lastEventUs: intake.lastEventUs,
      ...health.status(),
    }),
    setDevices: (next) => {
      configured = next;
      devices = next.filter(({ enabled }) => enabled);
      intake.setDevices(devices);
      health.setDevices(devices.map(({ devEui }) => devEui));
      mode.setDevices(devices);
    },
    inventory: ({ fresh = false } = {}) => inventory.get(fresh),
    observedKeys: async (devEui) => {
      const seen = intake.observedKeys(devEui.toLowerCase());
      return seen.length > 0 ? seen : await readRecentKeys(config, timing, devEui.toLowerCase(), stopping.signal);
    },
    downlinks: downlinkCalls(api, watch),
    stop: () =>
      stopped ??= (async () => {
        // first: what ends because of the stop is no news
        health.stop();
        stopping.abort(new DOMException("The source was stopped", "AbortError"));
        await mode.stop();
        await watching;
        await api.stop();
        intake.stop();
      })(),
  };
}

function startMode(mode: ChirpStackConfig["mode"], options: ModeOptions) {
  switch (mode) {
    case "stream":
      return startStreamMode(options);
    case "poll":
      return startPollMode(options);
  }
}
