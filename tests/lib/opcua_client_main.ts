/**
 * An OPC UA client as a process of its own: reads one JSON request a line from standard input and answers with one JSON
 * line each, so that tests talk to the server the way SCADA does, across a process boundary. Started by
 * `opcua_client_process.ts`, which describes the requests.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  AttributeIds,
  BrowseDirection,
  type ClientMonitoredItem,
  type ClientSession,
  type ClientSubscription,
  constructEventFilter,
  DataChangeFilter,
  DataChangeTrigger,
  type DataValue,
  DeadbandType,
  HistoryReadRequest,
  MessageSecurityMode,
  type NodeId,
  OPCUACertificateManager,
  OPCUAClient,
  ReadAtTimeDetails,
  ReadProcessedDetails,
  ReadRawModifiedDetails,
  ReadRequest,
  SecurityPolicy,
  TimestampsToReturn,
  type UserIdentityInfo,
  UserTokenType,
  type Variant,
} from "node-opcua";
import { eventCount, invoke, monitorEvents, readEventHistory, takeEvents } from "./opcua_client_alarms.ts";
import { callService } from "./opcua_client_service.ts";
import type {
  AlarmItemParams,
  ConnectParams,
  EventHistoryParams,
  HistoryParams,
  InvokeParams,
  MonitorParams,
  ServiceParams,
  WireHistoryResult,
  WireValue,
} from "./opcua_client_process.ts";
import { textLines } from "./text_lines.ts";

interface Connection {
  readonly client: OPCUAClient;
  readonly session: ClientSession;
  readonly subscriptions: Map<number, ClientSubscription>;
  readonly notifications: Map<string, WireValue[]>;
  readonly events: Record<string, unknown>[];
}

const connections = new Map<number, Connection>();
const channels = new Map<number, OPCUAClient>();
const delays = new Map<number, number[]>();
let lastConnection = 0;
let received = 0;
let manager: OPCUACertificateManager | undefined;

async function certificates(root: string): Promise<OPCUACertificateManager> {
  if (manager === undefined) {
    manager = new OPCUACertificateManager({
      rootFolder: root,
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    });
    await manager.initialize();
  }
  return manager;
}

/** Writes a certificate and key of the client where the library wants them. */
async function ownFiles(pki: string, { cert, key }: NonNullable<ConnectParams["application"]>) {
  const folder = await Deno.makeTempDir({ dir: pki });
  const files = { certificateFile: `${folder}/cert.pem`, privateKeyFile: `${folder}/key.pem` };
  await Deno.writeTextFile(files.certificateFile, cert);
  await Deno.writeTextFile(files.privateKeyFile, key);
  return files;
}

/** How to log in. */
function identityOf({ person, user, password }: ConnectParams): UserIdentityInfo {
  if (person !== undefined) {
    const der = Buffer.from(person.cert.replace(/-----[^-]+-----|\s/g, ""), "base64");
    return { type: UserTokenType.Certificate, certificateData: der, privateKey: person.key };
  }
  return user === undefined
    ? { type: UserTokenType.Anonymous }
    : { type: UserTokenType.UserName, userName: user, password: password ?? "" };
}

async function makeClient(params: ConnectParams): Promise<OPCUAClient> {
  const clientCertificateManager = await certificates(params.pki);
  const client = OPCUAClient.create({
    ...(params.application === undefined ? {} : await ownFiles(params.pki, params.application)),
    ...(params.tokenLifetimeMs === undefined ? {} : { defaultSecureTokenLifetime: params.tokenLifetimeMs }),
    applicationName: "EdgekeepTest",
    applicationUri: "urn:edgekeep:test:client",
    endpointMustExist: false,
    clientCertificateManager,
    securityPolicy: params.policy === undefined ? SecurityPolicy.None : SecurityPolicy[params.policy],
    securityMode: MessageSecurityMode[params.mode ?? "None"],
    connectionStrategy: { maxRetry: 0, initialDelay: 50 },
    requestedSessionTimeout: params.sessionTimeoutMs ?? 60_000,
    keepSessionAlive: params.keepAlive ?? true,
    transportTimeout: 120_000,
    // an emulated processor takes its time to check a password
    defaultTransactionTimeout: 60_000,
    ...(params.transport === undefined ? {} : { transportSettings: params.transport }),
  });
  client.on("backoff", () => void client.disconnect().catch(() => {}));
  return client;
}

const methods: Record<string, (params: never) => Promise<unknown>> = {
  async connect(params: ConnectParams) {
    const client = await makeClient(params);
    try {
      await client.connect(params.url);
      const session = await client.createSession(identityOf(params));
      const id = ++lastConnection;
      connections.set(id, { client, session, subscriptions: new Map(), notifications: new Map(), events: [] });
      return id;
    } catch (error) {
      await client.disconnect().catch(() => {});
      throw error;
    }
  },

  async endpoints(params: ConnectParams) {
    const client = await makeClient(params);
    try {
      await client.connect(params.url);
      const asked = params.ask === undefined ? {} : { endpointUrl: params.ask };
      const endpoints = await client.getEndpoints(asked);
      return endpoints.map((endpoint) => ({
        url: endpoint.endpointUrl,
        mode: MessageSecurityMode[endpoint.securityMode],
        policy: endpoint.securityPolicyUri?.split("#")[1] ?? "",
        applicationUri: endpoint.server.applicationUri,
        productUri: endpoint.server.productUri,
        certificate: createHash("sha256").update(endpoint.serverCertificate ?? "").digest("hex"),
        applicationName: endpoint.server.applicationName.text,
        tokens: (endpoint.userIdentityTokens ?? []).map((token) => ({
          type: UserTokenType[token.tokenType],
          policy: token.securityPolicyUri?.split("#")[1] ?? "",
        })),
      }));
    } finally {
      await client.disconnect().catch(() => {});
    }
  },

  async close({ id, deleteSubscriptions }: { id: number; deleteSubscriptions?: boolean }) {
    const { client, session } = connection(id);
    connections.delete(id);
    await session.close(deleteSubscriptions ?? true).catch(() => {});
    await client.disconnect();
  },

  /** Cuts the TCP connection without a word. */
  drop({ id }: { id: number }) {
    const { client } = connection(id);
    connections.delete(id);
    const inner = client as unknown as {
      _secureChannel?: { getTransport(): { _socket?: { destroy(): void } } };
    };
    inner._secureChannel?.getTransport()._socket?.destroy();
    void client.disconnect().catch(() => {});
    return Promise.resolve();
  },

  /** Opens a secure channel without a session. */
  async open(params: ConnectParams) {
    const client = await makeClient(params);
    try {
      await client.connect(params.url);
    } catch (error) {
      await client.disconnect().catch(() => {});
      throw error;
    }
    channels.set(++lastConnection, client);
    return lastConnection;
  },

  async closeChannel({ id }: { id: number }) {
    const client = channels.get(id);
    channels.delete(id);
    await client?.disconnect();
  },

  /** Whether the connection of a channel or session is there. */
  connected({ id }: { id: number }) {
    const inner = (channels.get(id) ?? connection(id).client) as unknown as { readonly _secureChannel?: object | null };
    return Promise.resolve(Boolean(inner._secureChannel));
  },

  service(params: ServiceParams) {
    const channel = channels.get(params.id);
    const { client, session } = channel === undefined ? connection(params.id) : { client: channel, session: undefined };
    const inner = client as unknown as {
      performMessageTransaction(request: unknown, done: (error: Error | null, response?: unknown) => void): void;
    };
    const token = (session as unknown as { authenticationToken?: NodeId } | undefined)?.authenticationToken;
    return callService({
      send: (request, done) => inner.performMessageTransaction(request, done),
      ...(token === undefined ? {} : { token }),
    }, params);
  },

  async read({ id, nodes, attribute, maxAge, timestamps }: {
    id: number;
    nodes: string[];
    attribute?: keyof typeof AttributeIds;
    maxAge?: number;
    timestamps?: keyof typeof TimestampsToReturn;
  }) {
    const request = new ReadRequest({
      nodesToRead: nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds[attribute ?? "Value"] })),
      maxAge: maxAge ?? 0,
      timestampsToReturn: TimestampsToReturn[timestamps ?? "Both"],
    });
    const response = await transaction<{ results: DataValue[] }>(connection(id).session, request);
    return response.results.map(wire);
  },

  async readMany({ id, nodes, times }: { id: number; nodes: string[]; times: number }) {
    const { session } = connection(id);
    const toRead = nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value }));
    const start = performance.now();
    let good = 0;
    for (let i = 0; i < times; i++) {
      const values = await session.read(toRead);
      for (const value of values) if (value.statusCode.isGoodish()) good++;
    }
    return { ms: performance.now() - start, good };
  },

  async write({ id, node, dataType, value }: { id: number; node: string; dataType: number; value: unknown }) {
    const status = await connection(id).session.write({
      nodeId: node,
      attributeId: AttributeIds.Value,
      value: { value: { dataType, value } },
    } as never);
    return status.name;
  },

  async browse({ id, node }: { id: number; node: string }) {
    return await children(connection(id).session, node);
  },

  async browseTree({ id, node }: { id: number; node: string }) {
    const { session } = connection(id);
    const tree = async (nodeId: string, depth: number): Promise<unknown[]> => {
      if (depth > 8) return [];
      const found = await children(session, nodeId);
      return await Promise.all(
        found.map(async (child) => ({ ...child, children: await tree(child.nodeId, depth + 1) })),
      );
    };
    return await tree(node, 0);
  },

  async subscribe({ id, publishingMs, lifetime }: { id: number; publishingMs: number; lifetime?: number }) {
    const { session, subscriptions } = connection(id);
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: publishingMs,
      requestedLifetimeCount: lifetime ?? 1000,
      requestedMaxKeepAliveCount: 20,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 1,
    });
    subscriptions.set(subscription.subscriptionId, subscription);
    return { subscription: subscription.subscriptionId, publishingMs: subscription.publishingInterval };
  },

  async monitor(params: MonitorParams) {
    const { subscriptions, notifications } = connection(params.id);
    const subscription = subscriptions.get(params.subscription);
    if (subscription === undefined) throw new Error("no such subscription");
    const filter = params.trigger === undefined
      ? null
      : new DataChangeFilter({ trigger: DataChangeTrigger[params.trigger], deadbandType: DeadbandType.None });
    const group = await subscription.monitorItems(
      params.nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
      { samplingInterval: params.samplingMs ?? 0, queueSize: params.queueSize ?? 100, discardOldest: true, filter },
      TimestampsToReturn.Both,
    );
    params.nodes.forEach((node) => notifications.set(node, notifications.get(node) ?? []));
    group.on("changed", (_item: unknown, value: DataValue, index: number) => {
      received++;
      notifications.get(params.nodes[index] ?? "")?.push(wire(value));
    });
    return (group.monitoredItems as ClientMonitoredItem[]).map((item) => ({
      status: item.statusCode.name,
      samplingMs: item.result?.revisedSamplingInterval ?? -1,
      queueSize: item.result?.revisedQueueSize ?? -1,
    }));
  },

  async monitorEvents({ id, subscription: wanted, type, fields }: {
    id: number;
    subscription: number;
    type: string;
    fields: string[];
  }) {
    const { subscriptions, events } = connection(id);
    const item = await subscriptions.get(wanted)?.monitor(
      { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
      { samplingInterval: 0, queueSize: 1000, discardOldest: true, filter: constructEventFilter(fields) },
      TimestampsToReturn.Both,
    );
    item?.on("changed", (values: unknown) => {
      const row = Object.fromEntries(fields.map((field, i) => [field, plain((values as Variant[])[i]?.value)]));
      if (String(row.EventType) === type) events.push(row);
    });
  },

  /** From now on keeps how long after its source time each new value of the nodes arrived, ms. */
  async measureDelays({ id, subscription: wanted, nodes }: { id: number; subscription: number; nodes: string[] }) {
    const { subscriptions } = connection(id);
    const group = await subscriptions.get(wanted)?.monitorItems(
      nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
      { samplingInterval: 0, queueSize: 100, discardOldest: true },
      TimestampsToReturn.Both,
    );
    const kept: number[] = [];
    delays.set(id, kept);
    const sinceMs = Date.now();
    group?.on("changed", (_item: unknown, value: DataValue) => {
      const eventMs = value.sourceTimestamp?.getTime() ?? 0;
      if (eventMs >= sinceMs) kept.push(Date.now() - eventMs);
    });
  },

  delays({ id }: { id: number }) {
    return Promise.resolve(delays.get(id) ?? []);
  },

  events({ id }: { id: number }) {
    return Promise.resolve(connection(id).events);
  },

  /** Events received on all connections since the start. */
  eventCount() {
    return Promise.resolve(eventCount());
  },

  /** Data changes received on all connections since the start. */
  received() {
    return Promise.resolve(received);
  },

  /** Everything received for a node since the last call. */
  notifications({ id, node }: { id: number; node: string }) {
    const received = connection(id).notifications.get(node) ?? [];
    return Promise.resolve(received.splice(0));
  },

  async history(params: HistoryParams): Promise<WireHistoryResult[]> {
    const { session } = connection(params.id);
    const request = new HistoryReadRequest({
      historyReadDetails: detailsOf(params),
      timestampsToReturn: TimestampsToReturn[params.timestamps ?? "Both"],
      releaseContinuationPoints: params.release ?? false,
      nodesToRead: params.nodes.map((nodeId, i) => ({
        nodeId,
        continuationPoint: Buffer.from(params.continuationPoints?.[i] ?? "", "hex"),
      })),
    });
    const response = await transaction<{
      results: {
        statusCode: { name: string };
        continuationPoint: Uint8Array | null;
        historyData: { dataValues?: DataValue[] } | null;
      }[];
    }>(session, request);
    return response.results.map((result) => ({
      status: result.statusCode.name,
      continuationPoint: result.continuationPoint ? Buffer.from(result.continuationPoint).toString("hex") : "",
      values: (result.historyData?.dataValues ?? []).map(wire),
    }));
  },

  /** Reads one node's raw values page by page; answers how many came, in how many pages, and how long it took here. */
  async historyAll({ id, node, startMs, endMs }: { id: number; node: string; startMs: number; endMs: number }) {
    const { session } = connection(id);
    const start = performance.now();
    let values = 0;
    let pages = 0;
    let continuationPoint: Uint8Array | null = null;
    do {
      const request: HistoryReadRequest = new HistoryReadRequest({
        historyReadDetails: detailsOf({ id, nodes: [node], startMs, endMs }),
        timestampsToReturn: TimestampsToReturn.Both,
        nodesToRead: [{ nodeId: node, continuationPoint: Buffer.from(continuationPoint ?? []) }],
      });
      const { results: [page] } = await transaction<
        { results: { continuationPoint: Uint8Array | null; historyData: { dataValues?: DataValue[] } | null }[] }
      >(session, request);
      values += page?.historyData?.dataValues?.length ?? 0;
      pages++;
      continuationPoint = page?.continuationPoint ?? null;
    } while (continuationPoint !== null && continuationPoint.length > 0);
    return { values, pages, ms: performance.now() - start };
  },

  /** One answer for many nodes; only number and sum of its values come back, so that the caller has no work with them. */
  async historyOnce({ id, nodes, startMs, endMs }: { id: number; nodes: string[]; startMs: number; endMs: number }) {
    const { session } = connection(id);
    const start = performance.now();
    const { results } = await transaction<{ results: { historyData: { dataValues?: DataValue[] } | null }[] }>(
      session,
      new HistoryReadRequest({
        historyReadDetails: detailsOf({ id, nodes, startMs, endMs }),
        timestampsToReturn: TimestampsToReturn.Both,
        nodesToRead: nodes.map((nodeId) => ({ nodeId })),
      }),
    );
    const values = results.flatMap(({ historyData }) => historyData?.dataValues ?? []);
    const sum = values.reduce((all, { value }) => all + Number(value.value), 0);
    return { values: values.length, sum, ms: performance.now() - start };
  },

  async call({ id, object, method, args }: { id: number; object: string; method: string; args: unknown[] }) {
    const result = await connection(id).session.call({
      objectId: object,
      methodId: method,
      inputArguments: args as never,
    });
    return {
      status: result.statusCode.name,
      inputs: (result.inputArgumentResults ?? []).map(({ name }) => name),
      outputs: (result.outputArguments ?? []).map(({ value }) => plain(value)),
    };
  },

  /** Monitors the events of a node; {@link takeEvents} by the item hands out what came. */
  async alarmItem(params: AlarmItemParams) {
    return await monitorEvents(connection(params.id).subscriptions.get(params.subscription), params);
  },

  alarmEvents({ id, item }: { id: number; item: number }) {
    return Promise.resolve(takeEvents(id, item));
  },

  async invoke(params: InvokeParams) {
    return await invoke(connection(params.id).session, params);
  },

  async eventHistory(params: EventHistoryParams) {
    const { session } = connection(params.id);
    return await readEventHistory((request) => transaction(session, request), params);
  },

  certificate({ pki }: { pki: string }) {
    return certificates(pki).then((store) => `${store.rootDir}/own/certs`);
  },
};

/** Sends a request as it is, past the client's conveniences. */
function transaction<T>(session: ClientSession, request: unknown): Promise<T> {
  return (session as unknown as { performMessageTransaction(request: unknown): Promise<T> })
    .performMessageTransaction(request);
}

function detailsOf(params: HistoryParams) {
  const date = (ms: number | null | undefined) => ms === null || ms === undefined ? undefined : new Date(ms);
  switch (params.details ?? "raw") {
    case "raw":
    case "modified":
      return new ReadRawModifiedDetails({
        isReadModified: params.details === "modified",
        startTime: date(params.startMs),
        endTime: date(params.endMs),
        numValuesPerNode: params.count ?? 0,
        returnBounds: params.bounds ?? false,
      });
    case "atTime":
      return new ReadAtTimeDetails({ reqTimes: [new Date(params.startMs ?? 0)] });
    case "processed":
      return new ReadProcessedDetails({
        startTime: date(params.startMs),
        endTime: date(params.endMs),
        processingInterval: 1000,
        aggregateType: params.nodes.map(() => "i=2342" as never),
      });
  }
}

async function children(session: ClientSession, node: string) {
  let result = await session.browse({
    nodeId: node,
    browseDirection: BrowseDirection.Forward,
    referenceTypeId: "HierarchicalReferences",
    includeSubtypes: true,
    resultMask: 63,
  });
  const references = [...result.references ?? []];
  while (result.continuationPoint && result.continuationPoint.length > 0) {
    result = await session.browseNext(result.continuationPoint, false);
    references.push(...result.references ?? []);
  }
  return references.map((reference) => ({
    nodeId: reference.nodeId.toString(),
    browseName: reference.browseName.toString(),
    displayName: reference.displayName.text ?? "",
    nodeClass: reference.nodeClass as number,
    type: reference.typeDefinition.toString(),
  }));
}

function connection(id: number): Connection {
  const found = connections.get(id);
  if (found === undefined) throw new Error(`no connection ${id}`);
  return found;
}

function wire(value: DataValue): WireValue {
  const us = (date: Date | null, picoseconds: number) =>
    date === null || date === undefined ? null : date.getTime() * 1000 + Math.round(picoseconds / 1e6);
  return {
    value: plain(value.value?.value),
    dataType: value.value?.dataType ?? 0,
    status: value.statusCode.value,
    statusName: value.statusCode.name,
    sourceUs: us(value.sourceTimestamp, value.sourcePicoseconds),
    serverUs: us(value.serverTimestamp, value.serverPicoseconds),
  };
}

/** A value as JSON can carry it; node-opcua's pairs of words for 64-bit integers are recognised by the reader. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return [...value as unknown as Iterable<number>];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") {
    if ("identifierType" in value || "toJSON" in value) {
      const text = "identifierType" in value ? String(value) : (value as { toJSON(): unknown }).toJSON();
      return text;
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

async function serve(): Promise<void> {
  const encoder = new TextEncoder();
  const answer = async (line: string) => {
    const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: never };
    let reply: unknown;
    try {
      const result = await methods[method]?.(params);
      reply = { id, result: result ?? null };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    await Deno.stdout.write(encoder.encode(`${JSON.stringify(reply)}\n`));
  };
  const pending = new Set<Promise<void>>();
  for await (const line of textLines(Deno.stdin.readable)) {
    const work = answer(line).finally(() => pending.delete(work));
    pending.add(work);
  }
  Deno.exit(0);
}

// what the library prints must not mix with the answers
console.log =
  console.info =
  console.warn =
  console.debug =
    () => {};
await serve();
