import internalGrpc from "@chirpstack/chirpstack-api/api/internal_grpc_pb.js";
import internalPb from "@chirpstack/chirpstack-api/api/internal_pb.js";
import {
  type Channel,
  type ClientReadableStream,
  connectivityState,
  credentials,
  type Metadata,
  status as grpcStatus,
} from "@grpc/grpc-js";
import { getLogger } from "@logtape/logtape";
import type { ChirpStackConfig } from "../../config/schema.ts";
import type { Backoff } from "../../telemetry/backoff.ts";
import { CallError, callError } from "./call_error.ts";
import type { LogEntry } from "./device_event.ts";
import { bearer, openChannel } from "./grpc_channel.ts";
import { pause } from "../../telemetry/pause.ts";
import { timeUsOf } from "../protobuf_time.ts";
import { attemptBackoff, type Timing } from "./timing.ts";

const log = getLogger(["edgekeep", "sources"]);

/**
 * Streams on one connection. A server allows about 200 and then lets everything on the connection hang; proxies in
 * front of it often allow 100.
 */
export const MAX_STREAMS = 80;

/**
 * A stream that was not refused so long after it was sent over a sound connection is open. ChirpStack says so at once
 * with its headers; a proxy may hold those back until the first event.
 */
const ACCEPTED_AFTER_MS = 1000;

/** Streams opened in one turn of the event loop. */
const OPENED_AT_ONCE = 8;

type Timer = ReturnType<typeof setTimeout>;

/** How the stream of a device is doing. `failed` is tried again by itself. */
export type StreamState =
  | { readonly kind: "closed" }
  | { readonly kind: "open" }
  | { readonly kind: "failed"; readonly error: CallError };

/** What the owner of the streams is told. Called in turn, never after {@link DeviceStreams.stop}. */
export interface StreamListener {
  readonly onEntry: (devEui: string, entry: LogEntry) => void;
  readonly onStream: (devEui: string, state: StreamState) => void;
  /** The connection stands (`null`), or why it does not. */
  readonly onConnection: (failure: CallError | null) => void;
}

export interface DeviceStreamsOptions {
  readonly config: ChirpStackConfig;
  readonly timing: Timing;
  /** To begin with, at most {@link MAX_STREAMS}. */
  readonly devEuis: Iterable<string>;
  readonly listener: StreamListener;
  readonly random: () => number;
}

/**
 * The event streams of some devices on one connection, kept alive: after a loss the whole connection is made anew, by
 * backoff with jitter; a stream that ends on a sound connection is opened again by a backoff of its own.
 *
 * Each attempt takes a fresh channel, so that grpc-js's own pauses never add to ours.
 */
export class DeviceStreams {
  readonly #options: DeviceStreamsOptions;
  readonly #devEuis: Set<string>;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  /** The connection that stands or is being made. */
  #session: Session | null = null;

  constructor(options: DeviceStreamsOptions) {
    this.#options = options;
    this.#devEuis = new Set(options.devEuis);
    this.#done = this.#run(this.#stopping.signal);
  }

  /** The devices whose streams these are. */
  get devEuis(): ReadonlySet<string> {
    return this.#devEuis;
  }

  /** Opens the stream of another device on the same connection; those of the others are not touched. */
  add(devEui: string): void {
    if (this.#devEuis.has(devEui)) return;
    if (this.#devEuis.size >= MAX_STREAMS) {
      throw new RangeError(`Cannot put more than ${MAX_STREAMS} streams on one connection`);
    }
    this.#devEuis.add(devEui);
    this.#session?.add(devEui);
  }

  /** Ends the stream of a device, without a word to the listener. */
  remove(devEui: string): void {
    if (this.#devEuis.delete(devEui)) this.#session?.remove(devEui);
  }

  /** Ends streams and connection without waiting for the server. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { listener } = this.#options;
    const backoff = attemptBackoff(this.#options);
    while (!signal.aborted) {
      const failure = await this.#connect(backoff, signal);
      if (signal.aborted) return;
      listener.onConnection(failure);
      await pause(backoff.next(performance.now()), signal);
    }
  }

  async #connect(backoff: Backoff, signal: AbortSignal): Promise<CallError> {
    const { config, timing } = this.#options;
    let channel: Channel;
    let metadata: Metadata;
    try {
      metadata = bearer(config.api_token);
      channel = await openChannel(config, timing);
    } catch (error) {
      if (error instanceof CallError) return error;
      throw error;
    }
    if (signal.aborted) {
      channel.close();
      return new CallError("unreachable", "Stopped");
    }
    const session = new Session({ ...this.#options, devEuis: this.#devEuis }, channel, metadata, backoff);
    this.#session = session;
    const end = () => session.end(new CallError("unreachable", "Stopped"));
    signal.addEventListener("abort", end, { once: true });
    try {
      return await session.ended;
    } finally {
      this.#session = null;
      signal.removeEventListener("abort", end);
    }
  }
}

/** One connection from its first call to its loss. */
class Session {
  /** Resolves once, with the reason. By then streams, timers and channel are gone. */
  readonly ended: Promise<CallError>;
  readonly #options: DeviceStreamsOptions;
  readonly #channel: Channel;
  readonly #client: internalGrpc.InternalServiceClient;
  readonly #metadata: Metadata;
  readonly #backoff: Backoff;
  readonly #resolve: (error: CallError) => void;
  readonly #calls = new Map<string, { readonly call: ClientReadableStream<internalPb.LogItem>; timer?: Timer }>();
  readonly #retries = new Map<string, { readonly backoff: Backoff; timer?: Timer }>();
  readonly #connectTimer: Timer;
  /** Devices whose streams are about to be opened, in turn. */
  readonly #waiting = new Set<string>();
  #openTimer: Timer | undefined;
  #wasReady = false;
  #over = false;

  constructor(options: DeviceStreamsOptions, channel: Channel, metadata: Metadata, backoff: Backoff) {
    const { promise, resolve } = Promise.withResolvers<CallError>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#options = options;
    this.#channel = channel;
    this.#metadata = metadata;
    this.#backoff = backoff;
    this.#client = new internalGrpc.InternalServiceClient("", credentials.createInsecure(), {
      channelOverride: channel,
    });
    const { timeout } = options.config;
    this.#connectTimer = setTimeout(() => {
      if (!this.#wasReady) this.end(new CallError("unreachable", `No answer to a new connection within ${timeout} s`));
    }, timeout * 1000);
    this.#watch(channel.getConnectivityState(true));
    for (const devEui of options.devEuis) this.#waiting.add(devEui);
    this.#openSome();
  }

  /** Opens the stream of another device. */
  add(devEui: string): void {
    if (this.#over) return;
    this.#waiting.add(devEui);
    if (this.#openTimer === undefined) this.#openSome();
  }

  /** Ends the stream of a device. */
  remove(devEui: string): void {
    this.#waiting.delete(devEui);
    clearTimeout(this.#retries.get(devEui)?.timer);
    this.#retries.delete(devEui);
    const stream = this.#calls.get(devEui);
    if (stream === undefined) return;
    // first: what the call still says is nobody's news
    this.#calls.delete(devEui);
    clearTimeout(stream.timer);
    stream.call.cancel();
  }

  /** Ends the session and tells the reason to whoever waits; the first reason counts. */
  end(reason: CallError): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#openTimer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
    for (const { call, timer } of this.#calls.values()) {
      clearTimeout(timer);
      call.cancel();
    }
    this.#channel.close();
    for (const devEui of this.#options.devEuis) this.#options.listener.onStream(devEui, { kind: "closed" });
    this.#resolve(reason);
  }

  #watch(from: connectivityState): void {
    this.#channel.watchConnectivityState(from, Infinity, () => {
      if (this.#over) return;
      const now = this.#channel.getConnectivityState(false);
      if (now === connectivityState.READY) {
        this.#wasReady = true;
        for (const devEui of this.#calls.keys()) this.#acceptLater(devEui);
      } else if (this.#wasReady) {
        return this.end(new CallError("unreachable", "The connection was lost"));
      }
      this.#watch(now);
    });
  }

  // a call costs a part of a millisecond, and there may be hundreds of them
  #openSome(): void {
    this.#openTimer = undefined;
    let opened = 0;
    for (const devEui of this.#waiting) {
      if (opened++ === OPENED_AT_ONCE) {
        this.#openTimer = setTimeout(() => this.#openSome(), 1);
        return;
      }
      this.#waiting.delete(devEui);
      this.#open(devEui);
    }
  }

  #open(devEui: string): void {
    const request = new internalPb.StreamDeviceEventsRequest();
    request.setDevEui(devEui);
    const call = this.#client.streamDeviceEvents(request, this.#metadata);
    this.#calls.set(devEui, { call });
    if (this.#wasReady) this.#acceptLater(devEui);
    // a stream that was ended here, or has a successor, has nothing to say
    const isPresent = () => this.#calls.get(devEui)?.call === call;
    call.on("metadata", () => isPresent() && this.#accepted(devEui));
    call.on("data", (item: internalPb.LogItem) => isPresent() && this.#take(devEui, item));
    // every error comes as a status too; without a listener it would be thrown
    call.on("error", () => {});
    call.on("status", ({ code, details }) => isPresent() && this.#closed(devEui, code, details));
  }

  #acceptLater(devEui: string): void {
    const stream = this.#calls.get(devEui);
    if (stream !== undefined) stream.timer ??= setTimeout(() => this.#accepted(devEui), ACCEPTED_AFTER_MS);
  }

  #accepted(devEui: string): void {
    if (this.#over) return;
    clearTimeout(this.#calls.get(devEui)?.timer);
    this.#retries.get(devEui)?.backoff.succeeded(performance.now());
    this.#backoff.succeeded(performance.now());
    const { listener } = this.#options;
    listener.onConnection(null);
    listener.onStream(devEui, { kind: "open" });
  }

  #take(devEui: string, item: internalPb.LogItem): void {
    if (this.#over) return;
    try {
      this.#options.listener.onEntry(devEui, {
        id: item.getId(),
        timeUs: timeUsOf(item.getTime()),
        description: item.getDescription(),
        body: item.getBody(),
      });
    } catch (error) {
      // whoever failed to take this event must not cost the others theirs
      log.error("Cannot take an event of {devEui}: {error}", { event: "intake_failed", devEui, error });
    }
  }

  #closed(devEui: string, code: number, details: string): void {
    if (this.#over) return;
    clearTimeout(this.#calls.get(devEui)?.timer);
    this.#calls.delete(devEui);
    const { config, listener } = this.#options;
    const error = code === grpcStatus.OK
      ? new CallError("failed", "ChirpStack ended the stream")
      : callError(code, details, config.api_token);
    if (this.#channel.getConnectivityState(false) !== connectivityState.READY) return this.end(error);
    let retry = this.#retries.get(devEui);
    if (retry === undefined) {
      const backoff = attemptBackoff(this.#options);
      this.#retries.set(devEui, retry = { backoff });
    }
    retry.timer = setTimeout(() => this.#open(devEui), retry.backoff.next(performance.now()));
    // the answer came over a sound connection, whatever it says
    listener.onConnection(null);
    listener.onStream(devEui, { kind: "failed", error });
  }
}
