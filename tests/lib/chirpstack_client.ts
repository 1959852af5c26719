import { type CallOptions, type ClientReadableStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import applicationGrpc from "@chirpstack/chirpstack-api/api/application_grpc_pb.js";
import applicationPb from "@chirpstack/chirpstack-api/api/application_pb.js";
import deviceGrpc from "@chirpstack/chirpstack-api/api/device_grpc_pb.js";
import devicePb from "@chirpstack/chirpstack-api/api/device_pb.js";
import profileGrpc from "@chirpstack/chirpstack-api/api/device_profile_grpc_pb.js";
import profilePb from "@chirpstack/chirpstack-api/api/device_profile_pb.js";
import internalGrpc from "@chirpstack/chirpstack-api/api/internal_grpc_pb.js";
import internalPb from "@chirpstack/chirpstack-api/api/internal_pb.js";
import type { LogItem } from "@chirpstack/chirpstack-api/api/internal_pb.js";
import tenantGrpc from "@chirpstack/chirpstack-api/api/tenant_grpc_pb.js";
import tenantPb from "@chirpstack/chirpstack-api/api/tenant_pb.js";
import commonPb from "@chirpstack/chirpstack-api/common/common_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import timestampPb from "google-protobuf/google/protobuf/timestamp_pb.js";

/** A list's page and search. */
export interface ListQuery {
  readonly limit?: number;
  readonly offset?: number;
  readonly search?: string;
}

/** A span of buckets. */
export interface MetricsQuery {
  readonly start: Date;
  readonly end: Date;
  readonly aggregation?: "HOUR" | "DAY" | "MONTH" | "MINUTE";
}

/** A downlink to enqueue: bytes, or an object for the codec. */
export interface Downlink {
  readonly fPort?: number;
  readonly confirmed?: boolean;
  readonly data?: Uint8Array;
  readonly object?: Record<string, structPb.JavaScriptValue>;
  readonly expiresAt?: Date;
  readonly flushQueue?: boolean;
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, response?: Response) => void,
) => unknown;

/**
 * The API package's own client stubs as promises, all on one connection that no other client shares. Every call
 * rejects with the ServiceError.
 */
export class ChirpStackClient implements Disposable {
  /** Sent with every call. */
  readonly metadata = new Metadata();
  /** Deadline of unary calls, ms. */
  deadlineMs = 10_000;
  readonly #tenants;
  readonly #applications;
  readonly #devices;
  readonly #profiles;
  readonly #internal;
  readonly #streams = new Set<EventStream>();

  /**
   * @param url `http://host:port`
   * @param apiToken `null` sends none
   */
  constructor(url: string, apiToken: string | null, options: object = {}) {
    const address = new URL(url).host;
    const own = { "grpc.use_local_subchannel_pool": 1, "grpc.initial_reconnect_backoff_ms": 100, ...options };
    const insecure = credentials.createInsecure();
    this.#devices = new deviceGrpc.DeviceServiceClient(address, insecure, own);
    const shared = { ...own, channelOverride: this.#devices.getChannel() };
    this.#tenants = new tenantGrpc.TenantServiceClient(address, insecure, shared);
    this.#applications = new applicationGrpc.ApplicationServiceClient(address, insecure, shared);
    this.#profiles = new profileGrpc.DeviceProfileServiceClient(address, insecure, shared);
    this.#internal = new internalGrpc.InternalServiceClient(address, insecure, shared);
    if (apiToken !== null) this.metadata.set("authorization", `Bearer ${apiToken}`);
  }

  listTenants(query: ListQuery = {}): Promise<tenantPb.ListTenantsResponse> {
    return this.#ask(this.#tenants.list.bind(this.#tenants), paged(new tenantPb.ListTenantsRequest(), query));
  }

  listApplications(tenantId: string, query: ListQuery = {}): Promise<applicationPb.ListApplicationsResponse> {
    const request = paged(new applicationPb.ListApplicationsRequest(), query);
    request.setTenantId(tenantId);
    return this.#ask(this.#applications.list.bind(this.#applications), request);
  }

  listDevices(applicationId: string, query: ListQuery = {}): Promise<devicePb.ListDevicesResponse> {
    const request = paged(new devicePb.ListDevicesRequest(), query);
    request.setApplicationId(applicationId);
    return this.#ask(this.#devices.list.bind(this.#devices), request);
  }

  getDevice(devEui: string): Promise<devicePb.GetDeviceResponse> {
    const request = new devicePb.GetDeviceRequest();
    request.setDevEui(devEui);
    return this.#ask(this.#devices.get.bind(this.#devices), request);
  }

  getDeviceProfile(id: string): Promise<profilePb.GetDeviceProfileResponse> {
    const request = new profilePb.GetDeviceProfileRequest();
    request.setId(id);
    return this.#ask(this.#profiles.get.bind(this.#profiles), request);
  }

  getMetrics(devEui: string, query: MetricsQuery): Promise<devicePb.GetDeviceMetricsResponse> {
    const request = new devicePb.GetDeviceMetricsRequest();
    return this.#ask(this.#devices.getMetrics.bind(this.#devices), spanning(request, devEui, query));
  }

  getLinkMetrics(devEui: string, query: MetricsQuery): Promise<devicePb.GetDeviceLinkMetricsResponse> {
    const request = new devicePb.GetDeviceLinkMetricsRequest();
    return this.#ask(this.#devices.getLinkMetrics.bind(this.#devices), spanning(request, devEui, query));
  }

  /** Resolves to the id of the queue item. */
  async enqueue(devEui: string, downlink: Downlink): Promise<string> {
    const item = new devicePb.DeviceQueueItem();
    item.setDevEui(devEui);
    item.setFPort(downlink.fPort ?? 1);
    item.setConfirmed(downlink.confirmed ?? false);
    if (downlink.data !== undefined) item.setData(downlink.data);
    if (downlink.object !== undefined) item.setObject(structPb.Struct.fromJavaScript(downlink.object));
    if (downlink.expiresAt !== undefined) item.setExpiresAt(timestampPb.Timestamp.fromDate(downlink.expiresAt));
    const request = new devicePb.EnqueueDeviceQueueItemRequest();
    request.setQueueItem(item);
    request.setFlushQueue(downlink.flushQueue ?? false);
    const response = await this.#ask(this.#devices.enqueue.bind(this.#devices), request);
    return response.getId();
  }

  getQueue(devEui: string): Promise<devicePb.GetDeviceQueueItemsResponse> {
    const request = new devicePb.GetDeviceQueueItemsRequest();
    request.setDevEui(devEui);
    return this.#ask(this.#devices.getQueue.bind(this.#devices), request);
  }

  async flushQueue(devEui: string): Promise<void> {
    const request = new devicePb.FlushDeviceQueueRequest();
    request.setDevEui(devEui);
    await this.#ask(this.#devices.flushQueue.bind(this.#devices), request);
  }

  /** Opens the event stream of a device; what it brings is collected until the client is disposed. */
  stream(devEui: string): EventStream {
    const request = new internalPb.StreamDeviceEventsRequest();
    request.setDevEui(devEui);
    const stream = new EventStream(this.#internal.streamDeviceEvents(request, this.metadata));
    this.#streams.add(stream);
    return stream;
  }

  [Symbol.dispose](): void {
    for (const stream of this.#streams) stream.cancel();
    this.#devices.close();
  }

  #ask<Request, Response>(method: Unary<Request, Response>, request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      method(request, this.metadata, { deadline: Date.now() + this.deadlineMs }, (error, response) => {
        if (error === null && response !== undefined) resolve(response);
        else reject(error);
      });
    });
  }
}

/** What an event stream brought so far. */
export class EventStream {
  readonly items: LogItem[] = [];
  /** Why it ended; `null` while it is open. */
  error: ServiceError | null = null;
  readonly #call: ClientReadableStream<LogItem>;

  constructor(call: ClientReadableStream<LogItem>) {
    this.#call = call;
    call.on("data", (item: LogItem) => this.items.push(item));
    call.on("error", (error: ServiceError) => this.error = error);
  }

  /** The bodies of all events, or of those of one type, as objects. */
  // deno-lint-ignore no-explicit-any -- a test reads what it expects
  bodies(type?: string): any[] {
    return this.items.filter((item) => type === undefined || item.getDescription() === type)
      .map((item) => JSON.parse(item.getBody()));
  }

  /** The types of all events, in order. */
  types(): string[] {
    return this.items.map((item) => item.getDescription());
  }

  cancel(): void {
    this.#call.cancel();
  }
}

interface Paged {
  setLimit(limit: number): void;
  setOffset(offset: number): void;
  setSearch(search: string): void;
}

function paged<Request extends Paged>(request: Request, { limit = 100, offset = 0, search = "" }: ListQuery): Request {
  request.setLimit(limit);
  request.setOffset(offset);
  request.setSearch(search);
  return request;
}

function spanning<Request extends devicePb.GetDeviceMetricsRequest | devicePb.GetDeviceLinkMetricsRequest>(
  request: Request,
  devEui: string,
  { start, end, aggregation = "HOUR" }: MetricsQuery,
): Request {
  request.setDevEui(devEui);
  request.setStart(timestampPb.Timestamp.fromDate(start));
  request.setEnd(timestampPb.Timestamp.fromDate(end));
  request.setAggregation(commonPb.Aggregation[aggregation]);
  return request;
}
