import type { DownlinkEvent } from "../../../commands/commands.ts";
import type { ChirpStackConfig } from "../../../config/schema.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../simulator/start_simulator.ts";
import { type ChirpStackSource, startChirpStack } from "../start_chirpstack.ts";
import type { Timing } from "../timing.ts";
import { type DeviceSketch, type Fixture, fixture } from "./fixture.ts";

/** The token of the simulated server. */
export const API_TOKEN = "token-of-the-test";

/**
 * Waits short enough for tests. Pings go as they do in a plant: on a busy machine short ones would end connections that
 * are well; {@link quickPings} are for tests of dead ones.
 */
export const quickTiming: Partial<Timing> = { firstBackoffMs: 40 };

/** Finds a dead connection within a second. */
export const quickPings: Partial<Timing> = { keepaliveMs: 300, keepaliveTimeoutMs: 500 };

/** The same for what the configuration sets; its schema would not let so short ones in. */
export const quickConfig = { max_backoff: 0.3, polling_frequency: 0.05, timeout: 10 } as const;

/** A quiet server: devices send only what the test lets them. */
export function startQuietSimulator(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({
    hostname: "127.0.0.1",
    port: 0,
    apiToken: API_TOKEN,
    devices: 5,
    intervalMs: 0,
    ...options,
  });
}

/** A source with what it works on. */
export interface World extends Fixture, AsyncDisposable {
  readonly source: ChirpStackSource;
  /** What the source told of downlinks, oldest first. */
  readonly downlinkEvents: readonly DownlinkEvent[];
}

/** Starts a source that reads some devices of a server; it is stopped at the end of the block. */
export function startWorld(
  url: string,
  devices: readonly DeviceSketch[],
  options: {
    readonly config?: Partial<ChirpStackConfig>;
    readonly timing?: Partial<Timing>;
    readonly fixture?: Fixture;
  } = {},
): World {
  const base = options.fixture ?? fixture(devices);
  const { tags, faults, feed, nowUs } = base;
  const config: ChirpStackConfig = {
    ...base.config,
    ...quickConfig,
    server_address: url,
    api_token: API_TOKEN,
    ...options.config,
  };
  const downlinkEvents: DownlinkEvent[] = [];
  const source = startChirpStack({
    config,
    onDownlink: (event) => downlinkEvents.push(event),
    devices: base.devices,
    tags,
    faults,
    feed,
    nowUs,
    timing: { ...quickTiming, ...options.timing },
  });
  return { ...base, config, source, downlinkEvents, [Symbol.asyncDispose]: () => source.stop() };
}
