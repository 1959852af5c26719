import type { Caller, Transport } from "../access/principal.ts";
import type { CommandDefinition } from "../config/command_definition.ts";

/**
 * Where a command can be in its life: `pending` (stored here) → `queued` (in ChirpStack's queue) → `transmitted` (a gateway
 * sent it) → `acked` or `nacked` by the device. An unconfirmed command ends at `transmitted`.
 */
export const commandStates = [
  "pending",
  "queued",
  "transmitted",
  "acked",
  "nacked",
  /** ChirpStack refused it, or its payload could not be made. */
  "failed",
  /** Too late to be sent: its deadline passed while it waited here or in ChirpStack. */
  "expired",
  "cancelled",
  /** It was sent and no acknowledgement came within the deadline. */
  "timed_out",
  /** The gateway stopped at a moment after which nobody can say whether it was sent. It is never sent again. */
  "unknown",
] as const;

/** Where a command is in its life. */
export type CommandState = typeof commandStates[number];

/** A value given for an argument. */
export type ArgumentValue = boolean | number | string;

/** A command that somebody sent. Replaced, never changed in place. Times in µs. */
export interface Command {
  /** UUID. */
  readonly id: string;
  /** Order of submission over all devices, and the cursor of lists. */
  readonly sequence: number;
  readonly devEui: string;
  /** Name of the definition. */
  readonly command: string;
  readonly arguments: Readonly<Record<string, ArgumentValue>>;
  readonly state: CommandState;
  /** Why it ended so; `null` where the state says it. */
  readonly detail: string | null;
  readonly confirmed: boolean;
  readonly fPort: number;
  /** The payload in hexadecimal; `null` for an object that ChirpStack encodes. */
  readonly payloadHex: string | null;
  readonly by: { readonly name: string; readonly address: string; readonly transport: Transport };
  readonly idempotencyKey: string | null;
  /** Id of ChirpStack's queue item; `null` before there is one. */
  readonly queueItemId: string | null;
  readonly createdUs: number;
  readonly updatedUs: number;
  /** End of its time, µs. */
  readonly deadlineUs: number;
}

/** Why a command was refused before it was stored. */
export type CommandRefusal =
  | "unknown_device"
  | "unknown_command"
  | "disabled"
  | "missing_argument"
  | "unknown_argument"
  | "wrong_type"
  | "out_of_range"
  | "not_in_values"
  /** Too many wait for this device, or were sent within the last minute. */
  | "too_many"
  /** The idempotency key was used for something else. */
  | "key_reused"
  /** The command store cannot be written. */
  | "unavailable";

export type SendAnswer =
  | {
    readonly ok: true;
    readonly command: Command;
    /** The same key was given before: this is the command from then, nothing was sent again. */
    readonly repeated: boolean;
  }
  | {
    readonly ok: false;
    readonly reason: CommandRefusal;
    readonly message: string;
    /** The argument at fault. */
    readonly argument?: string;
  };

/** What to send, and who wants it. */
export interface SendRequest {
  readonly devEui: string;
  /** Name, or the configured number as text. */
  readonly command: string;
  readonly arguments: Readonly<Record<string, ArgumentValue>>;
  /** 1 to 128 characters. The same key of the same sender for the same device within a day gives the same command. */
  readonly idempotencyKey?: string | undefined;
  readonly by: Caller;
}

export type CancelAnswer =
  | { readonly ok: true; readonly command: Command }
  | {
    readonly ok: false;
    /**
     * `too_late`: it was sent, has ended, or shares ChirpStack's queue with items of others. `unreachable`: ChirpStack or the
     * disk does not answer, or it is being handed over; it may work later.
     */
    readonly reason: "unknown_id" | "too_late" | "unreachable";
    readonly message: string;
  };

/** Which commands to list, the newest first. */
export interface CommandQuery {
  readonly devEui?: string;
  readonly command?: string;
  /** Only those that have not ended. */
  readonly open?: boolean;
  /** 1 to 1000. */
  readonly limit: number;
  /** Only those with a smaller sequence. */
  readonly before?: number;
}

/** One change of a command's state. */
export interface CommandStep {
  readonly state: CommandState;
  readonly timeUs: number;
  readonly detail: string | null;
}

/** Downlinks to devices: definitions, submission and life cycle. What was accepted survives a restart. */
export interface Commands {
  definitions(): readonly CommandDefinition[];
  definition(devEui: string, command: string): CommandDefinition | undefined;
  /** Checks, stores and answers; resolves once the command is on disk. Never rejects. */
  send(request: SendRequest): Promise<SendAnswer>;
  cancel(id: string, by: Caller): Promise<CancelAnswer>;
  get(id: string): Command | undefined;
  /** The states that a command went through, the oldest first. */
  steps(id: string): readonly CommandStep[];
  list(query: CommandQuery): readonly Command[];
  /** The newest of a definition, whatever its state. */
  newest(devEui: string, command: string): Command | undefined;
  /** The newest that the device acknowledged; for an unconfirmed definition that was transmitted. */
  lastDone(devEui: string, command: string): Command | undefined;
  /** Those that have not ended, and those that ended `unknown` within a day. */
  counts(): { readonly open: number; readonly unknown: number };
  /** Every change of a command, after it was stored. A listener must not throw. */
  subscribe(listener: (command: Command) => void): () => void;
  /** Follows a changed configuration. Commands under way go on as they were accepted. */
  define(definitions: readonly CommandDefinition[]): void;
  onDefinitions(listener: () => void): () => void;
  /** What came of a downlink, told by the source; replays are welcome. */
  downlinkEvent(event: DownlinkEvent): void;
  /** The way to the devices from now on; `null` while no source runs. */
  connect(downlinks: Downlinks | null): void;
  stop(): Promise<void>;
}

/** What a network server said of a downlink. */
export interface DownlinkEvent {
  /** `txack`: a gateway sent it; `ack`, `nack`: the device's answer; `error`: it was dropped. */
  readonly kind: "txack" | "ack" | "nack" | "error";
  readonly devEui: string;
  readonly queueItemId: string;
  readonly timeUs: number;
  readonly detail: string | null;
}

/** An item in the network server's queue of a device. */
export interface QueuedDownlink {
  readonly id: string;
  readonly fPort: number;
  readonly confirmed: boolean;
  readonly dataHex: string;
  /** Sent, and waiting for its acknowledgement. */
  readonly isPending: boolean;
}

/** A downlink to enqueue. */
export interface DownlinkItem {
  readonly devEui: string;
  readonly fPort: number;
  readonly confirmed: boolean;
  readonly payload:
    | { readonly data: Uint8Array }
    | { readonly object: Readonly<Record<string, unknown>> };
  /** Not to be sent after this time, µs. */
  readonly expiresUs: number;
}

/**
 * Thrown by {@link Downlinks}: `refused` did not count and will not change by trying again, `not_sent` certainly did not
 * count and is tried again, `unreachable` nobody knows whether the call counted. Any other error is taken for the last.
 */
export class DownlinkError extends Error {
  override readonly name = "DownlinkError";

  constructor(readonly kind: "refused" | "unreachable" | "not_sent", message: string) {
    super(message);
  }
}

/** What a source of LoRaWAN data offers for the way down. Every call rejects with {@link DownlinkError}. */
export interface Downlinks {
  /** Puts an item at the end of the device's queue; resolves with its id. */
  enqueue(item: DownlinkItem, signal: AbortSignal): Promise<string>;
  queue(devEui: string, signal: AbortSignal): Promise<readonly QueuedDownlink[]>;
  /** Empties the device's queue, whoever filled it. */
  flush(devEui: string, signal: AbortSignal): Promise<void>;
}
