import type { Alarms } from "../../src/alarms/alarms.ts";
import { openAlarms } from "../../src/alarms/open_alarms.ts";
import type { AlarmDefinition } from "../../src/config/alarm_definition.ts";
import type { DeviceDefinition } from "../../src/config/topology.ts";
import { alarmsSchema, type OpcUaConfig, opcuaSchema } from "../../src/config/schema.ts";
import type { HistoryQueries } from "../../src/history/history.ts";
import { type OpcUaOptions, type OpcUaServerHandle, startOpcUa } from "../../src/opcua/start_opcua.ts";
import type { Sample, TagDefinition, TagId } from "../../src/tags/tag.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import type { GatewayStatus } from "../../src/telemetry/status.ts";
import { tagDefinition } from "./tag_definition.ts";
import { passwordPrincipal } from "./password_principal.ts";

/** What a test wants different from the usual server. */
export interface TestServerOptions {
  readonly config?: Partial<OpcUaConfig>;
  readonly tags?: readonly TagDefinition[];
  /** Last samples from before the start. */
  readonly restored?: readonly (readonly [TagId, Sample])[];
  readonly devices?: readonly DeviceDefinition[];
  readonly history?: HistoryQueries;
  readonly status?: () => GatewayStatus;
  readonly nowUs?: () => number;
  readonly pkiDir?: string;
  readonly access?: OpcUaOptions["access"];
  readonly onAuthFailed?: OpcUaOptions["onAuthFailed"];
  readonly onSession?: NonNullable<OpcUaOptions["onSession"]>;
  readonly operations?: OpcUaOptions["operations"];
  readonly commands?: OpcUaOptions["commands"];
  readonly alarms?: TestAlarms;
  readonly handshakeTimeoutMs?: number;
}

/** Alarms of a test server. */
export interface TestAlarms {
  readonly definitions?: readonly AlarmDefinition[];
  /** Where they are stored, for a test that starts them again; else a folder that goes with the server. */
  readonly dataDir?: string;
}

/** Lets the user `operator` in with the password `correct horse`. */
const oneOperator: OpcUaOptions["access"] = {
  password: (name, password) =>
    Promise.resolve(
      name === "operator" && password === "correct horse"
        ? {
          ok: true,
          principal: passwordPrincipal(name),
        }
        : { ok: false, reason: "password_mismatch" },
    ),
  certificate: () => ({ ok: false, reason: "certificate_unknown" }),
  presented: () => ({ waitMs: 0, proved() {} }),
  revoked: () => new AbortController().signal,
};

/** An OPC UA server in the test's own process, with the stores around it. */
export interface TestServer extends AsyncDisposable {
  readonly handle: OpcUaServerHandle;
  readonly url: string;
  readonly tags: TagStore;
  readonly alarms: Alarms;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly pkiDir: string;
  /** Replaced by a test that changes devices. */
  devices: readonly DeviceDefinition[];
}

/** A device of application `plant`. */
export function testDevice(devEui: string, name = `Device ${devEui.slice(-2)}`): DeviceDefinition {
  return { devEui, name, applicationId: "plant", applicationName: "Plant", enabled: true };
}

/** A stored Float tag of a device, changed by `differences`. */
export function testTag(group: string, name: string, differences: Partial<TagDefinition> = {}): TagDefinition {
  return tagDefinition({ group, name, ...differences });
}

const noHistory: HistoryQueries = {
  readRaw: () => Promise.reject(new Error("this test has no history")),
  readBuckets: () => Promise.reject(new Error("this test has no history")),
  readProcessed: () => Promise.reject(new Error("this test has no history")),
  readAtTime: () => Promise.reject(new Error("this test has no history")),
  backup: () => Promise.reject(new Error("this test has no history")),
};

const noCommands: OpcUaOptions["commands"] = {
  definitions: () => [],
  newest: () => undefined,
  lastDone: () => undefined,
  subscribe: () => () => {},
  onDefinitions: () => () => {},
};

const noOperations: OpcUaOptions["operations"] = {
  call: () => Promise.resolve({ ok: false, code: "unavailable", message: "This test has no operations" }),
};

/** Starts a server on a free loopback port; client certificates are accepted unless the test says otherwise. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const ownPki = options.pkiDir === undefined;
  const pkiDir = options.pkiDir ?? await Deno.makeTempDir({ prefix: "edgekeep-opcua-" });
  const nowUs = options.nowUs ?? (() => Date.now() * 1000);
  const tags = new TagStore({ nowUs });
  const faults = new FaultBoard(nowUs);
  const feed = new EventFeed(nowUs);
  tags.define(options.tags ?? []);
  tags.restore(options.restored ?? []);
  const config: OpcUaConfig = {
    ...opcuaSchema.parse({ trust_client_cert: true, max_connections_per_address: 100 }),
    ...options.config,
    host_port: options.config?.host_port ?? 0,
  };
  const alarmDir = options.alarms?.dataDir ?? await Deno.makeTempDir({ prefix: "edgekeep-alarms-" });
  const alarms = openAlarms({
    config: { ...alarmsSchema.parse({}), synchronous: "NORMAL" },
    dataDir: alarmDir,
    definitions: options.alarms?.definitions ?? [],
    tags,
    faults,
    feed,
    nowUs,
    sweepMs: 50,
    faultHoldMs: 100,
  });
  const startedUs = nowUs();
  const server = { devices: options.devices ?? [] };
  const running: { handle?: OpcUaServerHandle } = {};
  const handle = await startOpcUa({
    config,
    gateway: { id: "test-gateway", name: "Test", version: "0.0.1" },
    pkiDir,
    tags,
    devices: () => server.devices,
    history: options.history ?? noHistory,
    faults,
    feed,
    status: options.status ?? (() => testStatus(startedUs, nowUs(), tags, running.handle)),
    access: options.access ?? oneOperator,
    onAuthFailed: options.onAuthFailed ?? (() => {}),
    ...(options.onSession === undefined ? {} : { onSession: options.onSession }),
    operations: options.operations ?? noOperations,
    commands: options.commands ?? noCommands,
    alarms,
    ...(options.handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs: options.handshakeTimeoutMs }),
    nowUs,
  });
  running.handle = handle;
  return Object.assign(server, {
    handle,
    url: handle.endpoints[0] ?? "",
    tags,
    alarms,
    faults,
    feed,
    pkiDir,
    async [Symbol.asyncDispose]() {
      await handle.stop();
      await alarms.stop();
      if (options.alarms?.dataDir === undefined) await Deno.remove(alarmDir, { recursive: true });
      if (ownPki) await Deno.remove(pkiDir, { recursive: true });
    },
  });
}

/** A gateway's status as the root puts it together, for servers that run without one. */
export function testStatus(
  startedUs: number,
  nowUs: number,
  tags: TagStore,
  handle: OpcUaServerHandle | undefined,
): GatewayStatus {
  return {
    id: "test-gateway",
    name: "Test",
    site: "Bench",
    version: "0.0.1",
    startedUs,
    nowUs,
    verdict: "ok",
    summary: "All is well",
    alarms: { total: 0, active: 0, unacknowledged: 0, shelved: 0 },
    commands: { open: 0, unknown: 0 },
    faults: [],
    sources: [],
    tags: {
      total: tags.size,
      good: 0,
      uncertain: 0,
      bad: 0,
      waiting: 0,
      samplesLive: tags.counters.live,
      samplesBackfill: tags.counters.backfill,
      samplesPerSecond: 0,
    },
    opcua: handle?.status() ?? null,
    history: {
      path: "/nowhere/history.db",
      fileBytes: 0,
      series: 0,
      rowsWritten: 0,
      rowsPending: 0,
      rowsPruned: 0,
      lastWriteUs: null,
      lastBackupUs: null,
      integrity: "unknown",
    },
    process: { rssBytes: 0, heapUsedBytes: 0 },
  };
}
