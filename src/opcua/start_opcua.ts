import type { Socket } from "node:net";
import { invalidateServerCertificateCache, nodesets, OPCUAServer, type ServerSession } from "node-opcua";
import { getLogger } from "@logtape/logtape";
import { isLoopback, urlHost } from "../config/address.ts";
import { machineNames } from "../config/machine_names.ts";
import type { Alarms } from "../alarms/alarms.ts";
import type { OpcUaConfig } from "../config/schema.ts";
import type { DeviceDefinition } from "../config/topology.ts";
import type { Principal } from "../access/principal.ts";
import type { HistoryQueries } from "../history/history.ts";
import type { Operations } from "../operations/operation.ts";
import type { SessionSource } from "../operations/session_source.ts";
import type { ClientCertificates } from "../operations/client_certificates.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { GatewayStatus, OpcUaStatus } from "../telemetry/status.ts";
import { advertisedHosts } from "./security/advertised_hosts.ts";
import { watchCertificate } from "./security/certificate_watch.ts";
import type { ShownCommands } from "./commands/command_nodes.ts";
import { serveCommands } from "./commands/serve_commands.ts";
import { clientCertificates } from "./security/client_certificates.ts";
import { answerAskedHost, encryptPasswords, endpointSecurity } from "./security/endpoints.ts";
import { accessorOf, engineOf, listenerOf, monitoredItemsOf } from "./library/library_internals.ts";
import { quietFaults } from "./library/quiet_faults.ts";
import { mendLibrary } from "./library/mend_library.ts";
import { routeLibraryLog } from "./library/library_log.ts";
import { answerFindServers } from "./library/find_servers.ts";
import { keepOrphansFromOthers } from "./library/orphan_subscriptions.ts";
import { pauseInLargeRequests } from "./library/patient_space.ts";
import { spaceRequestsOf } from "./library/space_requests.ts";
import { keepRegistered } from "./discovery/keep_registered.ts";
import { limitFields, serverCapabilities, SPARE_CONNECTIONS, transportSettings } from "./sessions/limits.ts";
import type { ConditionCertificate } from "./alarms/condition_fields.ts";
import { serveAlarms } from "./alarms/serve_alarms.ts";
import { addFolder } from "./space/folders.ts";
import { addHealthNodes, type HealthNodes } from "./space/health_nodes.ts";
import { eventHistory } from "./history/event_history.ts";
import { historyConfiguration } from "./history/history_configuration.ts";
import { historyService } from "./history/history_service.ts";
import { guardNodes } from "./security/guard_nodes.ts";
import { judgeBySessionRoles } from "./security/node_roles.ts";
import { rejectedCertificates } from "./security/rejected_certificates.ts";
import { livePush } from "./space/live_push.ts";
import { openPki, type Pki } from "./security/open_pki.ts";
import { identityWishes } from "./security/identity_wishes.ts";
import { mismatchesOf } from "./security/own_identity.ts";
import { type LoginAccess, type SessionLogins, sessionLogins } from "./sessions/session_logins.ts";
import { limitConnections } from "./sessions/limit_connections.ts";
import { letSessionsBeSilent } from "./sessions/silent_connections.ts";
import { type LoginRefusal, type SessionNews, watchSessions } from "./sessions/session_watch.ts";
import { tellServiceFailures } from "./sessions/tell_service_failures.ts";
import { watchTrust } from "./sessions/watch_trust.ts";
import { serveServiceLevel } from "./space/service_level.ts";
import { capRequests, capSessions } from "./sessions/request_caps.ts";
import { serveTags } from "./space/space_service.ts";
import { TagNodes } from "./space/tag_nodes.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** The namespace of all nodes of ours; always at index 2, behind the standard's and the server's own. */
export const NAMESPACE_URI = "urn:edgekeep:gateway";
export const NAMESPACE_INDEX = 2;

/** Longest time that {@link OpcUaServerHandle.stop} takes, ms. */
const STOP_WITHIN_MS = 5000;
/** How often the health nodes follow the gateway's status, ms. */
const HEALTH_EVERY_MS = 1000;
/** A connection must have said hello and opened its channel within this time, ms. */
const HANDSHAKE_TIMEOUT_MS = 15_000;

/** What the OPC UA server serves and where it reports to. */
export interface OpcUaOptions {
  readonly config: OpcUaConfig;
  readonly gateway: { readonly id: string; readonly name: string; readonly version: string };
  /** Absolute path of the PKI directory; made when missing. */
  readonly pkiDir: string;
  readonly tags: TagStore;
  readonly devices: () => readonly DeviceDefinition[];
  readonly history: HistoryQueries;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly status: () => GatewayStatus;
  /** Says who may log in, and when no longer. */
  readonly access: LoginAccess;
  /** Told of every refused login. */
  readonly onAuthFailed: (failure: LoginRefusal) => void;
  /** Told of every session that was opened or ended, and whose it is. */
  readonly onSession?: (news: SessionNews, principal: Principal | null) => void;
  readonly alarms: Alarms;
  /** The certificate of web and control, which one of the alarms is about; `null` without TLS. */
  readonly webCertificate?: () => ConditionCertificate | null;
  /** Whatever a client wants done beyond reading: commands, methods of alarms. */
  readonly operations: Pick<Operations, "call">;
  /** What can be sent to devices, and what became of it. */
  readonly commands: ShownCommands;
  /** Time within which a connection must have a channel, and for which one without a session may be silent, ms. */
  readonly handshakeTimeoutMs?: number;
  readonly nowUs: () => number;
}

/** A running OPC UA server; as a {@link SessionSource} it lists and ends its sessions. */
export interface OpcUaServerHandle extends SessionSource {
  /** Endpoint URLs as they are advertised, without duplicates. */
  readonly endpoints: readonly string[];
  status(): OpcUaStatus;
  /** The trust lists and the server's own certificate. */
  clientCertificates(): ClientCertificates;
  /** Looks at the end of the server's certificate now; it is looked at once a minute by itself. */
  checkCertificate(): void;
  /**
   * Follows names and places of devices, which the tags do not tell. Resolves when the address space shows all that is
   * defined; sessions and subscriptions stay.
   */
  follow(): Promise<void>;
  /** Says goodbye to clients, closes the port, and returns within 5 s. */
  stop(): Promise<void>;
}

/**
 * Starts the OPC UA server: certificate stores, address space, listener, push of tag values, history.
 *
 * @throws an error with `code === "EADDRINUSE"` when the port is taken
 * @throws {import("./security/local_resource_error.ts").LocalResourceError} when a key or certificate cannot be used
 */
export async function startOpcUa(options: OpcUaOptions): Promise<OpcUaServerHandle> {
  const { config, gateway, tags } = options;
  routeLibraryLog();
  mendLibrary(NAMESPACE_INDEX);
  judgeBySessionRoles();
  const hosts = advertisedHosts(config.host_ip_address, config.advertised_hosts, machineNames());
  const applicationUri = config.application_uri ?? `urn:edgekeep:${gateway.id}`;
  const cleanUp: (() => void)[] = [];
  const rejected = rejectedCertificates(options.feed);
  cleanUp.push(() => rejected.stop());
  const wishes = () => identityWishes(config, gateway);
  const pki = await openPki(
    options.pkiDir,
    wishes(),
    { acceptUnknown: config.trust_client_cert, requireCrl: config.require_crl },
    (certificate) => rejected.report(certificate.subject, certificate),
  );
  const logins = sessionLogins(options.access, (certificate) => pki.users.judge.verdict(certificate));
  cleanUp.push(() => logins.stop());
  capSessions(config);
  const server = makeServer(options, applicationUri, hosts, pki, logins);
  try {
    await server.initialize();
    const engine = engineOf(server);
    engine.serverDiagnosticsEnabled = config.diagnostics_enabled;
    engine.historyServerCapabilities.accessHistoryDataCapability = true;
    engine.historyServerCapabilities.maxReturnDataValues = config.max_history_data_results_per_node;
    engine.historyServerCapabilities.accessHistoryEventsCapability = true;
    engine.historyServerCapabilities.maxReturnEventValues = config.max_history_data_results_per_node;
    const space = engine.addressSpace;
    if (space === null) throw new Error("Cannot start the OPC UA server as it has no address space");
    const namespace = space.registerNamespace(NAMESPACE_URI);
    if (namespace.index !== NAMESPACE_INDEX) {
      throw new Error(`Cannot register the namespace at index ${NAMESPACE_INDEX}: current value is ${namespace.index}`);
    }
    guardNodes(space, namespace);
    const folder = addFolder(namespace, space.rootFolder.objects, "Gateway", "Gateway");
    const health = addHealthNodes(space, namespace, folder);
    const serviceLevel = serveServiceLevel(space);
    const configuration = historyConfiguration(space, namespace);
    const nodes = new TagNodes(space, namespace, folder, options.devices, configuration.apply);
    nodes.addAll(tags.list());
    const accessor = accessorOf(server);
    const { alarms } = options;
    const served = serveAlarms({
      ...options,
      space,
      namespace,
      accessor,
      gatewayFolder: folder,
      callerOf: (session) => logins.callerOf(session),
      certificateOf: (alarm) =>
        alarm.id === "Gateway/$alarm/OpcUaCertificate"
          ? { der: server.getCertificate(), notAfterUs: pki.identity.notAfterUs, ofApplication: true }
          : options.webCertificate?.() ?? null,
      settled: () => nodes.settled(),
    });
    cleanUp.push(() => served.stop());
    const events = eventHistory({
      space,
      namespaceIndex: NAMESPACE_INDEX,
      gatewayFolder: folder,
      alarms,
      nodes: served.nodes,
      maxEventsPerNode: config.max_history_data_results_per_node,
      nowUs: options.nowUs,
    });
    const history = historyService({
      nodes,
      events,
      queries: options.history,
      maxValuesPerNode: config.max_history_data_results_per_node,
      namespaceIndex: NAMESPACE_INDEX,
      nowUs: options.nowUs,
    });
    pauseInLargeRequests(server);
    serveTags(accessor, nodes, NAMESPACE_INDEX, history);
    const commands = serveCommands({
      space,
      namespace,
      gatewayFolder: folder,
      devices: nodes,
      requests: spaceRequestsOf(server),
      commands: options.commands,
      operations: options.operations,
      callerOf: (session) => logins.callerOf(session),
    });
    cleanUp.push(() => commands.stop());
    encryptPasswords(server.endpoints[0]?.endpointDescriptions() ?? []);
    answerAskedHost(server);
    capRequests(server, config);
    keepOrphansFromOthers(server);
    answerFindServers(server, (asked) => server.findMatchingEndpoints(asked));
    quietFaults(server);
    logins.follow(server);
    const watch = watchSessions(server, config, {
      onClosed: (session) => history.release(session),
      refusalOf: logins.refusalOf,
      onSession: (news, session) => options.onSession?.(news, logins.principalOf(session)),
      onRefused: options.onAuthFailed,
    });
    cleanUp.push(() => watch.stop());
    const { sockets, stop } = limitConnections(server, config, watch);
    letSessionsBeSilent(server, sockets, options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS);
    cleanUp.push(stop, tellServiceFailures(server));
    await server.start();
    cleanUp.push(tags.subscribe(livePush(nodes)), tags.onDefinitions((change) => nodes.apply(change)));
    cleanUp.push(tags.onDefinitions(() => void served.follow()));
    cleanUp.push(() => nodes.stop());
    const certificateWatch = watchCertificate({
      identity: () => pki.identity,
      mismatches: () => mismatchesOf(pki.identity.certificate, wishes()),
      ...options,
    });
    cleanUp.push(() => certificateWatch.stop(), keepRefreshed(health, serviceLevel, options.status));
    warnOfOpenEndpoint(options);
    options.faults.clear("opcua_failed");
    listenerOf(server).on("error", (error: Error) => options.faults.raise("opcua_failed", error.message));
    log.info("OPC UA limits configured", { event: "opcua_limits_configured", ...limitFields(config) });
    const endpoints = server.getDiscoveryUrls();
    const registration = config.discovery_server_url === undefined ? null : keepRegistered({
      url: config.discovery_server_url,
      everyMs: config.discovery_register_seconds * 1000,
      own: server,
      server: () => ({
        serverUri: applicationUri,
        productUri: config.product_uri,
        name: config.application_name,
        discoveryUrls: endpoints,
      }),
      store: pki.application,
      faults: options.faults,
    });
    const trust = watchTrust(pki, logins, { ignoreClients: config.trust_client_cert });
    cleanUp.push(() => trust.stop());
    const certificates = clientCertificates({
      directory: pki.directory,
      files: { application: pki.application.files, users: pki.users.files },
      wishes,
      onChanged: async (store) => {
        pki[store].judge.forget();
        await trust.check();
        registration?.retry();
      },
      onInstalled: async () => {
        await pki.reread();
        invalidateServerCertificateCache(server);
        certificateWatch.check();
        log.info("The OPC UA server's certificate is now {certificate}", {
          event: "opcua_certificate_installed",
          certificate: pki.identity.certificateFile,
          subject: pki.identity.subject,
          until: new Date(pki.identity.notAfterUs / 1000).toISOString().slice(0, 10),
        });
      },
    });
    log.info("OPC UA server listens on {address}", {
      event: "opcua_started",
      address: `${urlHost(config.host_ip_address)}:${server.endpoints[0]?.port ?? config.host_port}`,
      endpoints,
    });
    return {
      endpoints,
      status: () => ({
        endpoints,
        securityPolicies: config.security_policies,
        sessions: server.currentSessionCount,
        maxSessions: config.max_connections,
        subscriptions: server.currentSubscriptionCount,
        monitoredItems: monitoredItemsOf(server),
        variables: nodes.size,
        rejectedLogins: watch.rejectedLogins,
        certificateNotAfterUs: pki.identity.notAfterUs,
      }),
      clientCertificates: () => certificates,
      checkCertificate: () => certificateWatch.check(),
      follow: async () => {
        nodes.apply();
        await served.follow();
        await commands.settled();
      },
      list: () => logins.list(),
      close: (id) => logins.close(id),
      stop: async () => {
        const beganMs = performance.now();
        // first, with the server still there: who is told of it now finds it
        await registration?.stop();
        for (const undo of cleanUp) undo();
        await shutDown(server, pki, sockets, STOP_WITHIN_MS - (performance.now() - beganMs));
      },
    };
  } catch (error) {
    for (const undo of cleanUp) undo();
    await server.shutdown(0).catch(() => {});
    await pki.dispose();
    throw error;
  }
}

function makeServer(
  options: OpcUaOptions,
  applicationUri: string,
  hosts: readonly string[],
  pki: Pki,
  logins: SessionLogins,
): OPCUAServer {
  const { config, gateway } = options;
  const security = endpointSecurity(config);
  const [first, ...others] = hosts.map(urlHost);
  return new OPCUAServer({
    host: config.host_ip_address,
    port: config.host_port,
    hostname: first,
    alternateHostname: others,
    securityPolicies: security.policies,
    securityModes: security.modes,
    allowAnonymous: false,
    serverCertificateManager: pki.application.manager,
    userCertificateManager: pki.users.manager,
    // the library ships the standard nodeset with a prebuilt image of it: trusting the pair saves hashing 1.8 MB
    nodesets: [nodesets.standard],
    nodesetLoaderOptions: { trustSiblingImages: true },
    serverInfo: {
      applicationUri,
      productUri: config.product_uri,
      applicationName: { text: config.application_name, locale: "en" },
    },
    buildInfo: {
      productName: "Edgekeep",
      productUri: config.product_uri,
      manufacturerName: "Edgekeep",
      softwareVersion: gateway.version,
      buildNumber: gateway.version,
    },
    serverCapabilities: serverCapabilities(config, security),
    maxConnectionsPerEndpoint: config.max_connections + SPARE_CONNECTIONS,
    transportSettings: transportSettings(config),
    timeout: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    userManager: {
      isValidUserAsync(this: ServerSession, userName, password, done) {
        logins.check(this, userName, password).then((valid) => done(null, valid), () => done(null, false));
      },
    },
  });
}

/** Follows the gateway's status about once a second; returns what ends it. */
function keepRefreshed(
  health: HealthNodes,
  serviceLevel: (verdict: GatewayStatus["verdict"]) => void,
  status: () => GatewayStatus,
): () => void {
  let failed = false;
  const refresh = () => {
    try {
      const now = status();
      health.refresh(now);
      serviceLevel(now.verdict);
      failed = false;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!failed) log.error("Cannot refresh the health nodes: {reason}", { event: "opcua_health_failed", reason });
      failed = true;
    }
  };
  refresh();
  const timer = setInterval(refresh, HEALTH_EVERY_MS);
  return () => clearInterval(timer);
}

/** An endpoint without security that others can reach is a fault as long as it is configured. */
function warnOfOpenEndpoint({ config, faults }: OpcUaOptions): void {
  const open = config.security_policies.includes("None") && !isLoopback(config.host_ip_address);
  if (open) {
    faults.raise(
      "opcua_none_remote",
      `[opcua].security_policies names None and the server listens on ${config.host_ip_address}`,
    );
  } else {
    faults.clear("opcua_none_remote");
  }
}

async function shutDown(
  server: OPCUAServer,
  pki: Pki,
  sockets: ReadonlySet<Socket>,
  withinMs: number,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<void>((resolve) => timer = setTimeout(resolve, withinMs));
  try {
    await Promise.race([server.shutdown(0), expired]);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
    await pki.dispose();
  }
}
