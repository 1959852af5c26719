import {
  DownlinkError,
  type DownlinkEvent,
  type DownlinkItem,
  type Downlinks,
  type QueuedDownlink,
} from "../../src/commands/commands.ts";

/** What becomes of a call: whether it counts, and what the caller learns. */
export type CallFate =
  | "ok"
  | "refused"
  | "not_sent"
  /** It did not arrive, and the caller does not know. */
  | "lost_request"
  /** It counted, and the caller does not know. */
  | "lost_answer"
  /** It counted, and no answer comes. */
  | "hanging"
  /** It counts when {@link SimulatedDownlinks.deliverLate} is called; the caller was told that nobody knows. */
  | "late";

interface SimulatedItem extends QueuedDownlink {
  readonly expiresUs: number;
}

/** How many events of a device are told again to whoever connects. */
const RETAINED = 10;

/**
 * A network server as far as downlinks go. It outlives the gateways that are connected to it, counts what it accepted, and
 * does with each call what the test says.
 */
export class SimulatedDownlinks {
  /** Payloads of all items ever accepted, in hexadecimal, by device. */
  readonly accepted = new Map<string, string[]>();
  /** Payloads of all items ever sent by radio, by device. */
  readonly sent = new Map<string, string[]>();
  /** What the next calls come to; `ok` when it is empty. */
  readonly fates: CallFate[] = [];
  calls = 0;
  readonly #nowUs: () => number;
  readonly #queues = new Map<string, SimulatedItem[]>();
  readonly #retained = new Map<string, DownlinkEvent[]>();
  #late: (() => void)[] = [];
  #listener: (event: DownlinkEvent) => void = () => {};
  #nextId = 1;

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** The way down for one gateway, until its signal aborts: then every call of it goes nowhere. */
  way(dead: AbortSignal): Downlinks {
    const call = <T>(work: () => T, signal: AbortSignal): Promise<T> => {
      this.calls++;
      if (dead.aborted || signal.aborted) return never();
      switch (this.fates.shift() ?? "ok") {
        case "refused":
          return fail("refused", "Refused by the test");
        case "not_sent":
          return fail("not_sent", "Not sent by the test");
        case "lost_request":
          return fail("unreachable", "The request was lost");
        case "lost_answer":
          work();
          return fail("unreachable", "The answer was lost");
        case "hanging":
          work();
          return never();
        case "late":
          this.#late.push(work);
          return fail("unreachable", "The request is late");
        case "ok":
          return Promise.resolve(work());
      }
    };
    return {
      enqueue: (item, signal) => call(() => this.add(item), signal),
      queue: (devEui, signal) => call(() => this.items(devEui), signal),
      flush: (devEui, signal) => call(() => void this.#queues.delete(devEui), signal),
    };
  }

  /** Tells events to this listener from now on, those that are retained first. */
  listen(listener: (event: DownlinkEvent) => void, replay = true): void {
    this.#listener = listener;
    if (replay) { for (const events of this.#retained.values()) for (const event of events) listener(event); }
  }

  /** Takes an item, as {@link Downlinks.enqueue} and for items of others. */
  add({ devEui, fPort, confirmed, payload, expiresUs }: DownlinkItem): string {
    const id = `item-${this.#nextId++}`;
    const dataHex = "data" in payload ? payload.data.toHex() : JSON.stringify(payload.object);
    this.#queues.set(devEui, [...this.#queue(devEui), { id, fPort, confirmed, dataHex, expiresUs, isPending: false }]);
    push(this.accepted, devEui, dataHex);
    return id;
  }

  /** Calls that were late arrive. */
  deliverLate(): void {
    const late = this.#late;
    this.#late = [];
    for (const work of late) work();
  }

  items(devEui: string): QueuedDownlink[] {
    return this.#queue(devEui).map(({ expiresUs: _, ...item }) => item);
  }

  /** The device can be reached now: what is too late is dropped, and the next item is sent. */
  transmit(devEui: string): void {
    for (const item of this.#queue(devEui)) {
      if (item.expiresUs > this.#nowUs() || item.isPending) continue;
      this.#remove(devEui, item.id);
      this.#tell("error", devEui, item.id, "Expired");
    }
    const [next] = this.#queue(devEui);
    if (next === undefined || next.isPending) return;
    push(this.sent, devEui, next.dataHex);
    if (next.confirmed) {
      this.#queues.set(devEui, this.#queue(devEui).map((item) => item === next ? { ...item, isPending: true } : item));
    } else this.#remove(devEui, next.id);
    this.#tell("txack", devEui, next.id);
  }

  /** The device answers what was sent to it, or does not and ChirpStack gives up. */
  answer(devEui: string, kind: "ack" | "nack"): void {
    const pending = this.#queue(devEui).find(({ isPending }) => isPending);
    if (pending === undefined) return;
    this.#remove(devEui, pending.id);
    this.#tell(kind, devEui, pending.id);
  }

  /** Drops the next item with an error. */
  drop(devEui: string): void {
    const [next] = this.#queue(devEui);
    if (next === undefined) return;
    this.#remove(devEui, next.id);
    this.#tell("error", devEui, next.id, "Too long");
  }

  /** Tells everything retained once more. */
  replay(): void {
    for (const events of this.#retained.values()) for (const event of events) this.#listener(event);
  }

  #tell(kind: DownlinkEvent["kind"], devEui: string, queueItemId: string, detail: string | null = null): void {
    const event: DownlinkEvent = { kind, devEui, queueItemId, timeUs: this.#nowUs(), detail };
    this.#retained.set(devEui, [...this.#retained.get(devEui) ?? [], event].slice(-RETAINED));
    this.#listener(event);
  }

  #queue(devEui: string): readonly SimulatedItem[] {
    return this.#queues.get(devEui) ?? [];
  }

  #remove(devEui: string, id: string): void {
    this.#queues.set(devEui, this.#queue(devEui).filter((item) => item.id !== id));
  }
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...map.get(key) ?? [], value]);
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

function fail(kind: DownlinkError["kind"], message: string): Promise<never> {
  return Promise.reject(new DownlinkError(kind, message));
}
