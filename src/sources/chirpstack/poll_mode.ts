import type { DeviceDefinition } from "../../config/topology.ts";
import { Quality } from "../../tags/quality.ts";
import { type Tag, type TagUpdate, tagUpdate } from "../../tags/tag.ts";
import { CallError } from "./call_error.ts";
import type { RemoteDevice, RemoteLink, RemoteMetrics } from "./chirpstack_api.ts";
import type { DecodedTag, Mapping } from "./decode_uplink.ts";
import { decodeValue } from "./decode_value.ts";
import { updateOf } from "./device_intake.ts";
import { DeviceLookup } from "./device_lookup.ts";
import { formatTimeUs } from "./event_time.ts";
import { pause } from "../../telemetry/pause.ts";
import { BUCKET_US, filledBuckets, lastComplete, type MetricNames, metricNames } from "./poll_buckets.ts";
import { MAX_EXACT_SINGLE } from "./single_float.ts";
import type { ModeOptions, RunningMode } from "./stream_mode.ts";
import { attemptBackoff } from "./timing.ts";

/** So far back the first reading of a device goes; ChirpStack keeps hours for two days. */
const FIRST_US = 24 * BUCKET_US;

/** What is remembered of a device between two cycles. */
interface Polled {
  /** Start of the first hour that was not taken yet, µs. */
  nextUs: number;
  /** `last_seen_at` at the last reading. */
  lastSeenUs: number | null;
  /** Whether one of its metrics is a state, which changes within the hour. True until it was read once. */
  hasStates: boolean;
  /** Names of the metrics that the server keeps nothing of. */
  notKept: readonly string[];
}

const noMetrics: RemoteMetrics = { metrics: [], states: [] };
const noLink: RemoteLink = { received: null, rssi: null, snr: null };

/** A decoded value and the update made of it. */
interface Reading {
  readonly decoded: DecodedTag;
  readonly update: TagUpdate;
}

/** Mode `poll`: reads hourly aggregates and states every `polling_frequency` seconds. */
export function startPollMode(options: ModeOptions): RunningMode {
  const stopping = new AbortController();
  const cycle = new PollCycle(options);
  const running = cycle.run(stopping.signal);
  return {
    setDevices: (devices) => cycle.setDevices(devices),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/**
 * Reads all devices again and again. `last_seen_at` of the device list decides who is read: a device is asked
 * for its hours when one in which it was heard is over, and for its states when it was heard since the last time.
 */
export class PollCycle {
  readonly #options: ModeOptions;
  readonly #lookup: DeviceLookup;
  readonly #polled = new Map<string, Polled>();
  /** Start of the newest hour that each tag was given, µs. */
  readonly #given = new WeakMap<Tag, number>();
  #devices: readonly DeviceDefinition[];

  constructor(options: ModeOptions) {
    this.#options = options;
    this.#devices = options.devices;
    this.#lookup = new DeviceLookup(options.api, options.config.list_page_size, options.devices);
  }

  /** The devices that are read from the next cycle on. */
  setDevices(devices: readonly DeviceDefinition[]): void {
    this.#devices = devices;
    this.#lookup.setDevices(devices);
    const wanted = new Set(devices.map(({ devEui }) => devEui));
    for (const devEui of this.#polled.keys()) if (!wanted.has(devEui)) this.#polled.delete(devEui);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, api, health } = this.#options;
    const backoff = attemptBackoff(this.#options);
    while (!signal.aborted) {
      const startedMs = performance.now();
      const failure = await this.once(signal);
      if (signal.aborted) return;
      health.connection("calls", failure);
      if (failure === null) {
        backoff.succeeded(startedMs);
        await pause(Math.max(0, startedMs + config.polling_frequency * 1000 - performance.now()), signal);
      } else {
        await api.renew();
        await pause(backoff.next(performance.now()), signal);
      }
    }
  }

  /** One cycle. Returns why the server could not be read, or `null`; failures of single devices go to the health. */
  async once(signal: AbortSignal): Promise<CallError | null> {
    const { config, health } = this.#options;
    try {
      const { found, missing } = await this.#lookup.look(config.tenant_id, signal);
      // the first device that finds the server gone spares the others their time-outs
      const gone = new AbortController();
      const either = AbortSignal.any([signal, gone.signal]);
      const results = await Promise.allSettled(this.#devices.map(async ({ devEui }) => {
        health.looked(devEui, missing.has(devEui), false);
        const device = found.get(devEui);
        if (device === undefined) return;
        try {
          await this.#poll(device, either);
          health.reading(devEui, null);
        } catch (error) {
          if (either.aborted || !(error instanceof CallError)) throw error;
          if (error.kind !== "unreachable") return health.reading(devEui, error);
          gone.abort(error);
          throw error;
        }
      }));
      for (const result of results) if (result.status === "rejected") throw result.reason;
      return null;
    } catch (error) {
      if (error instanceof CallError) return error;
      if (signal.aborted) return new CallError("unreachable", "Stopped");
      throw error;
    }
  }

  async #poll(device: RemoteDevice, signal: AbortSignal): Promise<void> {
    const { api, intake, timing, nowUs } = this.#options;
    const { devEui, lastSeenUs } = device;
    const now = nowUs();
    const hour = Math.floor(now / BUCKET_US) * BUCKET_US;
    const polled = this.#polled.get(devEui) ??
      { nextUs: hour - FIRST_US, lastSeenUs: null, hasStates: true, notKept: [] };
    const heard = lastSeenUs !== null && lastSeenUs !== polled.lastSeenUs;
    const hourOver = polled.nextUs + BUCKET_US + timing.bucketGraceMs * 1000 <= now;
    const due = hourOver && lastSeenUs !== null && lastSeenUs >= polled.nextUs;
    if (!heard && !due) return;
    const mappings = intake.mappings(devEui).filter(({ tag }) => tag.definition.enabled);
    const asked = due || polled.hasStates;
    const fromUs = due ? Math.max(polled.nextUs, hour - FIRST_US) : hour;
    const [metrics, link] = await Promise.all([
      asked ? api.metrics(devEui, fromUs, now, signal) : noMetrics,
      due ? api.link(devEui, fromUs, now, signal) : noLink,
    ]);
    if (signal.aborted) throw signal.reason;
    const names = metricNames(metrics);
    const notKept: string[] = [];
    const readings = mappings.flatMap((mapping) => {
      if (mapping.path?.kind === "reserved") return this.#readDiagnostic(mapping, link, device, now);
      const found = asked ? this.#readMetric(mapping, names, link, device, now) : [];
      if (found === null) notKept.push(mapping.tag.definition.name);
      return found ?? [];
    });
    readings.sort((a, b) => a.update.sourceTimeUs - b.update.sourceTimeUs);
    intake.store(devEui, readings, asked ? notKept : polled.notKept);
    for (const { decoded: { mapping: { tag } }, update } of readings) {
      if (update.storedQuality !== undefined) this.#given.set(tag, update.sourceTimeUs);
    }
    const last = lastComplete([...metrics.metrics, link.received], now, timing.bucketGraceMs);
    this.#polled.set(devEui, {
      nextUs: !due ? polled.nextUs : last === null ? hour : last + BUCKET_US,
      lastSeenUs,
      hasStates: asked ? hasStates(mappings, names) : polled.hasStates,
      notKept: asked ? notKept : polled.notKept,
    });
  }

  /** `null` when the server keeps nothing under the metric's name. */
  #readMetric(
    mapping: Mapping,
    names: MetricNames,
    link: RemoteLink,
    device: RemoteDevice,
    nowUs: number,
  ): Reading[] | null {
    const { path, tag } = mapping;
    const lastSeenUs = device.lastSeenUs ?? nowUs;
    if (path?.kind !== "object") {
      const cause = mapping.problem ?? "";
      const decoded: DecodedTag = { ok: false, mapping, quality: Quality.BadConfigurationError, cause };
      return [{ decoded, update: updateOf(decoded, lastSeenUs) }];
    }
    const metric = names.metric(path, tag.definition.sourcePath);
    if (metric !== undefined) {
      const after = Math.max(this.#given.get(tag) ?? 0, tag.definition.stampArrival ? 0 : tag.sourceTimeUs);
      return filledBuckets(metric, link.received, after, nowUs, this.#options.timing.bucketGraceMs).map((bucket) =>
        aggregate(decodeAggregate(mapping, bucket.value), bucket.timeUs)
      );
    }
    const state = names.state(path, tag.definition.sourcePath);
    if (state === undefined) return null;
    // the empty text is how ChirpStack says that a state was never sent
    return state === "" ? [] : this.#atLastSeen(mapping, state, lastSeenUs);
  }

  #readDiagnostic(mapping: Mapping, link: RemoteLink, device: RemoteDevice, nowUs: number): Reading[] {
    if (mapping.path?.kind !== "reserved" || device.lastSeenUs === null) return [];
    switch (mapping.path.name) {
      case "$lastSeen":
        return this.#atLastSeen(mapping, formatTimeUs(device.lastSeenUs), device.lastSeenUs);
      case "$battery":
        return device.battery === null ? [] : this.#atLastSeen(mapping, device.battery, device.lastSeenUs);
      case "$margin":
        return device.margin === null ? [] : this.#atLastSeen(mapping, device.margin, device.lastSeenUs);
      case "$rssi":
      case "$snr": {
        const metric = mapping.path.name === "$rssi" ? link.rssi : link.snr;
        if (metric === null) return [];
        const after = Math.max(this.#given.get(mapping.tag) ?? 0, mapping.tag.sourceTimeUs);
        const whole = mapping.tag.definition.type === "Int";
        return filledBuckets(metric, link.received, after, nowUs, this.#options.timing.bucketGraceMs).map((bucket) =>
          aggregate(decode(mapping, whole ? Math.round(bucket.value) : bucket.value), bucket.timeUs)
        );
      }
      default:
        return [];
    }
  }

  #atLastSeen(mapping: Mapping, raw: unknown, lastSeenUs: number): Reading[] {
    if (!mapping.tag.definition.stampArrival && lastSeenUs <= mapping.tag.sourceTimeUs) return [];
    const decoded = decode(mapping, raw);
    return [{ decoded, update: updateOf(decoded, lastSeenUs) }];
  }
}

function hasStates(mappings: readonly Mapping[], names: MetricNames): boolean {
  return mappings.some(({ path, tag: { definition: { sourcePath } } }) =>
    path?.kind === "object" && names.metric(path, sourcePath) === undefined &&
    names.state(path, sourcePath) !== undefined
  );
}

function decode(mapping: Mapping, raw: unknown): DecodedTag {
  return { ...decodeValue(raw, mapping.tag.definition), mapping };
}

// Int is exact or not there; beyond 2^24 an aggregate, a 32-bit float, may be the neighbour of what was counted.
function decodeAggregate(mapping: Mapping, value: number): DecodedTag {
  const { name, type } = mapping.tag.definition;
  if (type !== "Int" || Math.abs(value) <= MAX_EXACT_SINGLE) return decode(mapping, value);
  const reason = 'ChirpStack\'s aggregates are exact up to 16777216: use mode "stream", or type Float';
  const cause = `Cannot read '${name}' as Int as ${reason}: current value is ${value}`;
  return { ok: false, mapping, quality: Quality.BadOutOfRange, cause };
}

/** An aggregate is good for whoever looks at the live value, and marked as calculated where it is kept. */
function aggregate(decoded: DecodedTag, timeUs: number): Reading {
  const update = decoded.ok ? tagUpdate(decoded.mapping.tag, decoded.value, timeUs) : updateOf(decoded, timeUs);
  update.storedQuality = decoded.ok ? Quality.GoodCalculated : decoded.quality;
  return { decoded, update };
}
