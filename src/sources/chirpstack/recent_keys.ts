import internalGrpc from "@chirpstack/chirpstack-api/api/internal_grpc_pb.js";
import internalPb from "@chirpstack/chirpstack-api/api/internal_pb.js";
import { credentials } from "@grpc/grpc-js";
import type { ChirpStackConfig } from "../../config/schema.ts";
import { type CallError, callError } from "./call_error.ts";
import { readLogEntry } from "./device_event.ts";
import { bearer, openChannel } from "./grpc_channel.ts";
import { type ObservedKey, ObservedKeys } from "./observed_keys.ts";
import { timeUsOf } from "../protobuf_time.ts";
import type { Timing } from "./timing.ts";

/** Retained events come in one go; after so much silence there are no more. */
const QUIET_MS = 500;

/**
 * The keys of a device's retained uplinks, for a device that is not configured yet and so has no stream here. Opens
 * its event stream for as long as events come at once, at most `[chirpstack].timeout`.
 *
 * @throws {CallError} when the server cannot be reached or refuses
 */
export async function readRecentKeys(
  config: ChirpStackConfig,
  timing: Timing,
  devEui: string,
  signal: AbortSignal,
): Promise<ObservedKey[]> {
  const metadata = bearer(config.api_token);
  const channel = await openChannel(config, timing);
  const keys = new ObservedKeys();
  const { promise, resolve, reject } = Promise.withResolvers<ObservedKey[]>();
  const client = new internalGrpc.InternalServiceClient("", credentials.createInsecure(), { channelOverride: channel });
  const request = new internalPb.StreamDeviceEventsRequest();
  request.setDevEui(devEui);
  const call = client.streamDeviceEvents(request, metadata, { deadline: Date.now() + config.timeout * 1000 });
  const done = () => resolve(keys.list());
  let quiet: ReturnType<typeof setTimeout> | undefined;
  const waitForMore = () => {
    clearTimeout(quiet);
    quiet = setTimeout(done, QUIET_MS);
  };
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  channel.watchConnectivityState(channel.getConnectivityState(false), Infinity, () => {});
  call.on("metadata", waitForMore);
  call.on("data", (item: internalPb.LogItem) => {
    waitForMore();
    const event = readLogEntry({
      id: item.getId(),
      timeUs: timeUsOf(item.getTime()),
      description: item.getDescription(),
      body: item.getBody(),
    });
    if (event.kind === "up" && event.object !== null) keys.take(event.object, event.timeUs);
  });
  call.on("error", () => {});
  call.on("status", ({ code, details }) => {
    // a log without events may answer nothing at all until the deadline: not a failure
    const failure: CallError = callError(code, details, config.api_token);
    if (code === 0 || keys.list().length > 0) done();
    else reject(failure);
  });
  try {
    if (signal.aborted) abort();
    return await promise;
  } finally {
    clearTimeout(quiet);
    signal.removeEventListener("abort", abort);
    call.cancel();
    channel.close();
  }
}
