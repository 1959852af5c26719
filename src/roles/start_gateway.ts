import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { openAlarms } from "../alarms/open_alarms.ts";
import type { AuditEntry } from "../audit/audit.ts";
import { openCommands } from "../commands/open_commands.ts";
import type { Config } from "../config/schema.ts";
import { type Topology, topologyOf } from "../config/topology.ts";
import type { ControlHandle } from "../control/start_control.ts";
import { createOperations } from "../operations/create_operations.ts";
import type { SessionSource } from "../operations/session_source.ts";
import { openHistory } from "../history/open_history.ts";
import { type OpcUaServerHandle, startOpcUa } from "../opcua/start_opcua.ts";
import { type ChirpStackSource, startChirpStack } from "../sources/chirpstack/start_chirpstack.ts";
import type { GatewayStart, Host, ReadyInfo, Reconfigure } from "../supervisor/role_protocol.ts";
import type { TagUpdate } from "../tags/tag.ts";
import { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { RateMeter } from "../telemetry/rate_meter.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import { verdictOf } from "../telemetry/verdict.ts";
import { startWeb, type WebHandle } from "../web/start_web.ts";
import { version } from "../version.ts";
import { accessSettings } from "./access_settings.ts";
import { adminAddresses } from "./admin_addresses.ts";
import { opcuaAuthRecord, opcuaSessionRecord } from "./audit_records.ts";
import { ClockAheadWatch } from "./clock_ahead_watch.ts";
import { commonParts } from "./common_parts.ts";
import { commonStatus } from "./common_status.ts";
import { controlPart } from "./control_part.ts";
import { countTags } from "./count_tags.ts";
import { openFoundation } from "./open_foundation.ts";
import { RestartablePart } from "./restartable_part.ts";
import { runningSessions, webSessions } from "./session_sources.ts";
import { shownCertificate } from "./shown_certificate.ts";
import { storedSamples } from "./stored_samples.ts";

const log = getLogger(["edgekeep", "gateway"]);
const SWEEP_MS = 1_000;

/** Where the parts lie that are not code of this isolate. */
export interface GatewayLocations {
  /** Entry of the history's reader worker. */
  readonly readerUrl: URL;
  /** The folder `static/`, with a slash at the end. */
  readonly assetsUrl: URL;
}

/** A gateway that runs. */
export interface RunningGateway {
  readonly ready: ReadyInfo;
  status(): GatewayStatus;
  /** Takes a changed configuration over; rejects, and goes on with the one before, when a part cannot. */
  reconfigure(change: Reconfigure): Promise<void>;
  /** Puts on record what the supervisor did. */
  audit(entry: AuditEntry): void;
  /** Takes everything down in reverse order and stores what is waiting. Never waits on the network. */
  stop(): Promise<void>;
}

/**
 * Starts every part that the configuration asks for. When one of them fails, those that already run are stopped before
 * the error is passed on.
 */
export async function startGateway(
  start: GatewayStart,
  locations: GatewayLocations,
  host: Host,
): Promise<RunningGateway> {
  const stack = new AsyncDisposableStack();
  try {
    return await compose(start, locations, host, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function compose(
  { config: initial, restarts, lastCrash }: GatewayStart,
  { readerUrl, assetsUrl }: GatewayLocations,
  host: Host,
  stack: AsyncDisposableStack,
): Promise<RunningGateway> {
  let config = initial;
  let ready = false;
  const nowUs = () => Date.now() * 1000;
  const startedUs = nowUs();
  const dataDir = config.gateway.data_dir;
  const foundation = await openFoundation({
    role: "gateway",
    config: () => config,
    restarts,
    lastCrash,
    nowUs,
  }, stack);
  const { id, faults, feed, audit, access, debug, certificate } = foundation;
  const gateway = { id, name: config.gateway.name, version };

  const clocks = new ClockAheadWatch(faults);
  const tags = new TagStore({
    nowUs,
    onClockAhead: (tag) => clocks.report(tag.definition.group, nowUs()),
  });
  let topology = topologyOf(config);
  tags.define(topology.tags);

  const history = await openHistory({ config: config.storage, dataDir, readerUrl, tags, faults, feed, nowUs });
  stack.defer(() => history.stop());
  tags.restore([...history.writer.lastSamples()].map((sample) => [sample.tagId, sample] as const));
  stack.defer(tags.subscribe((batch) => history.writer.write(batch)));
  stack.defer(tags.subscribe((batch) => tellCounterResets(batch, feed)));

  const commands = openCommands({
    // as it is at each moment
    config: {
      get max_pending_per_device() {
        return config.commands.max_pending_per_device;
      },
      get max_per_minute() {
        return config.commands.max_per_minute;
      },
      get retention_days() {
        return config.commands.retention_days;
      },
    },
    dataDir,
    definitions: topology.commands,
    faults,
    feed,
    nowUs,
  });
  stack.defer(() => commands.stop());

  const alarms = openAlarms({
    config: {
      ...config.alarms,
      synchronous: config.storage.synchronous,
      get journal_retention_days() {
        return config.alarms.journal_retention_days;
      },
    },
    dataDir,
    definitions: topology.alarms,
    tags,
    faults,
    feed,
    nowUs,
  });
  stack.defer(() => alarms.stop());

  const rate = new RateMeter();
  const timer = setInterval(() => {
    tags.sweep();
    clocks.sweep(nowUs());
    rate.read(tags.counters.live + tags.counters.backfill, nowUs());
  }, SWEEP_MS);
  stack.defer(() => clearInterval(timer));

  const status = (): GatewayStatus => {
    const facts = {
      faults: faults.list(),
      sources: source.running === null ? [] : [source.running.status()],
      tags: countTags(tags, rate.perSecond()),
      alarms: alarms.counts(),
    };
    return {
      ...commonStatus(id, config, startedUs, nowUs()),
      ...verdictOf(facts),
      ...facts,
      opcua: opcua.running?.status() ?? null,
      history: history.writer.status(),
      commands: commands.counts(),
    };
  };
  const metrics = createMetrics(status);
  stack.defer(() => metrics.stop());

  const sessions: SessionSource[] = [];
  const operations = createOperations({
    ...commonParts({
      role: "gateway",
      foundation,
      config: () => config,
      host,
      isReady: () => ready,
      web: () => web.running,
      nowUs,
    }),
    status,
    tags,
    devices: () => topology.devices,
    history: history.queries,
    backups: history.backups,
    alarms,
    commands,
    sessions,
    clientCertificates: () => opcua.running?.clientCertificates() ?? null,
  });

  const opcua = new RestartablePart<OpcUaServerHandle>({
    name: "opcua",
    faults,
    start: async () =>
      config.opcua.enabled
        ? await startOpcUa({
          config: config.opcua,
          gateway,
          pkiDir: config.opcua.pki_dir ?? join(dataDir, "pki"),
          tags,
          devices: () => topology.devices,
          history: history.queries,
          faults,
          feed,
          status,
          access,
          onAuthFailed: (refusal) => void audit.record(opcuaAuthRecord(refusal)),
          onSession: (news, principal) => void audit.record(opcuaSessionRecord(news, principal)),
          alarms,
          webCertificate: () => shownCertificate(certificate.current),
          operations,
          commands,
          nowUs,
        })
        : null,
  });
  const web = new RestartablePart<WebHandle>({
    name: "web",
    faults,
    start: async () =>
      config.runtime.web.enabled
        ? await startWeb({
          config: config.runtime.web,
          tls: config.runtime.tls,
          certificate: config.runtime.web.tls ? certificate.current : null,
          tags,
          devices: () => topology.devices,
          history: history.queries,
          alarms,
          feed,
          faults,
          metrics: metrics.registry,
          status,
          isReady: () => ready,
          operations,
          access,
          audit,
          debug,
          assetsUrl,
        })
        : null,
  });
  const control = controlPart(foundation, () => config, operations, nowUs);
  const source = new RestartablePart<ChirpStackSource>({
    name: "source",
    faults,
    start: () => {
      if (config.chirpstack === undefined) {
        faults.raise("not_set_up", "No [chirpstack] section is configured");
        commands.connect(null);
        return Promise.resolve(null);
      }
      faults.clear("not_set_up");
      const devices = topology.devices;
      const running = startChirpStack({
        config: config.chirpstack,
        devices,
        tags,
        faults,
        feed,
        nowUs,
        onDownlink: (event) => commands.downlinkEvent(event),
      });
      commands.connect(running.downlinks);
      return Promise.resolve(running);
    },
  });
  sessions.push(webSessions(access), runningSessions(control), runningSessions(opcua));
  const parts = { opcua, web, control, source };
  for (const part of [opcua, web, control, source]) {
    stack.defer(() => part.stop());
    await part.start();
  }

  ready = true;
  log.info("Gateway {name} {version} is ready with {tags} tags of {devices} devices", {
    event: "gateway_ready",
    name: config.gateway.name,
    version,
    tags: tags.size,
    devices: topology.devices.length,
  });

  /** Makes what runs serve other devices, under open sessions. */
  const define = async (next: Topology) => {
    const stored = await storedSamples(next.tags, tags, history.writer);
    topology = next;
    tags.define(next.tags, stored);
    commands.define(next.commands);
    alarms.define(next.alarms);
    await opcua.running?.follow();
    // a device's first message finds its nodes
    source.running?.setDevices(next.devices);
  };
  /** Takes a configuration over. Rejects with the first part's error; those after it still run with the one before. */
  const take = async (next: Config, restart: Reconfigure["restart"]) => {
    config = next;
    // who still serves with the certificate from before is among the parts to restart
    const release = await certificate.take(next);
    try {
      access.configure(accessSettings(next));
      for (const name of restart) await parts[name].restart();
      web.running?.configure({ config: next.runtime.web });
      // last: what was served until now is only given up when nothing else can fail
      await define(topologyOf(next));
    } finally {
      release();
    }
  };
  return {
    ready: { listening: listening(opcua.running, web.running, control.running) },
    status,
    reconfigure: async ({ config: next, restart }) => {
      const previous = config;
      try {
        await take(next, restart);
      } catch (error) {
        await take(previous, []);
        for (const name of restart) await parts[name].revive();
        throw error;
      }
    },
    audit: (entry) => void audit.record(entry),
    stop: async () => {
      ready = false;
      await stack.disposeAsync();
    },
  };
}

function listening(opcua: OpcUaServerHandle | null, web: WebHandle | null, control: ControlHandle | null) {
  const endpoint = opcua?.endpoints[0];
  return { ...endpoint === undefined ? {} : { "opc.tcp": endpoint }, ...adminAddresses(web, control) };
}

/** A counter that fell is news: whoever sums up consumption wants to know of the new meter. */
function tellCounterResets(batch: readonly TagUpdate[], feed: EventFeed): void {
  for (const { counterReset, tag, value } of batch) {
    if (!counterReset) continue;
    const { group, name } = tag.definition;
    feed.add("warning", "counter_reset", group, `The counter '${name}' fell to ${value}: it was reset or replaced`);
  }
}
