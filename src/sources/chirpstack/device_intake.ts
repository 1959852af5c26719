import { getLogger } from "@logtape/logtape";
import type { DownlinkEvent } from "../../commands/commands.ts";
import type { DeviceDefinition } from "../../config/topology.ts";
import { type TagUpdate, tagUpdate } from "../../tags/tag.ts";
import type { TagStore } from "../../tags/tag_store.ts";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { type DecodedTag, decodeStatus, decodeUplink, type Mapping, mapTag } from "./decode_uplink.ts";
import { DecodingWatch } from "./decoding_watch.ts";
import { type LogEntry, type NoteEvent, readLogEntry, type UplinkEvent } from "./device_event.ts";
import { formatTimeUs } from "./event_time.ts";
import { type ObservedKey, ObservedKeys } from "./observed_keys.ts";
import { RecentIdentities } from "./recent_identities.ts";

const log = getLogger(["edgekeep", "sources"]);

/** An event older than this when it arrives is a replay; its line in the feed then says when it happened. */
const OLD_US = 60_000_000;

/** Where the values go. */
export interface IntakeOptions {
  readonly devices: readonly DeviceDefinition[];
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Told what became of downlinks, before the feed is. */
  readonly onDownlink?: ((event: DownlinkEvent) => void) | undefined;
}

/** Uplinks on one port are looked at for keys once in so long; a port's keys hardly change. */
const KEYS_EVERY_US = 10_000_000;

interface DeviceState {
  readonly devEui: string;
  mappings: readonly Mapping[];
  watch: DecodingWatch;
  readonly recent: RecentIdentities;
  readonly keys: ObservedKeys;
  /** Time of the uplink whose keys were taken last, by port. */
  readonly keysUs: Map<number, number>;
  /** The newest uplink, from which a metric that is added gets its first value. */
  newest: UplinkEvent | null;
}

/**
 * The way of a device's events into the gateway: values to the tags, one batch an event; everything else to the event
 * feed; what does not fit to the fault board. A replayed event that is known is passed over.
 */
export class DeviceIntake {
  readonly #options: IntakeOptions;
  readonly #states = new Map<string, DeviceState>();
  readonly #unsubscribe: () => void;
  #events = 0;
  #decodingErrors = 0;
  #lastEventUs: number | null = null;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.setDevices(options.devices);
    this.#unsubscribe = options.tags.onDefinitions(({ added, removed, changed }) => {
      this.#map(new Set([...added, ...removed, ...changed].map((tag) => tag.definition.group)));
    });
  }

  /** The devices whose events are taken from now on; what is known of those that stay is kept. */
  setDevices(devices: readonly DeviceDefinition[]): void {
    const wanted = new Set(devices.map(({ devEui }) => devEui));
    for (const devEui of this.#states.keys()) {
      if (wanted.has(devEui)) continue;
      this.#states.delete(devEui);
      this.#options.faults.clear("device_decoding", devEui);
    }
    const added = [...wanted].filter((devEui) => !this.#states.has(devEui));
    for (const devEui of added) {
      this.#states.set(devEui, {
        devEui,
        mappings: [],
        watch: new DecodingWatch([]),
        recent: new RecentIdentities(),
        keys: new ObservedKeys(),
        keysUs: new Map(),
        newest: null,
      });
    }
    this.#map(added);
  }

  /** Events taken, replays left out. */
  get events(): number {
    return this.#events;
  }

  get decodingErrors(): number {
    return this.#decodingErrors;
  }

  /** Arrival of the newest event, µs. */
  get lastEventUs(): number | null {
    return this.#lastEventUs;
  }

  /** The tags of a device and where their values are. */
  mappings(devEui: string): readonly Mapping[] {
    return this.#states.get(devEui)?.mappings ?? [];
  }

  /** The keys that the device's uplinks held since the start. */
  observedKeys(devEui: string): ObservedKey[] {
    return this.#states.get(devEui)?.keys.list() ?? [];
  }

  /** Takes an entry of a device's event log. Never throws for what the entry holds. */
  take(devEui: string, entry: LogEntry): void {
    const state = this.#states.get(devEui);
    if (state === undefined) return;
    const event = readLogEntry(entry);
    if (event.kind === "unreadable") {
      log.debug("Passed over an event of {devEui}: {cause}", { event: "event_unreadable", devEui, cause: event.cause });
      return;
    }
    if (!state.recent.add(event.identity)) return;
    this.#events++;
    this.#lastEventUs = this.#options.nowUs();
    switch (event.kind) {
      case "up":
        this.#observe(state, event);
        if (event.timeUs >= (state.newest?.timeUs ?? 0)) state.newest = event;
        state.watch.countUplink(event.object !== null);
        return this.#store(state, decodeUplink(state.mappings, event), event.timeUs);
      case "status":
        return this.#store(state, decodeStatus(state.mappings, event), event.timeUs);
      default:
        return this.#note(devEui, event);
    }
  }

  /**
   * Hands values of a device that come with times of their own to the tags, as one batch in the given order.
   *
   * @param notKept metrics of which the server has nothing to read
   */
  store(
    devEui: string,
    entries: readonly { readonly decoded: DecodedTag; readonly update: TagUpdate }[],
    notKept: readonly string[],
  ): void {
    const state = this.#states.get(devEui);
    if (state === undefined) return;
    state.watch.setNotKept(notKept);
    this.#judge(state, entries.map(({ decoded }) => decoded));
    if (entries.length === 0) return;
    this.#events++;
    this.#lastEventUs = this.#options.nowUs();
    this.#options.tags.update(entries.map(({ update }) => update));
  }

  /** Stops following the tags' definitions and takes back the faults it raised. */
  stop(): void {
    this.#unsubscribe();
    for (const devEui of this.#states.keys()) this.#options.faults.clear("device_decoding", devEui);
  }

  #store(state: DeviceState, decoded: readonly DecodedTag[], timeUs: number): void {
    this.#judge(state, decoded);
    this.#options.tags.update(decoded.map((entry) => updateOf(entry, timeUs)));
  }

  #judge(state: DeviceState, decoded: readonly DecodedTag[]): void {
    const { devEui, watch } = state;
    for (const entry of decoded) if (!entry.ok) this.#decodingErrors++;
    for (const { cause } of watch.take(decoded)) {
      this.#options.feed.add("warning", "decoding_error", devEui, cause);
    }
    const problem = watch.problem();
    if (problem === null) this.#options.faults.clear("device_decoding", devEui);
    else this.#options.faults.raise("device_decoding", problem, devEui);
  }

  #observe({ keys, keysUs }: DeviceState, { object, port, timeUs }: UplinkEvent): void {
    if (object === null || timeUs - (keysUs.get(port) ?? 0) < KEYS_EVERY_US) return;
    keysUs.set(port, timeUs);
    keys.take(object, timeUs);
  }

  #note(devEui: string, event: NoteEvent): void {
    const { downlink, timeUs } = event;
    if (downlink !== null) this.#options.onDownlink?.({ devEui, timeUs, ...downlink });
    const old = this.#options.nowUs() - event.timeUs > OLD_US;
    const text = old ? `${event.text} (${formatTimeUs(event.timeUs)})` : event.text;
    this.#options.feed.add(event.level, `device_${event.kind}`, devEui, text);
  }

  // Tags come and go with the configuration while the source runs.
  #map(groups: Iterable<string>): void {
    const tags = Map.groupBy(this.#options.tags.list(), (tag) => tag.definition.group);
    for (const group of groups) {
      const state = this.#states.get(group);
      if (state === undefined) continue;
      state.mappings = (tags.get(group) ?? []).map(mapTag);
      const unseen = state.mappings.filter(({ tag, path }) =>
        path?.kind === "object" && tag.definition.enabled && tag.sourceTimeUs === 0
      );
      state.watch = new DecodingWatch(unseen.map(({ tag }) => tag.definition.name));
      this.#options.faults.clear("device_decoding", group);
      if (state.newest !== null) this.#store(state, decodeUplink(unseen, state.newest), state.newest.timeUs);
    }
  }
}

/** The update of a tag; a value that did not fit is `null`, which leaves the last good one in place. */
export function updateOf(decoded: DecodedTag, timeUs: number): TagUpdate {
  return decoded.ok
    ? tagUpdate(decoded.mapping.tag, decoded.value, timeUs)
    : tagUpdate(decoded.mapping.tag, null, timeUs, decoded.quality);
}
