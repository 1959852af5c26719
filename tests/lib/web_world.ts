import { Registry } from "prom-client";
import { configSchema, type WebConfig } from "../../src/config/schema.ts";
import { type DeviceDefinition, topologyOf } from "../../src/config/topology.ts";
import type { HistoryQueries } from "../../src/history/history.ts";
import { type Tag, tagId, type TagUpdate, tagUpdate, type Value } from "../../src/tags/tag.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import type { GatewayStatus } from "../../src/telemetry/status.ts";
import { verdictOf } from "../../src/telemetry/verdict.ts";
import type { WebOptions } from "../../src/web/start_web.ts";
import { EchoOperations } from "./echo_operations.ts";
import { MemoryAccess } from "./memory_access.ts";
import { MemoryAudit } from "./memory_audit.ts";
import { MemoryHistory } from "./memory_history.ts";

/** `[runtime.web]` with defaults, on a free loopback port unless told. */
export function webConfig(overrides: Partial<WebConfig> = {}): WebConfig {
  const { web } = configSchema.parse({ runtime: { web: { listen: "127.0.0.1:0" } } }).runtime;
  return { ...web, ...overrides };
}

/** The parts that the web server shows, real where they need no other process, with a configuration of `devices`. */
export class WebWorld {
  readonly tags: TagStore;
  readonly feed: EventFeed;
  readonly alarms = new MemoryAlarms();
  readonly faults: FaultBoard;
  readonly metrics = new Registry();
  readonly history = new MemoryHistory();
  readonly access = new MemoryAccess();
  readonly audit = new MemoryAudit();
  readonly operations = new EchoOperations();
  readonly debug: { openUntilUs: number | null } = { openUntilUs: null };
  readonly devices: readonly DeviceDefinition[];
  ready = true;
  readonly #nowUs: () => number;
  readonly #startedUs: number;

  constructor(config: unknown = smallConfig, nowUs: () => number = () => Date.now() * 1000) {
    const topology = topologyOf(configSchema.parse(config));
    this.#nowUs = nowUs;
    this.#startedUs = nowUs();
    this.tags = new TagStore({ nowUs });
    this.tags.define(topology.tags);
    this.devices = topology.devices;
    this.feed = new EventFeed(nowUs);
    this.faults = new FaultBoard(nowUs);
  }

  /** Options for `startWeb` on a free port. */
  options(more: Partial<WebOptions> = {}): WebOptions {
    const history: HistoryQueries = this.history;
    return {
      config: webConfig(),
      operations: this.operations,
      access: this.access,
      audit: this.audit,
      certificate: null,
      tls: configSchema.parse({}).runtime.tls,
      debug: this.debug,
      tags: this.tags,
      devices: () => this.devices,
      history,
      feed: this.feed,
      alarms: this.alarms,
      faults: this.faults,
      metrics: this.metrics,
      status: () => this.status(),
      isReady: () => this.ready,
      assetsUrl: new URL("../../static/", import.meta.url),
      ...more,
    };
  }

  /** The tag with this id, which must exist. */
  tag(id: string): Tag {
    const slash = id.indexOf("/");
    const tag = this.tags.get(tagId(id.slice(0, slash), id.slice(slash + 1)));
    if (tag === undefined) throw new RangeError(`Cannot find tag '${id}'`);
    return tag;
  }

  /** Sets tags as a source would, all with one source time. */
  set(values: Readonly<Record<string, Value>>, quality = 0, timeUs = this.#nowUs()): void {
    const batch: TagUpdate[] = Object.entries(values).map(([id, value]) =>
      tagUpdate(this.tag(id), value, timeUs, quality)
    );
    this.tags.update(batch);
  }

  /** The status, counted from the tags and faults that are there. */
  status(): GatewayStatus {
    const count = { good: 0, uncertain: 0, bad: 0, waiting: 0 };
    for (const tag of this.tags.list()) {
      if (tag.definition.name.startsWith("$")) continue;
      if (tag.sourceTimeUs === 0) count.waiting++;
      else count[tag.quality >>> 30 === 0 ? "good" : tag.quality >>> 30 === 1 ? "uncertain" : "bad"]++;
    }
    const nowUs = this.#nowUs();
    const { live, backfill } = this.tags.counters;
    const faults = this.faults.list();
    const tags = {
      total: count.good + count.uncertain + count.bad + count.waiting,
      ...count,
      samplesLive: live,
      samplesBackfill: backfill,
      samplesPerSecond: 12.4,
    };
    const sources = [{
      name: "chirpstack",
      mode: "stream",
      address: "http://127.0.0.1:8081",
      state: faults.some(({ code }) => code === "source_unreachable") ? "disconnected" : "connected",
      sinceUs: this.#startedUs,
      devices: this.devices.length,
      devicesStreaming: this.devices.length,
      events: live,
      decodingErrors: 0,
      reconnects: 0,
      lastEventUs: live > 0 ? nowUs : null,
      lastError: null,
    }] as const;
    const alarms = this.alarms.counts();
    return {
      id: "3f9a52c8d1e0",
      name: "north-field",
      site: "Pumping station North",
      version: "0.1.0",
      startedUs: this.#startedUs,
      nowUs,
      alarms,
      commands: { open: 0, unknown: 0 },
      ...verdictOf({ faults, sources, tags, alarms }),
      faults,
      sources,
      tags,
      opcua: {
        endpoints: ["opc.tcp://127.0.0.1:4840"],
        securityPolicies: ["Basic256Sha256", "Aes256_Sha256_RsaPss"],
        sessions: 2,
        maxSessions: 100,
        subscriptions: 3,
        monitoredItems: 412,
        variables: this.tags.size,
        rejectedLogins: 0,
        certificateNotAfterUs: nowUs + 3650 * 86_400_000_000,
      },
      history: {
        path: "/var/lib/edgekeep/history.db",
        fileBytes: 48_234_496,
        series: this.tags.size,
        rowsWritten: live,
        rowsPending: 3,
        rowsPruned: 0,
        lastWriteUs: live > 0 ? nowUs : null,
        lastBackupUs: nowUs - 3_600_000_000,
        integrity: "ok",
      },
      process: { rssBytes: 141_000_000, heapUsedBytes: 62_000_000 },
    };
  }
}

/** Two applications, three devices, tags of every type. */
export const smallConfig = {
  application: [
    {
      application_name: "Irrigation",
      application_id: "irrigation",
      device: [
        {
          device_id: "a840410000000001",
          device_name: "Soil probe 1",
          read_metric: [
            { metric_name: "temperature", chirpstack_metric_name: "t", metric_type: "Float", metric_unit: "°C" },
            {
              metric_name: "moisture",
              chirpstack_metric_name: "m",
              metric_type: "Float",
              metric_unit: "%",
              range: [0, 100],
            },
            { metric_name: "state", chirpstack_metric_name: "s", metric_type: "String" },
          ],
        },
        {
          device_id: "a840410000000002",
          device_name: "Valve 2",
          read_metric: [
            { metric_name: "open", chirpstack_metric_name: "o", metric_type: "Bool" },
            { metric_name: "cycles", chirpstack_metric_name: "c", metric_type: "Int" },
          ],
        },
      ],
    },
    {
      application_name: "Energy",
      application_id: "energy",
      device: [
        {
          device_id: "b000000000000001",
          device_name: "Meter",
          read_metric: [
            { metric_name: "energy total", chirpstack_metric_name: "e", metric_type: "Float", metric_unit: "kWh" },
          ],
        },
      ],
    },
  ],
};

/** Counts of alarms that a test sets, and whoever wants to hear of it. */
export class MemoryAlarms {
  readonly #listeners = new Set<() => void>();
  #active = 0;

  counts() {
    return { total: 3, active: this.#active, unacknowledged: this.#active, shelved: 0 };
  }

  /** Makes so many alarms active. */
  raise(active: number): void {
    this.#active = active;
    for (const listener of this.#listeners) listener();
  }

  subscribe(listener: (event: never) => void): () => void {
    const heard = () => listener(undefined as never);
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  onDefinitions(): () => void {
    return () => {};
  }
}
