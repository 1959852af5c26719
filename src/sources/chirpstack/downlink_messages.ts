import { Buffer } from "node:buffer";
import devicePb from "@chirpstack/chirpstack-api/api/device_pb.js";
import structPb, { type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import type { DownlinkItem, QueuedDownlink } from "../../commands/commands.ts";
import { timeUsOf, toTimestamp } from "../protobuf_time.ts";

/** An item of a device's queue with what ChirpStack says of its time. */
export interface RemoteQueueItem extends QueuedDownlink {
  /** Not sent any more from then on, µs; `null`: never too late, or a server that does not know of it. */
  readonly expiresUs: number | null;
}

/**
 * The request that enqueues a downlink. It carries no id: ChirpStack's API makes its own, whatever a client gives
 * (api/device.rs, `enqueue`).
 */
export function enqueueRequest(downlink: DownlinkItem): devicePb.EnqueueDeviceQueueItemRequest {
  const item = new devicePb.DeviceQueueItem();
  item.setDevEui(downlink.devEui);
  item.setFPort(downlink.fPort);
  item.setConfirmed(downlink.confirmed);
  item.setExpiresAt(toTimestamp(downlink.expiresUs));
  const { payload } = downlink;
  if ("data" in payload) item.setData(payload.data);
  else item.setObject(structPb.Struct.fromJavaScript(payload.object as Record<string, JavaScriptValue>));
  const request = new devicePb.EnqueueDeviceQueueItemRequest();
  request.setQueueItem(item);
  return request;
}

/** The request for what waits in a device's queue. */
export function queueRequest(devEui: string): devicePb.GetDeviceQueueItemsRequest {
  const request = new devicePb.GetDeviceQueueItemsRequest();
  request.setDevEui(devEui);
  return request;
}

/** The request that empties a device's queue. */
export function flushRequest(devEui: string): devicePb.FlushDeviceQueueRequest {
  const request = new devicePb.FlushDeviceQueueRequest();
  request.setDevEui(devEui);
  return request;
}

/** The items of an answer, oldest first. */
export function remoteQueue(answer: devicePb.GetDeviceQueueItemsResponse): RemoteQueueItem[] {
  return answer.getResultList().map((item) => ({
    id: item.getId(),
    fPort: item.getFPort(),
    confirmed: item.getConfirmed(),
    dataHex: Buffer.from(item.getData_asU8()).toString("hex"),
    isPending: item.getIsPending(),
    expiresUs: timeUsOf(item.getExpiresAt()),
  }));
}
