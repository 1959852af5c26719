import type { DownlinkEvent } from "../../commands/commands.ts";
import { pause } from "../../telemetry/pause.ts";
import { CallError } from "./call_error.ts";
import type { ChirpStackApi } from "./chirpstack_api.ts";
import type { QueueObserver } from "./downlink_calls.ts";
import type { RemoteQueueItem } from "./downlink_messages.ts";

/** Items that are followed at once; each is one that was enqueued here or found in a queue. */
const MAX_FOLLOWED = 1000;

/** What a {@link QueueWatch} works with. */
export interface QueueWatchOptions {
  readonly api: Pick<ChirpStackApi, "queue">;
  /** Time between two looks at a queue, ms. */
  readonly everyMs: number;
  readonly nowUs: () => number;
  readonly onDownlink: (event: DownlinkEvent) => void;
}

interface Followed {
  readonly devEui: string;
  readonly item: RemoteQueueItem;
}

/**
 * What becomes of downlinks where no event stream tells it: looks into the queues that hold some until they are empty.
 *
 * An item that waits for its acknowledgement was sent. One that is gone before it expired was sent as well, unless
 * somebody emptied the queue; whether the device acknowledged it, nobody can see. One that is gone after it expired
 * may be either, and nothing is told.
 */
export class QueueWatch implements QueueObserver {
  readonly #options: QueueWatchOptions;
  readonly #followed = new Map<string, Followed>();
  /** Items whose transmission was told. */
  readonly #told = new Set<string>();
  #wake: (() => void) | null = null;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
  }

  enqueued(devEui: string, item: RemoteQueueItem): void {
    if (this.#followed.size >= MAX_FOLLOWED && !this.#followed.has(item.id)) return;
    this.#followed.set(item.id, { devEui, item });
    if (item.isPending) this.#sent(item.id, "It waits for the acknowledgement of the device");
    this.#wake?.();
  }

  listed(devEui: string, items: readonly RemoteQueueItem[]): void {
    const left = new Set(items.map(({ id }) => id));
    for (const followed of [...this.#followed.values()]) {
      if (followed.devEui === devEui && !left.has(followed.item.id)) this.#gone(followed.item);
    }
    for (const item of items) this.enqueued(devEui, item);
  }

  /** Looks again and again until the signal aborts; sleeps while there is nothing to follow. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#followed.size === 0) {
        await this.#somethingToFollow(signal);
        continue;
      }
      await pause(this.#options.everyMs, signal);
      for (const devEui of new Set([...this.#followed.values()].map((followed) => followed.devEui))) {
        if (signal.aborted) return;
        await this.#look(devEui, signal);
      }
    }
  }

  async #look(devEui: string, signal: AbortSignal): Promise<void> {
    const before = new Set(this.#followed.keys());
    let items: readonly RemoteQueueItem[];
    try {
      items = await this.#options.api.queue(devEui, signal);
    } catch (error) {
      // the poll cycle tells that the server is away, or the device unknown
      if (error instanceof CallError || signal.aborted) return;
      throw error;
    }
    // what was enqueued while the answer was on its way is not in it
    const since = [...this.#followed.values()].filter((one) => one.devEui === devEui && !before.has(one.item.id));
    this.listed(devEui, [...items, ...since.map(({ item }) => item)]);
  }

  #gone({ id, expiresUs }: RemoteQueueItem): void {
    if (expiresUs === null || this.#options.nowUs() < expiresUs) {
      this.#sent(id, "It left ChirpStack's queue; without an event stream nobody says more");
    }
    this.#followed.delete(id);
    this.#told.delete(id);
  }

  #sent(id: string, detail: string): void {
    const followed = this.#followed.get(id);
    if (followed === undefined || this.#told.has(id)) return;
    this.#told.add(id);
    const { devEui } = followed;
    this.#options.onDownlink({ kind: "txack", devEui, queueItemId: id, timeUs: this.#options.nowUs(), detail });
  }

  async #somethingToFollow(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    try {
      await promise;
    } finally {
      this.#wake = null;
      signal.removeEventListener("abort", wake);
    }
  }
}
