import { Metadata, type ServerWritableStream, type UntypedServiceImplementation } from "@grpc/grpc-js";
import internalPb from "@chirpstack/chirpstack-api/api/internal_pb.js";
import type { LogItem, StreamDeviceEventsRequest } from "@chirpstack/chirpstack-api/api/internal_pb.js";
import type { DeviceEvent } from "../event_log.ts";
import { toTimestamp } from "../../protobuf_time.ts";
import { requireEui } from "./device_lookup.ts";
import { type ServiceContext, streaming } from "./rpc.ts";

/** A reader that is so many events behind loses the next ones, as it would when the log is trimmed before it reads. */
const maxUnread = 10_000;

/**
 * `InternalService`: StreamDeviceEvents. Retained events first, then live ones, until the client leaves; the server
 * never ends the stream. A device that does not exist has an empty log: as on the real server, that stream opens and
 * stays silent (chirpstack/src/api/internal.rs looks for the log, not for the device).
 */
export function internalService(context: ServiceContext): UntypedServiceImplementation {
  return {
    streamDeviceEvents: streaming(
      context,
      (request: StreamDeviceEventsRequest, call: ServerWritableStream<StreamDeviceEventsRequest, LogItem>) => {
        const device = context.network.devices.get(requireEui(request.getDevEui()));
        // the real server answers with its headers at once, before there is any event
        call.sendMetadata(new Metadata());
        if (device === undefined) return;
        // events leave in the order in which they came, also when the latency changes between them
        const waiting: (() => void)[] = [];
        const send = (event: DeviceEvent) => {
          if (context.faults.dropEvents || call.writableLength > maxUnread) return;
          const write = () => void call.write(logItem(event, context.faults.garbageBody));
          if (context.faults.latencyMs === 0 && waiting.length === 0) return write();
          waiting.push(write);
          context.delays.run(context.faults.latencyMs, () => {
            if (!call.cancelled) waiting.shift()?.();
          });
        };
        const leave = device.events.follow(send);
        call.on("cancelled", leave);
        call.on("close", leave);
      },
    ),
  };
}

function logItem(event: DeviceEvent, garbage: boolean): LogItem {
  const item = new internalPb.LogItem();
  item.setId(event.id);
  item.setTime(toTimestamp(event.timeUs));
  item.setDescription(event.type);
  const body = JSON.stringify(event.body());
  item.setBody(garbage ? body.slice(0, body.length / 2) : body);
  for (const [name, value] of Object.entries(event.properties)) item.getPropertiesMap().set(name, value);
  return item;
}
