import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import type { FaultCode } from "../../telemetry/fault_catalogue.ts";
import type { SourceStatus } from "../../telemetry/status.ts";
import type { CallError } from "./call_error.ts";
import type { StreamState } from "./device_streams.ts";

const log = getLogger(["edgekeep", "sources"]);

/** A stream on a sound connection is a fault of its device once it failed so often in a row. */
const STREAM_FAILS = 2;

interface DeviceHealth {
  stream: StreamState;
  /** Failures of the stream since it was open last. */
  fails: number;
  /** ChirpStack said in the last look-up that it does not know the device. */
  missing: boolean;
  silent: boolean;
  /** Poll mode: why the device's last reading failed. */
  reading: CallError | null;
  /** Poll mode: the device was read since the connection stands. */
  read: boolean;
  /** Faults of this device that are on the board now. */
  readonly raised: Set<FaultCode>;
}

/** What the health is judged from and told to. */
export interface HealthOptions {
  readonly mode: "stream" | "poll";
  /** `[chirpstack].server_address`. */
  readonly address: string;
  readonly devEuis: readonly string[];
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
}

type Judgement = Pick<SourceStatus, "state" | "devicesStreaming" | "lastError">;

/**
 * Puts together what connections, streams and look-ups report into one state and the faults that people see. The parts
 * report single facts in any order; what they mean together is decided here alone.
 */
export class SourceHealth {
  readonly #options: HealthOptions;
  readonly #devices = new Map<string, DeviceHealth>();
  /** Connections by name: `null` stands, an error is down, `undefined` was not tried yet. */
  readonly #parts = new Map<string, CallError | null | undefined>();
  #judged: Judgement = { state: "connecting", devicesStreaming: 0, lastError: null };
  #sinceUs: number;
  #reconnects = 0;
  #wasUp = false;
  #pending = false;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#sinceUs = options.nowUs();
    this.#watch(options.devEuis);
  }

  /** The devices that count from now on. Faults of those that went are taken back. */
  setDevices(devEuis: readonly string[]): void {
    const wanted = new Set(devEuis);
    for (const [devEui, { raised }] of this.#devices) {
      if (wanted.has(devEui)) continue;
      this.#devices.delete(devEui);
      for (const code of raised) this.#options.faults.clear(code, devEui);
    }
    this.#watch(devEuis);
    this.#changed();
  }

  /** A connection was given up on purpose. */
  forget(part: string): void {
    if (this.#parts.delete(part)) this.#changed();
  }

  /** A connection stands (`null`), or why it does not. Parts are known from their first report on. */
  connection(part: string, failure: CallError | null): void {
    const before = this.#parts.get(part);
    if (before === failure) return;
    this.#parts.set(part, failure);
    if (failure === null && before instanceof Error) this.#reconnects++;
    if (failure !== null) {
      log.debug("{part} failed: {cause}", { event: "source_call_failed", part, cause: failure.message });
    }
    this.#changed();
  }

  stream(devEui: string, state: StreamState): void {
    const device = this.#devices.get(devEui);
    if (device === undefined) return;
    device.stream = state;
    if (state.kind === "open") device.fails = 0;
    if (state.kind === "failed") device.fails++;
    this.#changed();
  }

  /** What the last look-up said: whether ChirpStack does not know the device, and whether its stream is silent. */
  looked(devEui: string, missing: boolean, silent: boolean): void {
    const device = this.#devices.get(devEui);
    if (device === undefined || (device.missing === missing && device.silent === silent)) return;
    device.missing = missing;
    device.silent = silent;
    this.#changed();
  }

  /** Poll mode: a device was read (`null`), or why not. */
  reading(devEui: string, failure: CallError | null): void {
    const device = this.#devices.get(devEui);
    if (device === undefined) return;
    device.reading = failure;
    device.read = failure === null;
    this.#changed();
  }

  status(): Pick<SourceStatus, "state" | "sinceUs" | "devicesStreaming" | "reconnects" | "lastError"> {
    if (this.#stopped) {
      return {
        ...this.#judged,
        state: "stopped",
        devicesStreaming: 0,
        sinceUs: this.#sinceUs,
        reconnects: this.#reconnects,
      };
    }
    this.#judge();
    return { ...this.#judged, sinceUs: this.#sinceUs, reconnects: this.#reconnects };
  }

  /** Takes back the faults it raised. */
  stop(): void {
    this.#stopped = true;
    this.#sinceUs = this.#options.nowUs();
    const { faults, address } = this.#options;
    faults.clear("source_unreachable", address);
    faults.clear("source_unauthorized", address);
    for (const [devEui, { raised }] of this.#devices) for (const code of raised) faults.clear(code, devEui);
  }

  #watch(devEuis: readonly string[]): void {
    for (const devEui of devEuis) {
      if (this.#devices.has(devEui)) continue;
      this.#devices.set(devEui, {
        stream: { kind: "closed" },
        fails: 0,
        missing: false,
        silent: false,
        reading: null,
        read: false,
        raised: new Set(),
      });
    }
  }

  // A connection brings many reports at once; they are judged together.
  #changed(): void {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      if (!this.#stopped) this.#judge();
    });
  }

  #judge(): void {
    const { mode } = this.#options;
    const down = [...this.#parts.values()].filter((failure) => failure instanceof Error);
    let open = 0;
    let failed: CallError | null = null;
    let refused: CallError | null = null;
    for (const { stream, reading, read, missing } of this.#devices.values()) {
      if (!missing && (stream.kind === "open" || (read && down.length === 0))) open++;
      const error = stream.kind === "failed" ? stream.error : reading;
      if (error === null || error.kind === "unknown") continue;
      if (error.kind === "unauthorized") refused ??= error;
      else failed ??= error;
    }
    // a token that the look-ups or another stream are served with is no wrong token
    const accepted = open > 0 || this.#parts.get("calls") === null;
    const unauthorized = down.find(({ kind }) => kind === "unauthorized") ?? (accepted ? null : refused);
    const unreachable = down.find(({ kind }) => kind !== "unauthorized") ?? (open > 0 ? null : failed);
    this.#tell("source_unauthorized", unauthorized);
    this.#tell("source_unreachable", unreachable);
    let troubled = false;
    for (const [devEui, device] of this.#devices) troubled = this.#judgeDevice(devEui, device, accepted) || troubled;

    const broken = unauthorized ?? unreachable;
    const tried = [...this.#parts.values()].some((failure) => failure !== undefined);
    const all = open === this.#devices.size || (mode === "poll" && !troubled && !broken);
    const state = !tried
      ? "connecting"
      : broken !== null && open === 0
      ? "disconnected"
      : broken === null && all && !troubled
      ? "connected"
      : open === 0 && !troubled && broken === null
      ? "connecting"
      : "degraded";
    const lastError = (broken ?? failed ?? refused)?.message ?? this.#judged.lastError;
    this.#settle({ state, devicesStreaming: open, lastError });
  }

  #judgeDevice(devEui: string, device: DeviceHealth, accepted: boolean): boolean {
    const { stream, fails, missing, silent, reading } = device;
    const error = stream.kind === "failed" ? stream.error : reading;
    const refused = error?.kind === "unknown" || (accepted && error?.kind === "unauthorized");
    const unknown = missing || refused
      ? `Device ${devEui}: ${error?.message ?? "ChirpStack lists no such device, or not to this token"}`
      : null;
    const silence = silent && unknown === null
      ? `ChirpStack hears device ${devEui}, but its event stream delivers nothing`
      : null;
    const failing = stream.kind === "failed" && fails >= STREAM_FAILS && unknown === null &&
        stream.error.kind !== "unauthorized"
      ? `Device ${devEui}: ${stream.error.message}`
      : null;
    const before = device.raised.size;
    this.#tellOfDevice(devEui, device, "source_device_unknown", unknown);
    this.#tellOfDevice(devEui, device, "stream_silent", silence);
    this.#tellOfDevice(devEui, device, "stream_failed", failing);
    if (before === 0 && device.raised.size > 0) {
      this.#options.feed.add("warning", "source_device_trouble", devEui, unknown ?? silence ?? failing ?? "");
    }
    return device.raised.size > 0;
  }

  #tell(code: FaultCode, error: CallError | null): void {
    const { address, faults } = this.#options;
    if (error === null) faults.clear(code, address);
    else faults.raise(code, `${address}: ${error.message}`, address);
  }

  #tellOfDevice(devEui: string, { raised }: DeviceHealth, code: FaultCode, detail: string | null): void {
    if (detail !== null) {
      raised.add(code);
      this.#options.faults.raise(code, detail, devEui);
    } else if (raised.delete(code)) {
      this.#options.faults.clear(code, devEui);
    }
  }

  #settle(now: Judgement): void {
    const before = this.#judged.state;
    // trying again is no news: what was down stays down until something works
    const judged: Judgement = before === "disconnected" && now.state === "connecting" ? { ...now, state: before } : now;
    this.#judged = judged;
    if (judged.state === before) return;
    this.#sinceUs = this.#options.nowUs();
    const { feed, address } = this.#options;
    log.info("ChirpStack at {address} is {state}", {
      event: "source_state",
      address,
      state: judged.state,
      devices: this.#devices.size,
      streaming: judged.devicesStreaming,
    });
    const up = judged.state === "connected" || judged.state === "degraded";
    if (up && !this.#wasUp) feed.add("info", "source_connected", "gateway", `ChirpStack at ${address} is connected`);
    if (judged.state === "disconnected") {
      const why = judged.lastError === null ? "" : `: ${judged.lastError}`;
      feed.add("error", "source_disconnected", "gateway", `ChirpStack at ${address} is not connected${why}`);
    }
    if (up || judged.state === "disconnected") this.#wasUp = up;
  }
}
