import { parseTimeUs } from "./event_time.ts";

/** One entry of a device's event log (`LogItem`), as ChirpStack streams it. */
export interface LogEntry {
  /** ChirpStack's own id of the entry. */
  readonly id: string;
  /** When ChirpStack logged it, µs; `null` when it does not say. */
  readonly timeUs: number | null;
  /** `up`, `join`, `ack`, `txack`, `status`, `log`, `location`, `integration`. */
  readonly description: string;
  /** The event as JSON. */
  readonly body: string;
}

interface EventBase {
  /** The same for the same event however often it is replayed. */
  readonly identity: string;
  /** The event's own time, µs since the epoch, UTC. */
  readonly timeUs: number;
}

/** An uplink with its decoded object and the radio's view of it. */
export interface UplinkEvent extends EventBase {
  readonly kind: "up";
  /** What the codec made of the payload; `null` when the device profile has no codec or it failed. */
  readonly object: Readonly<Record<string, unknown>> | null;
  readonly frameCounter: number;
  readonly dataRate: number;
  /** 0 when the frame carries no application payload. */
  readonly port: number;
  /** dBm and dB of the gateway that heard it best; `null` when no gateway is named. */
  readonly rssi: number | null;
  readonly snr: number | null;
}

/** The device's answer to ChirpStack's status request. */
export interface StatusEvent extends EventBase {
  readonly kind: "status";
  /** Percent; `null` when the device runs on external power or does not know. */
  readonly battery: number | null;
  /** Demodulation margin, dB. */
  readonly margin: number;
}

/** Everything else that is worth a line in the event feed. */
export interface NoteEvent extends EventBase {
  readonly kind: "join" | "ack" | "txack" | "log" | "location" | "integration";
  readonly level: "info" | "warning" | "error";
  readonly text: string;
  /** What became of an item of the device's queue; `null` when the event is about none. */
  readonly downlink: DownlinkNews | null;
}

/** What an event says of an item of the device's queue. */
export interface DownlinkNews {
  /** `txack`: a gateway sent it; `ack`, `nack`: the device's answer; `error`: ChirpStack dropped it. */
  readonly kind: "txack" | "ack" | "nack" | "error";
  readonly queueItemId: string;
  readonly detail: string | null;
}

export type DeviceEvent = UplinkEvent | StatusEvent | NoteEvent;

/** An entry that cannot be understood, with the reason. */
export interface UnreadableEntry {
  readonly kind: "unreadable";
  readonly cause: string;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a log entry. ChirpStack writes protobuf messages as JSON, in which a field that has its default (0, "", false)
 * is left out: a frame counter of 0 is not there. Never throws; kinds that this program does not know are unreadable.
 */
export function readLogEntry(entry: LogEntry): DeviceEvent | UnreadableEntry {
  let body: unknown;
  try {
    body = JSON.parse(entry.body);
  } catch {
    return unreadable(`The '${entry.description.slice(0, 32)}' event is not JSON`);
  }
  if (!isObject(body)) return unreadable(`The '${entry.description.slice(0, 32)}' event is not a JSON object`);
  const timeUs = parseTimeUs(body.time) ?? entry.timeUs;
  if (timeUs === null) return unreadable(`The '${entry.description.slice(0, 32)}' event carries no time`);
  const base: EventBase = { identity: identityOf(entry, body, timeUs), timeUs };
  switch (entry.description) {
    case "up":
      return readUplink(base, body);
    case "status":
      return readStatus(base, body);
    case "join":
      return note(base, "join", "info", `Joined the network with address ${text(body.devAddr)}`);
    case "ack":
      return body.acknowledged === true
        ? note(base, "ack", "info", `Acknowledged downlink ${text(body.queueItemId)}`, news("ack", body.queueItemId))
        : note(
          base,
          "ack",
          "warning",
          `Did not acknowledge downlink ${text(body.queueItemId)}`,
          news("nack", body.queueItemId),
        );
    case "txack":
      return note(
        base,
        "txack",
        "info",
        `Gateway ${text(body.gatewayId)} sent downlink ${text(body.queueItemId)}`,
        news("txack", body.queueItemId, `Sent by gateway ${text(body.gatewayId)}`),
      );
    case "log":
      return readLog(base, body);
    case "location":
      return readLocation(base, body);
    case "integration":
      return note(base, "integration", "info", `Integration ${text(body.integrationName)}: ${text(body.eventType)}`);
    default:
      return unreadable(`Events of kind '${entry.description.slice(0, 32)}' are not known`);
  }
}

function readUplink(base: EventBase, body: Json): UplinkEvent {
  const best = strongest(body.rxInfo);
  return {
    ...base,
    kind: "up",
    object: isObject(body.object) ? body.object : null,
    frameCounter: number(body.fCnt),
    dataRate: number(body.dr),
    port: number(body.fPort),
    rssi: best?.rssi ?? null,
    snr: best?.snr ?? null,
  };
}

// Both figures of one gateway, the one with the strongest signal: a mix of two would describe no link that exists.
function strongest(rxInfo: unknown): { readonly rssi: number; readonly snr: number } | null {
  if (!Array.isArray(rxInfo)) return null;
  let best: { rssi: number; snr: number } | null = null;
  for (const info of rxInfo) {
    if (!isObject(info)) continue;
    const heard = { rssi: number(info.rssi), snr: number(info.snr) };
    if (best === null || heard.rssi > best.rssi || (heard.rssi === best.rssi && heard.snr > best.snr)) best = heard;
  }
  return best;
}

function readStatus(base: EventBase, body: Json): StatusEvent {
  const unknown = body.batteryLevelUnavailable === true || body.externalPowerSource === true;
  return { ...base, kind: "status", battery: unknown ? null : number(body.batteryLevel), margin: number(body.margin) };
}

function readLog(base: EventBase, body: Json): NoteEvent {
  const level = body.level === "ERROR" ? "error" : body.level === "WARNING" ? "warning" : "info";
  const code = text(body.code);
  const said = `${code === "" ? "" : `${code}: `}${text(body.description, 240)}`;
  return note(base, "log", level, said, level === "error" ? dropped(body, code, said) : null);
}

// An item that is dropped is named in the context. A gateway that refused to send it drops nothing: the item stays in
// the queue and goes out with the next chance (chirpstack/src/downlink/tx_ack.rs).
function dropped(body: Json, code: string, said: string): DownlinkNews | null {
  if (code === "DOWNLINK_GATEWAY" || !isObject(body.context)) return null;
  return news("error", body.context.queue_item_id, said);
}

function news(kind: DownlinkNews["kind"], queueItemId: unknown, detail: string | null = null): DownlinkNews | null {
  const id = text(queueItemId);
  return id === "" ? null : { kind, queueItemId: id, detail };
}

function readLocation(base: EventBase, body: Json): NoteEvent {
  const location = isObject(body.location) ? body.location : {};
  const place = `${number(location.latitude)}, ${number(location.longitude)}`;
  return note(base, "location", "info", `Located at ${place} (latitude, longitude in degrees)`);
}

function note(
  base: EventBase,
  kind: NoteEvent["kind"],
  level: NoteEvent["level"],
  text: string,
  downlink: DownlinkNews | null = null,
): NoteEvent {
  return { ...base, kind, level, text, downlink };
}

// The id of the log entry alone is not enough: a server whose log was emptied may count from the beginning again.
function identityOf(entry: LogEntry, body: Json, timeUs: number): string {
  const own = [body.deduplicationId, body.queueItemId, body.downlinkId].find((id) =>
    typeof id === "string" || typeof id === "number"
  );
  return `${entry.description}|${timeUs}|${own ?? entry.id}`;
}

function unreadable(cause: string): UnreadableEntry {
  return { kind: "unreadable", cause };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function text(value: unknown, maxLength = 64): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value.slice(0, maxLength).replace(/\p{Cc}/gu, "?") : "";
}
