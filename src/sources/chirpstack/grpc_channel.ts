import { Channel, type ChannelCredentials, connectivityState, credentials, Metadata } from "@grpc/grpc-js";
import type { ChirpStackConfig } from "../../config/schema.ts";
import { guardHttp2Sessions } from "../http2_session_guard.ts";
import { CallError } from "./call_error.ts";
import { hostScheme } from "./host_resolver.ts";
import type { Timing } from "./timing.ts";

/** What a channel needs to know of the server. */
export type ServerAddress = Pick<ChirpStackConfig, "server_address" | "ca_path" | "api_token" | "max_backoff">;

/**
 * A new channel with a TCP connection of its own, which is opened by the first call.
 *
 * The CA file is read each time, so that a replaced one counts from the next connection on.
 *
 * @throws {CallError} `failed` when the CA file cannot be read
 */
export async function openChannel(server: ServerAddress, timing: Timing): Promise<Channel> {
  guardHttp2Sessions();
  const { target, secure } = targetOf(server.server_address);
  return new Channel(
    `${hostScheme}:${target}`,
    secure ? await tlsCredentials(server.ca_path) : credentials.createInsecure(),
    {
      // grpc-js shares connections among channels to one address; a server's limit of streams is per connection
      "grpc.use_local_subchannel_pool": 1,
      "grpc.keepalive_time_ms": timing.keepaliveMs,
      "grpc.keepalive_timeout_ms": timing.keepaliveTimeoutMs,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.initial_reconnect_backoff_ms": timing.firstBackoffMs,
      "grpc.max_reconnect_backoff_ms": Math.max(timing.firstBackoffMs, server.max_backoff * 1000),
      // no TXT look-ups, no proxy from the environment, no registry of channels: none is of use on a plant's network
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_http_proxy": 0,
      "grpc.enable_channelz": 0,
      "grpc.enable_retries": 0,
    },
  );
}

/** Whether a channel has its connection, after waiting for an attempt that is under way; false once that failed. */
export async function isEstablished(channel: Channel, deadline: number, signal?: AbortSignal): Promise<boolean> {
  while (!signal?.aborted) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return true;
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return false;
    const changed = await new Promise<boolean>((resolve) => {
      const leave = () => resolve(false);
      signal?.addEventListener("abort", leave, { once: true });
      channel.watchConnectivityState(state, deadline, (error) => {
        signal?.removeEventListener("abort", leave);
        resolve(error === undefined);
      });
    });
    if (!changed) return false;
  }
  return false;
}

/** `host:port` for grpc-js and whether TLS is spoken. A URL without a port means 80 or 443. */
export function targetOf(address: string): { readonly target: string; readonly secure: boolean } {
  const url = new URL(address);
  const secure = url.protocol === "https:";
  return { target: `${url.hostname}:${url.port === "" ? (secure ? 443 : 80) : url.port}`, secure };
}

/**
 * The metadata that every call carries.
 *
 * @throws {CallError} `unauthorized` when the token holds what no header can carry; the token is not in the message
 */
export function bearer(token: string): Metadata {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CallError("unauthorized", "The API token holds blanks or characters that no token has");
  }
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

async function tlsCredentials(caPath: string | undefined): Promise<ChannelCredentials> {
  if (caPath === undefined) return credentials.createSsl();
  let pem: Uint8Array;
  try {
    pem = await Deno.readFile(caPath);
  } catch (error) {
    throw new CallError(
      "failed",
      `Cannot read the CA file '${caPath}': ${error instanceof Error ? error.name : error}`,
    );
  }
  return credentials.createSsl(Buffer.from(pem));
}
