import type { JsonObject } from "./json_object.ts";

/** A downlink that waits in ChirpStack, or that was sent and waits for its acknowledgement. */
export interface QueueItem {
  /** UUID. */
  readonly id: string;
  /** 1 to 255. */
  readonly fPort: number;
  readonly confirmed: boolean;
  readonly data: Uint8Array;
  /** The object that was encoded to the data; `null` when the client gave bytes. */
  readonly object: JsonObject | null;
  /** Not sent any more from then on, µs; `null`: never too late. */
  readonly expiresUs: number | null;
  /** Sent, and not acknowledged yet. */
  readonly isPending: boolean;
  /** Frame counter it was sent with; `null` before. */
  readonly fCntDown: number | null;
}

/** A downlink as the device received it. */
export interface SentDownlink extends QueueItem {
  readonly fCntDown: number;
  /** When the gateway sent it, µs. */
  readonly timeUs: number;
}

/** The downlinks of one device, first in first out (chirpstack/src/storage/device_queue.rs). */
export class DownlinkQueue {
  #items: QueueItem[] = [];
  #nextFCntDown = 0;

  /** Everything in the queue, oldest first. */
  get items(): readonly QueueItem[] {
    return this.#items;
  }

  /** The item that was sent and not acknowledged. */
  get pending(): QueueItem | undefined {
    return this.#items.find(({ isPending }) => isPending);
  }

  add(item: Omit<QueueItem, "isPending" | "fCntDown">): void {
    this.#items.push({ ...item, isPending: false, fCntDown: null });
  }

  flush(): void {
    this.#items = [];
  }

  remove(id: string): void {
    this.#items = this.#items.filter((item) => item.id !== id);
  }

  /** Takes out the items that are too late by now. */
  takeExpired(nowUs: number): QueueItem[] {
    const expired = this.#items.filter(({ expiresUs, isPending }) =>
      !isPending && expiresUs !== null && expiresUs <= nowUs
    );
    for (const { id } of expired) this.remove(id);
    return expired;
  }

  /** Takes out the next items as long as they are longer than a frame can carry, bytes. */
  takeOversized(maxBytes: number): QueueItem[] {
    const oversized: QueueItem[] = [];
    for (let next = this.#items[0]; next !== undefined && !next.isPending; next = this.#items[0]) {
      if (next.data.length <= maxBytes) break;
      oversized.push(next);
      this.remove(next.id);
    }
    return oversized;
  }

  /** The next item as a gateway is to send it. What becomes of the item is decided when the gateway did. */
  next(timeUs: number): SentDownlink | null {
    const next = this.#items[0];
    if (next === undefined || next.isPending) return null;
    return { ...next, isPending: next.confirmed, fCntDown: this.#nextFCntDown, timeUs };
  }

  /** A gateway says that it sent the item: an unconfirmed one leaves the queue, a confirmed one stays, pending. */
  sent({ timeUs: _timeUs, ...item }: SentDownlink): void {
    this.#nextFCntDown = item.fCntDown + 1;
    this.#items = this.#items.flatMap((one) => one.id !== item.id ? [one] : item.confirmed ? [item] : []);
  }

  /** A new session of the device counts from 0 again. */
  restart(): void {
    this.#nextFCntDown = 0;
  }
}
