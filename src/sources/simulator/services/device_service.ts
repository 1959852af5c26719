import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import devicePb from "@chirpstack/chirpstack-api/api/device_pb.js";
import type {
  DeviceStatus,
  EnqueueDeviceQueueItemRequest,
  FlushDeviceQueueRequest,
  GetDeviceQueueItemsRequest,
  GetDeviceRequest,
  ListDevicesRequest,
} from "@chirpstack/chirpstack-api/api/device_pb.js";
import commonPb from "@chirpstack/chirpstack-api/common/common_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import type { JsonObject } from "../json_object.ts";
import { fromTimestamp, toTimestamp } from "../../protobuf_time.ts";
import type { VirtualDevice } from "../virtual_device.ts";
import { requireDevice } from "./device_lookup.ts";
import { deviceMetrics, linkMetrics } from "./device_metrics.ts";
import { matches, page, Refusal, requireUuid, type ServiceContext, unary } from "./rpc.ts";

/** `DeviceService`: List, Get, GetMetrics, GetLinkMetrics, Enqueue, GetQueue, FlushQueue. */
export function deviceService(context: ServiceContext): UntypedServiceImplementation {
  const { network } = context;
  return {
    list: unary(context, (request: ListDevicesRequest) => list(context, request)),
    get: unary(context, (request: GetDeviceRequest) => get(context, requireDevice(network, request.getDevEui()))),
    getMetrics: unary(context, deviceMetrics(context)),
    getLinkMetrics: unary(context, linkMetrics(context)),
    enqueue: unary(
      context,
      (request: EnqueueDeviceQueueItemRequest) => enqueue(context, request),
      {
        delayMs: () => context.faults.enqueueDelayMs,
        answerDelayMs: () => context.faults.loseEnqueueAnswers ? null : context.faults.enqueueAnswerDelayMs,
      },
    ),
    getQueue: unary(
      context,
      (request: GetDeviceQueueItemsRequest) =>
        queueOf(requireDevice(network, request.getDevEui()), request.getCountOnly()),
    ),
    flushQueue: unary(context, (request: FlushDeviceQueueRequest) => {
      requireDevice(network, request.getDevEui()).queue.flush();
      return new emptyPb.Empty();
    }),
  };
}

function list({ network }: ServiceContext, request: ListDevicesRequest) {
  const applicationId = requireUuid(request.getApplicationId());
  const search = request.getSearch();
  const profileId = request.getDeviceProfileId();
  const found = [...network.devices.values()].filter(({ info }) =>
    info.applicationId === applicationId && (profileId === "" || info.deviceProfileId === profileId) &&
    matches(search, info.deviceName, info.devEui)
  ).sort(order(request));
  const response = new devicePb.ListDevicesResponse();
  response.setTotalCount(found.length);
  for (const device of page(found, request.getLimit(), request.getOffset())) {
    const item = new devicePb.DeviceListItem();
    item.setDevEui(device.info.devEui);
    item.setName(device.info.deviceName);
    item.setDeviceProfileId(device.info.deviceProfileId);
    item.setDeviceProfileName(device.info.deviceProfileName);
    item.setCreatedAt(toTimestamp(network.createdUs));
    item.setUpdatedAt(toTimestamp(network.createdUs));
    if (device.lastSeenUs !== null) item.setLastSeenAt(toTimestamp(device.lastSeenUs));
    item.setDeviceStatus(statusOf(device));
    response.addResult(item);
  }
  return response;
}

function order(request: ListDevicesRequest): (left: VirtualDevice, right: VirtualDevice) => number {
  const { OrderBy } = devicePb.ListDevicesRequest;
  const keyOf = (device: VirtualDevice): string | number => {
    switch (request.getOrderBy()) {
      case OrderBy.DEV_EUI:
        return device.info.devEui;
      case OrderBy.LAST_SEEN_AT:
        return device.lastSeenUs ?? 0;
      case OrderBy.DEVICE_PROFILE_NAME:
        return device.info.deviceProfileName;
      default:
        return device.info.deviceName;
    }
  };
  const direction = request.getOrderByDesc() ? -1 : 1;
  return (left, right) => {
    const [before, after] = [keyOf(left), keyOf(right)];
    return before === after ? 0 : before < after ? -direction : direction;
  };
}

function get({ network }: ServiceContext, device: VirtualDevice) {
  const { info } = device;
  const message = new devicePb.Device();
  message.setDevEui(info.devEui);
  message.setName(info.deviceName);
  message.setApplicationId(info.applicationId);
  message.setDeviceProfileId(info.deviceProfileId);
  message.setJoinEui("0000000000000000");
  const response = new devicePb.GetDeviceResponse();
  response.setDevice(message);
  response.setCreatedAt(toTimestamp(network.createdUs));
  response.setUpdatedAt(toTimestamp(network.createdUs));
  if (device.lastSeenUs !== null) response.setLastSeenAt(toTimestamp(device.lastSeenUs));
  response.setDeviceStatus(statusOf(device));
  response.setClassEnabled(commonPb.DeviceClass[info.deviceClassEnabled]);
  return response;
}

function statusOf(device: VirtualDevice): DeviceStatus | undefined {
  if (device.status === null) return undefined;
  const message = new devicePb.DeviceStatus();
  message.setMargin(device.status.margin);
  message.setExternalPowerSource(device.status.externalPower);
  message.setBatteryLevel(device.status.batteryPercent);
  return message;
}

function enqueue({ network }: ServiceContext, request: EnqueueDeviceQueueItemRequest) {
  const item = request.getQueueItem();
  if (item === undefined) throw new Refusal(status.INVALID_ARGUMENT, "queue_item is missing");
  const device = requireDevice(network, item.getDevEui());
  const struct = item.getObject();
  const object = struct === undefined ? null : struct.toJavaScript() as JsonObject;
  const data = object === null ? item.getData_asU8() : encode(device, object);
  const fPort = item.getFPort();
  if (fPort === 0 || fPort > 255) {
    throw new Refusal(status.INVALID_ARGUMENT, "Validation error: FPort must be between 1 - 255");
  }
  if (request.getFlushQueue()) device.queue.flush();
  // an id that the client gives does not count (chirpstack/src/api/device.rs, `enqueue`)
  const id = crypto.randomUUID();
  const expiresAt = item.getExpiresAt();
  device.enqueue({
    id,
    fPort,
    confirmed: item.getConfirmed(),
    data,
    object,
    expiresUs: expiresAt === undefined ? null : fromTimestamp(expiresAt),
  });
  const response = new devicePb.EnqueueDeviceQueueItemResponse();
  response.setId(id);
  return response;
}

function encode(device: VirtualDevice, object: JsonObject): Uint8Array {
  try {
    return device.template.encode(object);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal(status.INTERNAL, `JS error: Error: ${reason}`);
  }
}

// the object is not kept there: the real server answers with the bytes alone
function queueOf({ queue, info }: VirtualDevice, countOnly: boolean) {
  const response = new devicePb.GetDeviceQueueItemsResponse();
  response.setTotalCount(queue.items.length);
  for (const item of countOnly ? [] : queue.items) {
    const message = new devicePb.DeviceQueueItem();
    message.setId(item.id);
    message.setDevEui(info.devEui);
    message.setConfirmed(item.confirmed);
    message.setFPort(item.fPort);
    message.setData(item.data);
    message.setIsPending(item.isPending);
    message.setFCntDown(item.fCntDown ?? 0);
    if (item.expiresUs !== null) message.setExpiresAt(toTimestamp(item.expiresUs));
    response.addResult(message);
  }
  return response;
}
