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

  /** Sends the next item: an unconfirmed one leaves the queue, a confirmed one stays, pending. */
  send(timeUs: number): SentDownlink | null {
    const next = this.#items[0];
    if (next === undefined || next.isPending) return null;
    const sent = { ...next, isPending: next.confirmed, fCntDown: this.#nextFCntDown++ };
    this.#items = next.confirmed ? [sent, ...this.#items.slice(1)] : this.#items.slice(1);
    return { ...sent, timeUs };
  }

  /** A new session of the device counts from 0 again. */
  restart(): void {
    this.#nextFCntDown = 0;
  }
}
