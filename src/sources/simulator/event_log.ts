import type { JsonObject } from "./json_object.ts";

/** The events that ChirpStack writes into a device's event log. */
export type EventType = "up" | "join" | "ack" | "txack" | "status" | "log";

/** An entry of the event log. */
export interface DeviceEvent {
  /** Id of the entry in the log: `<ms of the server's clock>-<number within the ms>`. */
  readonly id: string;
  readonly type: EventType;
  /** The event's own time, µs. */
  readonly timeUs: number;
  /** Makes the event as ChirpStack's integrations write it as JSON; most events are never read. */
  readonly body: () => JsonObject;
  readonly properties: Readonly<Record<string, string>>;
}

/** A reader of the log; gets the retained events first. */
export type EventListener = (event: DeviceEvent) => void;

/**
 * The event log of one device: the last few events, replayed to whoever begins to read, and then every new one
 * (chirpstack/src/stream/event.rs). Switched off (`retained` 0 in ChirpStack's configuration) it neither keeps nor
 * delivers anything.
 */
export class EventLog {
  readonly #retained: number;
  readonly #events: DeviceEvent[] = [];
  readonly #listeners = new Set<EventListener>();
  #lastMs = 0;
  #number = 0;

  /** @param retained how many events are kept; 0 switches the log off */
  constructor(retained: number) {
    this.#retained = retained;
  }

  /** The retained events, oldest first. */
  get events(): readonly DeviceEvent[] {
    return this.#events;
  }

  /** Writes an event at a time of the server's clock, µs. Ids never go back, whatever the clock does. */
  append(nowUs: number, event: Omit<DeviceEvent, "id">): void {
    if (this.#retained === 0) return;
    const ms = Math.max(this.#lastMs, Math.floor(nowUs / 1000));
    this.#number = ms === this.#lastMs ? this.#number + 1 : 0;
    this.#lastMs = ms;
    const entry = { id: `${ms}-${this.#number}`, ...event };
    this.#events.push(entry);
    if (this.#events.length > this.#retained) this.#events.shift();
    for (const listener of this.#listeners) listener(entry);
  }

  /** Replays the retained events to a listener, then tells it every new one, until the returned function is called. */
  follow(listener: EventListener): () => void {
    for (const event of this.#events) listener(event);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
