import applicationGrpc from "@chirpstack/chirpstack-api/api/application_grpc_pb.js";
import applicationPb from "@chirpstack/chirpstack-api/api/application_pb.js";
import deviceGrpc from "@chirpstack/chirpstack-api/api/device_grpc_pb.js";
import devicePb from "@chirpstack/chirpstack-api/api/device_pb.js";
import profileGrpc from "@chirpstack/chirpstack-api/api/device_profile_grpc_pb.js";
import profilePb from "@chirpstack/chirpstack-api/api/device_profile_pb.js";
import tenantGrpc from "@chirpstack/chirpstack-api/api/tenant_grpc_pb.js";
import tenantPb from "@chirpstack/chirpstack-api/api/tenant_pb.js";
import commonPb from "@chirpstack/chirpstack-api/common/common_pb.js";
import {
  type CallOptions,
  type Channel,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  type Metadata,
  type ServiceError,
  status as grpcStatus,
} from "@grpc/grpc-js";
import type { ChirpStackConfig } from "../../config/schema.ts";
import { CallLimit } from "./call_limit.ts";
import { CallError, callError } from "./call_error.ts";
import type { DownlinkItem } from "../../commands/commands.ts";
import { enqueueRequest, flushRequest, queueRequest, remoteQueue, type RemoteQueueItem } from "./downlink_messages.ts";
import { bearer, isEstablished, openChannel } from "./grpc_channel.ts";
import { timeUsOf, toTimestamp } from "../protobuf_time.ts";
import { fromSingle } from "./single_float.ts";
import type { Timing } from "./timing.ts";

/** An application or a tenant. */
export interface RemoteNamed {
  readonly id: string;
  readonly name: string;
}

/** A device as ChirpStack's list shows it. */
export interface RemoteDevice {
  /** 16 hex digits, lower case. */
  readonly devEui: string;
  readonly name: string;
  readonly description: string;
  readonly profileId: string;
  readonly profileName: string;
  /** Last uplink of any kind, µs; `null` when never. */
  readonly lastSeenUs: number | null;
  /** Percent; `null` when unknown or on external power. */
  readonly battery: number | null;
  /** dB; `null` when the device never sent its status. */
  readonly margin: number | null;
}

/** A measurement that a device profile declares. */
export interface RemoteMeasurement {
  readonly key: string;
  readonly name: string;
  readonly kind: "unknown" | "counter" | "absolute" | "gauge" | "string";
}

/** Buckets of one aggregated metric; both lists have the same length. */
export interface RemoteMetric {
  readonly key: string;
  /** The name that people gave it. */
  readonly name: string;
  /** Start of each bucket, µs, rising. */
  readonly timesUs: readonly number[];
  readonly values: readonly number[];
}

/** Aggregates and states of a device. */
export interface RemoteMetrics {
  readonly metrics: readonly RemoteMetric[];
  readonly states: readonly { readonly key: string; readonly name: string; readonly value: string }[];
}

/** Aggregates of a device's radio link; `null` where the server sends none. */
export interface RemoteLink {
  readonly received: RemoteMetric | null;
  readonly rssi: RemoteMetric | null;
  readonly snr: RemoteMetric | null;
}

type Start<Result> = (
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, result?: Result) => void,
) => ClientUnaryCall;

interface Clients {
  readonly channel: Channel;
  readonly tenants: tenantGrpc.TenantServiceClient;
  readonly applications: applicationGrpc.ApplicationServiceClient;
  readonly devices: deviceGrpc.DeviceServiceClient;
  readonly profiles: profileGrpc.DeviceProfileServiceClient;
}

const measurementKinds = ["unknown", "counter", "absolute", "gauge", "string"] as const;

/**
 * The unary calls to ChirpStack v4, all on one channel, each with a deadline of `[chirpstack].timeout`, at most
 * `[chirpstack].concurrency` under way at once. Every call rejects with {@link CallError}, or with the signal's reason when it is aborted.
 */
export class ChirpStackApi {
  readonly #config: ChirpStackConfig;
  readonly #timing: Timing;
  readonly #limit: CallLimit;
  #opening: Promise<Clients> | null = null;
  #stopped = false;

  constructor(config: ChirpStackConfig, timing: Timing) {
    this.#config = config;
    this.#timing = timing;
    this.#limit = new CallLimit(config.concurrency);
  }

  /** The tenants that the token may see. */
  tenants(signal?: AbortSignal): Promise<RemoteNamed[]> {
    return this.#pages(async ({ tenants }, offset) => {
      const request = new tenantPb.ListTenantsRequest();
      request.setLimit(this.#config.list_page_size);
      request.setOffset(offset);
      const answer = await this.#call<tenantPb.ListTenantsResponse>(
        (metadata, options, callback) => tenants.list(request, metadata, options, callback),
        signal,
      );
      return { total: answer.getTotalCount(), items: answer.getResultList().map(namedOf) };
    });
  }

  /** The applications of a tenant. */
  applications(tenantId: string, signal?: AbortSignal): Promise<RemoteNamed[]> {
    return this.#pages(async ({ applications }, offset) => {
      const request = new applicationPb.ListApplicationsRequest();
      request.setTenantId(tenantId);
      request.setLimit(this.#config.list_page_size);
      request.setOffset(offset);
      const answer = await this.#call<applicationPb.ListApplicationsResponse>(
        (metadata, options, callback) => applications.list(request, metadata, options, callback),
        signal,
      );
      return { total: answer.getTotalCount(), items: answer.getResultList().map(namedOf) };
    });
  }

  /** The devices of an application. */
  devices(applicationId: string, signal?: AbortSignal): Promise<RemoteDevice[]> {
    return this.#pages(async ({ devices }, offset) => {
      const request = new devicePb.ListDevicesRequest();
      request.setApplicationId(applicationId);
      request.setLimit(this.#config.list_page_size);
      request.setOffset(offset);
      const answer = await this.#call<devicePb.ListDevicesResponse>(
        (metadata, options, callback) => devices.list(request, metadata, options, callback),
        signal,
      );
      return { total: answer.getTotalCount(), items: answer.getResultList().map(deviceOf) };
    });
  }

  /** One device; `CallError` of kind `unknown` when there is none. */
  async device(devEui: string, signal?: AbortSignal): Promise<RemoteDevice> {
    const { devices } = await this.#clients();
    const request = new devicePb.GetDeviceRequest();
    request.setDevEui(devEui);
    const answer = await this.#call<devicePb.GetDeviceResponse>(
      (metadata, options, callback) => devices.get(request, metadata, options, callback),
      signal,
    );
    const device = answer.getDevice();
    return {
      devEui,
      name: device?.getName() ?? "",
      description: device?.getDescription() ?? "",
      profileId: device?.getDeviceProfileId() ?? "",
      profileName: "",
      lastSeenUs: timeUsOf(answer.getLastSeenAt()),
      ...statusOf(answer.getDeviceStatus()),
    };
  }

  /** The measurements that a device profile declares, sorted by key. */
  async measurements(profileId: string, signal?: AbortSignal): Promise<RemoteMeasurement[]> {
    const { profiles } = await this.#clients();
    const request = new profilePb.GetDeviceProfileRequest();
    request.setId(profileId);
    const answer = await this.#call<profilePb.GetDeviceProfileResponse>(
      (metadata, options, callback) => profiles.get(request, metadata, options, callback),
      signal,
    );
    const found: RemoteMeasurement[] = [];
    answer.getDeviceProfile()?.getMeasurementsMap().forEach((measurement: profilePb.Measurement, key: string) => {
      found.push({ key, name: measurement.getName(), kind: measurementKinds[measurement.getKind()] ?? "unknown" });
    });
    return found.toSorted((a, b) => a.key < b.key ? -1 : 1);
  }

  /** Hourly aggregates of a device's measurements, and its states. Both times in µs, inclusive. */
  async metrics(devEui: string, fromUs: number, toUs: number, signal?: AbortSignal): Promise<RemoteMetrics> {
    const { devices } = await this.#clients();
    const request = new devicePb.GetDeviceMetricsRequest();
    request.setDevEui(devEui);
    request.setStart(toTimestamp(fromUs));
    request.setEnd(toTimestamp(toUs));
    request.setAggregation(commonPb.Aggregation.HOUR);
    const answer = await this.#call<devicePb.GetDeviceMetricsResponse>(
      (metadata, options, callback) => devices.getMetrics(request, metadata, options, callback),
      signal,
    );
    const metrics: RemoteMetric[] = [];
    answer.getMetricsMap().forEach((metric: commonPb.Metric, key: string) => metrics.push(metricOf(key, metric)));
    const states: { key: string; name: string; value: string }[] = [];
    answer.getStatesMap().forEach((state: devicePb.DeviceState, key: string) => {
      states.push({ key, name: state.getName(), value: state.getValue() });
    });
    return { metrics, states };
  }

  /** Hourly aggregates of a device's radio link. Both times in µs, inclusive. */
  async link(devEui: string, fromUs: number, toUs: number, signal?: AbortSignal): Promise<RemoteLink> {
    const { devices } = await this.#clients();
    const request = new devicePb.GetDeviceLinkMetricsRequest();
    request.setDevEui(devEui);
    request.setStart(toTimestamp(fromUs));
    request.setEnd(toTimestamp(toUs));
    request.setAggregation(commonPb.Aggregation.HOUR);
    const answer = await this.#call<devicePb.GetDeviceLinkMetricsResponse>(
      (metadata, options, callback) => devices.getLinkMetrics(request, metadata, options, callback),
      signal,
    );
    const part = (key: string, metric: commonPb.Metric | undefined) =>
      metric === undefined ? null : metricOf(key, metric);
    return {
      received: part("received", answer.getRxPackets()),
      rssi: part("rssi", answer.getGwRssi()),
      snr: part("snr", answer.getGwSnr()),
    };
  }

  /**
   * Whether there is a connection, after waiting for the one that is being made. A broken one is tried anew first.
   * `CallError` when none can even be tried.
   */
  async connected(signal?: AbortSignal): Promise<boolean> {
    await this.renew();
    const { channel } = await this.#clients();
    return await isEstablished(channel, Date.now() + this.#config.timeout * 1000, signal);
  }

  /**
   * Puts a downlink at the end of a device's queue; resolves with the id that ChirpStack gave it.
   *
   * @param onStart called when the request is on its way: from then on nobody knows whether it counted
   */
  async enqueue(item: DownlinkItem, signal?: AbortSignal, onStart?: () => void): Promise<string> {
    const request = enqueueRequest(item);
    const { devices } = await this.#clients();
    const answer = await this.#call<devicePb.EnqueueDeviceQueueItemResponse>((metadata, options, callback) => {
      onStart?.();
      return devices.enqueue(request, metadata, options, callback);
    }, signal);
    return answer.getId();
  }

  /** What waits in a device's queue, oldest first. */
  async queue(devEui: string, signal?: AbortSignal): Promise<RemoteQueueItem[]> {
    const { devices } = await this.#clients();
    const answer = await this.#call<devicePb.GetDeviceQueueItemsResponse>(
      (metadata, options, callback) => devices.getQueue(queueRequest(devEui), metadata, options, callback),
      signal,
    );
    return remoteQueue(answer);
  }

  /** Empties a device's queue. */
  async flush(devEui: string, signal?: AbortSignal): Promise<void> {
    const { devices } = await this.#clients();
    await this.#call(
      (metadata, options, callback) => devices.flushQueue(flushRequest(devEui), metadata, options, callback),
      signal,
    );
  }

  /** Drops a broken connection, so that the next call tries anew instead of waiting out the channel's own pause. */
  async renew(): Promise<void> {
    const clients = await this.#opening?.catch(() => null);
    if (clients === null || clients === undefined) return;
    if (clients.channel.getConnectivityState(false) !== connectivityState.TRANSIENT_FAILURE) return;
    this.#opening = null;
    clients.channel.close();
  }

  /** Closes the channel; calls under way fail. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const clients = await this.#opening?.catch(() => null);
    this.#opening = null;
    clients?.channel.close();
  }

  #clients(): Promise<Clients> {
    if (this.#stopped) return Promise.reject(new CallError("unreachable", "The source was stopped"));
    if (this.#opening === null) {
      const opening = this.#open();
      this.#opening = opening;
      // a CA file that could not be read may be there next time
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = null;
      });
    }
    return this.#opening;
  }

  async #open(): Promise<Clients> {
    const channel = await openChannel(this.#config, this.#timing);
    const options = { channelOverride: channel };
    const unused = credentials.createInsecure();
    return {
      channel,
      tenants: new tenantGrpc.TenantServiceClient("", unused, options),
      applications: new applicationGrpc.ApplicationServiceClient("", unused, options),
      devices: new deviceGrpc.DeviceServiceClient("", unused, options),
      profiles: new profileGrpc.DeviceProfileServiceClient("", unused, options),
    };
  }

  async #call<Result>(start: Start<Result>, signal?: AbortSignal): Promise<Result> {
    const token = this.#config.api_token;
    const metadata = bearer(token);
    const leave = await this.#limit.enter(signal);
    try {
      return await new Promise<Result>((resolve, reject) => {
        const deadline = Date.now() + this.#config.timeout * 1000;
        const call = start(metadata, { deadline }, (error, result) => {
          signal?.removeEventListener("abort", cancel);
          if (error === null && result !== undefined) resolve(result);
          else if (signal?.aborted) reject(signal.reason);
          else reject(callError(error?.code ?? grpcStatus.INTERNAL, error?.details ?? "", token));
        });
        const cancel = () => call.cancel();
        signal?.addEventListener("abort", cancel, { once: true });
      });
    } finally {
      leave();
    }
  }

  async #pages<Item>(
    page: (clients: Clients, offset: number) => Promise<{ readonly total: number; readonly items: readonly Item[] }>,
  ): Promise<Item[]> {
    const found: Item[] = [];
    while (true) {
      const { total, items } = await page(await this.#clients(), found.length);
      found.push(...items);
      if (found.length >= total) return found;
      if (items.length === 0) throw new CallError("failed", `ChirpStack listed ${found.length} of ${total} entries`);
    }
  }
}

function namedOf(item: { getId(): string; getName(): string }): RemoteNamed {
  return { id: item.getId(), name: item.getName() };
}

function deviceOf(item: devicePb.DeviceListItem): RemoteDevice {
  return {
    devEui: item.getDevEui().toLowerCase(),
    name: item.getName(),
    description: item.getDescription(),
    profileId: item.getDeviceProfileId(),
    profileName: item.getDeviceProfileName(),
    lastSeenUs: timeUsOf(item.getLastSeenAt()),
    ...statusOf(item.getDeviceStatus()),
  };
}

function statusOf(status: devicePb.DeviceStatus | undefined): Pick<RemoteDevice, "battery" | "margin"> {
  if (status === undefined) return { battery: null, margin: null };
  // ChirpStack reports a level below 0 as "not available"
  const known = !status.getExternalPowerSource() && status.getBatteryLevel() >= 0;
  return { battery: known ? status.getBatteryLevel() : null, margin: status.getMargin() };
}

function metricOf(key: string, metric: commonPb.Metric): RemoteMetric {
  const values = metric.getDatasetsList()[0]?.getDataList().map(fromSingle) ?? [];
  const timesUs: number[] = [];
  for (const time of metric.getTimestampsList()) timesUs.push(timeUsOf(time) ?? 0);
  return { key, name: metric.getName(), timesUs, values };
}
