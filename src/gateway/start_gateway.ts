import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { singleUser } from "../access/single_user.ts";
import { topologyOf } from "../config/topology.ts";
import { openHistory } from "../history/open_history.ts";
import { type OpcUaServerHandle, startOpcUa } from "../opcua/start_opcua.ts";
import { type ChirpStackSource, startChirpStack } from "../sources/chirpstack/start_chirpstack.ts";
import type { GatewayStart, ReadyInfo } from "../supervisor/role_protocol.ts";
import type { TagUpdate } from "../tags/tag.ts";
import { TagStore } from "../tags/tag_store.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { RateMeter } from "../telemetry/rate_meter.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import { verdictOf } from "../telemetry/verdict.ts";
import { startWeb, type WebHandle } from "../web/start_web.ts";
import { version } from "../version.ts";
import { ClockAheadWatch } from "./clock_ahead_watch.ts";
import { countTags } from "./count_tags.ts";
import { gatewayId } from "./gateway_id.ts";

const log = getLogger(["edgekeep", "gateway"]);
const SWEEP_MS = 1_000;
/** A gateway that ran for so long after a crash no longer mentions it. */
const CALM_MS = 3_600_000;

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
  /** Takes everything down in reverse order and stores what is waiting. Never waits on the network. */
  stop(): Promise<void>;
}

/**
 * Starts every part that the configuration asks for. When one of them fails, those that already run are stopped before
 * the error is passed on.
 */
export async function startGateway(start: GatewayStart, locations: GatewayLocations): Promise<RunningGateway> {
  const stack = new AsyncDisposableStack();
  try {
    return await compose(start, locations, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function compose(
  { config, restarts, lastCrash }: GatewayStart,
  { readerUrl, assetsUrl }: GatewayLocations,
  stack: AsyncDisposableStack,
): Promise<RunningGateway> {
  const nowUs = () => Date.now() * 1000;
  const startedUs = nowUs();
  const dataDir = config.gateway.data_dir;
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o750 });
  const id = await gatewayId(dataDir);

  const faults = new FaultBoard(nowUs);
  const feed = new EventFeed(nowUs);
  logFaults(faults, feed);
  if (restarts > 0) {
    faults.raise("worker_restarted", `Restarted ${restarts} times; the last reason: ${lastCrash ?? "unknown"}`);
    const calm = setTimeout(() => faults.clear("worker_restarted"), CALM_MS);
    stack.defer(() => clearTimeout(calm));
  }

  const clocks = new ClockAheadWatch(faults);
  const tags = new TagStore({
    nowUs,
    onClockAhead: (tag) => clocks.report(tag.definition.group, nowUs()),
  });
  const topology = topologyOf(config);
  tags.define(topology.tags);

  const history = await openHistory({ config: config.storage, dataDir, readerUrl, tags, faults, feed, nowUs });
  stack.defer(() => history.stop());
  tags.restore([...history.writer.lastSamples()].map((sample) => [sample.tagId, sample] as const));
  stack.defer(tags.subscribe((batch) => history.writer.write(batch)));
  stack.defer(tags.subscribe((batch) => tellCounterResets(batch, feed)));

  const rate = new RateMeter();
  const timer = setInterval(() => {
    tags.sweep();
    clocks.sweep(nowUs());
    rate.read(tags.counters.live + tags.counters.backfill, nowUs());
  }, SWEEP_MS);
  stack.defer(() => clearInterval(timer));

  let opcua: OpcUaServerHandle | null = null;
  let source: ChirpStackSource | null = null;
  let web: WebHandle | null = null;
  let ready = false;

  const status = (): GatewayStatus => {
    const facts = {
      faults: faults.list(),
      sources: source === null ? [] : [source.status()],
      tags: countTags(tags, rate.perSecond()),
    };
    const memory = Deno.memoryUsage();
    return {
      id,
      name: config.gateway.name,
      site: config.gateway.site,
      version,
      startedUs,
      nowUs: nowUs(),
      ...verdictOf(facts),
      ...facts,
      opcua: opcua?.status() ?? null,
      history: history.writer.status(),
      process: { rssBytes: memory.rss, heapUsedBytes: memory.heapUsed },
    };
  };
  const metrics = createMetrics(status);
  stack.defer(() => metrics.stop());

  if (config.chirpstack === undefined) faults.raise("not_set_up", "No [chirpstack] section is configured");
  if (config.opcua.enabled) {
    opcua = await startOpcUa({
      config: config.opcua,
      gateway: { id, name: config.gateway.name, version },
      pkiDir: config.opcua.pki_dir ?? join(dataDir, "pki"),
      tags,
      devices: () => topology.devices,
      history: history.queries,
      faults,
      feed,
      status,
      authenticate: singleUser({ userName: config.opcua.user_name, userPassword: config.opcua.user_password }),
      nowUs,
    });
    stack.defer(() => opcua?.stop());
  }
  if (config.runtime.web.enabled) {
    web = await startWeb({
      config: config.runtime.web,
      tags,
      devices: () => topology.devices,
      history: history.queries,
      feed,
      faults,
      metrics: metrics.registry,
      status,
      isReady: () => ready,
      assetsUrl,
    });
    stack.defer(() => web?.stop());
  }
  if (config.chirpstack !== undefined) {
    source = startChirpStack({ config: config.chirpstack, devices: topology.devices, tags, faults, feed, nowUs });
    stack.defer(() => source?.stop());
  }
  ready = true;
  log.info("Gateway {name} {version} is ready with {tags} tags of {devices} devices", {
    event: "gateway_ready",
    name: config.gateway.name,
    version,
    tags: tags.size,
    devices: topology.devices.length,
  });

  const listening: Record<string, string> = {};
  const endpoint = opcua?.endpoints[0];
  if (endpoint !== undefined) listening["opc.tcp"] = endpoint;
  if (web !== null) listening["http"] = web.url;
  return {
    ready: { listening },
    status,
    stop: async () => {
      ready = false;
      await stack.disposeAsync();
    },
  };
}

/** A counter that fell is news: whoever sums up consumption wants to know of the new meter. */
function tellCounterResets(batch: readonly TagUpdate[], feed: EventFeed): void {
  for (const { counterReset, tag, value } of batch) {
    if (!counterReset) continue;
    const { group, name } = tag.definition;
    feed.add("warning", "counter_reset", group, `The counter '${name}' fell to ${value}: it was reset or replaced`);
  }
}

/** Every fault that appears or goes is a log line and a feed entry with the catalogue's words. */
function logFaults(faults: FaultBoard, feed: EventFeed): void {
  faults.subscribe((fault, active) => {
    const fields = { code: fault.code, subject: fault.subject, detail: fault.detail, remedy: fault.remedy };
    if (active) {
      const text = `${fault.title}: {detail}. {remedy}`;
      if (fault.severity === "error") log.error(text, { event: "fault_raised", ...fields });
      else log.warning(text, { event: "fault_raised", ...fields });
      feed.add(
        fault.severity === "error" ? "error" : "warning",
        "fault_raised",
        fault.subject,
        `${fault.title}: ${fault.detail}`,
      );
    } else {
      log.info(`No longer: ${fault.title}`, { event: "fault_cleared", ...fields });
      feed.add("info", "fault_cleared", fault.subject, `No longer: ${fault.title}`);
    }
  });
}
