import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { AuditEntry } from "../audit/audit.ts";
import { listenAddress } from "../config/address.ts";
import type { Config, HubConfig } from "../config/schema.ts";
import { type HubApi, startHubApi } from "../hub/api/start_hub_api.ts";
import { type OpenHub, openHubCore } from "../hub/core/open_hub_core.ts";
import { startObservers } from "../hub/udp/start_observers.ts";
import { type RunningRelay, startRelay } from "../hub/udp/start_relay.ts";
import type { HubAdmin } from "../mesh/hub_admin.ts";
import { isNodeId } from "../mesh/ids.ts";
import { wireGuardKeyOf } from "../mesh/keys.ts";
import { createHubOperations } from "../operations/create_hub_operations.ts";
import type { HubRoleStatus } from "../operations/operation_parts.ts";
import type { SessionSource } from "../operations/session_source.ts";
import type { Host, HubStart, ReadyInfo, Reconfigure } from "../supervisor/role_protocol.ts";
import { version } from "../version.ts";
import type { WebHandle } from "../web/serve_web.ts";
import { startHubWeb } from "../web/start_hub_web.ts";
import { accessSettings } from "./access_settings.ts";
import { adminAddresses } from "./admin_addresses.ts";
import { commonParts } from "./common_parts.ts";
import { commonStatus } from "./common_status.ts";
import { controlPart } from "./control_part.ts";
import { hubAddress } from "./hub_address.ts";
import { hubMetrics } from "./hub_metrics.ts";
import { hubVerdict } from "./hub_verdict.ts";
import { type Foundation, openFoundation } from "./open_foundation.ts";
import { RestartablePart } from "./restartable_part.ts";
import { runningSessions, webSessions } from "./session_sources.ts";

const log = getLogger(["edgekeep", "hub"]);

/** Where the parts lie that are not code of this isolate. */
export interface HubLocations {
  /** The folder `static/`, with a slash at the end. */
  readonly assetsUrl: URL;
}

/** A hub that runs. */
export interface RunningHub {
  readonly ready: ReadyInfo;
  status(): HubRoleStatus;
  /** Takes a changed configuration over; rejects, and goes on with the one before, when a part cannot. */
  reconfigure(change: Reconfigure): Promise<void>;
  /** Puts on record what the supervisor did. */
  audit(entry: AuditEntry): void;
  /** Takes everything down in reverse order. Never waits on the network. */
  stop(): Promise<void>;
}

/**
 * Starts the hub of a mesh: its store, what agents reach (API, observers, relay), and what its admins reach (page,
 * control endpoint). When one of them fails, those that already run are stopped before the error is passed on.
 */
export async function startHub(start: HubStart, locations: HubLocations, host: Host): Promise<RunningHub> {
  const stack = new AsyncDisposableStack();
  try {
    return await compose(start, locations, host, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function compose(
  { config: initial, restarts, lastCrash }: HubStart,
  { assetsUrl }: HubLocations,
  host: Host,
  stack: AsyncDisposableStack,
): Promise<RunningHub> {
  if (initial.hub === undefined) throw new RangeError("Cannot start a hub without a section [hub]");
  let config = initial;
  let ready = false;
  const nowUs = () => Date.now() * 1000;
  const startedUs = nowUs();
  const dataDir = config.gateway.data_dir;
  const foundation = await openFoundation({ role: "hub", config: () => config, restarts, lastCrash, nowUs }, stack);
  const { id, faults, feed, audit, access, debug, certificate } = foundation;

  const mesh = await openMesh(initial.hub, dataDir, foundation, nowUs, stack);
  const { admin } = mesh;

  const status = (): HubRoleStatus => {
    const hub = { ...admin.status(), listening: mesh.api.url, refusedRequests: mesh.api.refusedRequests() };
    const present = faults.list();
    return { ...commonStatus(id, config, startedUs, nowUs()), ...hubVerdict(present, hub), faults: present, hub };
  };
  const metrics = hubMetrics(status);
  stack.defer(() => metrics.stop());

  const sessions: SessionSource[] = [];
  const operations = createHubOperations({
    ...commonParts({
      role: "hub",
      foundation,
      config: () => config,
      host,
      isReady: () => ready,
      web: () => web.running,
      nowUs,
    }),
    status,
    hub: admin,
    sessions,
    clientCertificates: () => null,
  });

  const web = new RestartablePart<WebHandle>({
    name: "web",
    faults,
    start: async () =>
      config.runtime.web.enabled
        ? await startHubWeb({
          config: config.runtime.web,
          tls: config.runtime.tls,
          certificate: config.runtime.web.tls ? certificate.current : null,
          hub: admin,
          names: { nameOf: (subject) => nodeName(admin, subject) },
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
  sessions.push(webSessions(access), runningSessions(control));
  for (const part of [web, control]) {
    stack.defer(() => part.stop());
    await part.start();
  }

  ready = true;
  log.info("Hub {name} {version} is ready for agents at {url}", {
    event: "hub_ready",
    name: config.gateway.name,
    version,
    url: config.hub?.url ?? mesh.api.url,
    nodes: status().hub.nodes.active,
  });

  /** Takes a configuration over. Rejects with the first part's error; those after it still run with the one before. */
  const take = async (next: Config, restart: Reconfigure["restart"]) => {
    config = next;
    // who still serves with the certificate from before is among the parts to restart
    const release = await certificate.take(next);
    try {
      access.configure(accessSettings(next, "hub"));
      if (restart.includes("web")) await web.restart();
      if (restart.includes("control")) await control.restart();
      web.running?.configure({ config: next.runtime.web });
    } finally {
      release();
    }
  };
  return {
    ready: { listening: { hub: mesh.api.url, ...adminAddresses(web.running, control.running) } },
    status,
    reconfigure: async ({ config: next, restart }) => {
      const previous = config;
      try {
        await take(next, restart);
      } catch (error) {
        await take(previous, []);
        if (restart.includes("web")) await web.revive();
        if (restart.includes("control")) await control.revive();
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

interface Mesh {
  readonly admin: HubAdmin;
  readonly api: HubApi;
}

/** The hub's store, and what agents reach of it. */
async function openMesh(
  config: HubConfig,
  dataDir: string,
  { faults, feed, audit }: Foundation,
  nowUs: () => number,
  stack: AsyncDisposableStack,
): Promise<Mesh> {
  const { host } = listenAddress(config.listen);
  const address = await hubAddress(config, faults);
  let relay: RunningRelay | null = null;
  const hub = await openHubCore({
    dir: join(dataDir, "hub"),
    config: {
      url: config.url ?? null,
      listening: config.listen,
      meshCidr: config.mesh_cidr,
      pskMode: config.psk,
      address,
      observerPorts: config.observer_ports,
      rotateDays: config.key_rotation_days,
      names: config.url === undefined ? [] : [new URL(config.url).hostname.replace(/^\[(.*)\]$/, "$1")],
    },
    relay: () => relay,
    audit,
    faults,
    feed,
    nowUs,
  });
  stack.defer(() => hub.stop());
  const { core, observerSeeds: [one, other] } = hub;

  if (address !== null && config.relay_sessions > 0) {
    const running = startRelay({
      host,
      firstPort: config.relay_first_port,
      sessions: config.relay_sessions,
      core,
      nowMs: () => Date.now(),
    });
    relay = running;
    stack.defer(async () => {
      relay = null;
      await running.stop();
    });
  }
  if (address !== null) {
    const observers = await startObservers({
      host,
      ports: config.observer_ports,
      keys: [wireGuardKeyOf(one), wireGuardKeyOf(other)],
      core,
      nowMs: () => performance.now(),
    });
    stack.defer(() => observers.stop());
  }
  const api = await startHubApi({ listen: config.listen, core, tls: tlsOf(hub), faults, audit, nowUs });
  stack.defer(() => api.stop());
  stack.defer(hub.onTls(() => api.setTls(tlsOf(hub))));
  return { admin: hub.admin, api };
}

function tlsOf(hub: OpenHub) {
  const { certificatePem, privateKeyPem } = hub.tls();
  return { cert: certificatePem, key: privateKeyPem };
}

/** The name of the node that a fault or an event concerns. */
function nodeName(admin: HubAdmin, subject: string): string | null {
  if (!isNodeId(subject)) return null;
  return admin.nodes().find(({ nodeId }) => nodeId === subject)?.name ?? null;
}
