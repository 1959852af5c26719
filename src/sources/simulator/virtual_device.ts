import {
  ackEvent,
  type DeviceInfo,
  type DeviceStatus,
  joinEvent,
  logEvent,
  type NewEvent,
  statusEvent,
  txAckEvent,
  uplinkEvent,
} from "./device_events.ts";
import type { DeviceTemplate, Frame } from "./device_template.ts";
import { DownlinkQueue, type QueueItem, type SentDownlink } from "./downlink_queue.ts";
import { EventLog } from "./event_log.ts";
import type { FaultSwitches } from "./fault_injection.ts";
import { flatten, type Measurement } from "./measurements.ts";
import { MetricBuckets } from "./metric_buckets.ts";
import { maxPayloadBytes, RadioLink, type Transmission } from "./radio.ts";
import { type Random, seededRandom, uuidFrom } from "./seeded_random.ts";
import { withWrongTypes } from "./wrong_types.ts";

/** What a device is made from. */
export interface VirtualDeviceOptions {
  readonly info: DeviceInfo;
  readonly template: DeviceTemplate;
  readonly measurements: ReadonlyMap<string, Measurement>;
  readonly retainedEvents: number;
  readonly faults: FaultSwitches;
  /** The server's clock, µs. */
  readonly nowUs: () => number;
}

/** A device answers a status request with every so many uplinks. */
const statusEvery = 8;

/**
 * A device together with what ChirpStack keeps of it. An uplink does what it does there
 * (chirpstack/src/uplink/data.rs): event, measurements, last seen, acknowledgement, link metrics, next downlink.
 */
export class VirtualDevice {
  readonly info: DeviceInfo;
  readonly template: DeviceTemplate;
  readonly events: EventLog;
  readonly queue = new DownlinkQueue();
  /** Frames received, signal and data rates. */
  readonly linkMetrics = new MetricBuckets();
  readonly #options: VirtualDeviceOptions;
  readonly #random: Random;
  readonly #radio: RadioLink;
  readonly #memory = new Map<string, number>();
  readonly #metrics = new Map<string, MetricBuckets>();
  readonly #states = new Map<string, string>();
  readonly #sent: SentDownlink[] = [];
  readonly #external: boolean;
  #devAddr: string;
  #count = 0;
  #fCnt = 0;
  /** Frame counter of the last downlink that the device took; it drops what repeats one. */
  #fCntHeard = -1;
  #lastSeenUs: number | null = null;
  #status: DeviceStatus | null = null;

  constructor(options: VirtualDeviceOptions) {
    this.#options = options;
    this.info = options.info;
    this.template = options.template;
    this.events = new EventLog(options.retainedEvents);
    this.#random = seededRandom(options.info.devEui);
    this.#radio = new RadioLink(seededRandom(`radio:${options.info.devEui}`));
    this.#external = options.template.deviceClass === "C";
    this.#devAddr = this.#newDevAddr();
  }

  /** When the last uplink came, µs; `null` before the first. */
  get lastSeenUs(): number | null {
    return this.#lastSeenUs;
  }

  /** The last answer to a status request. */
  get status(): DeviceStatus | null {
    return this.#status;
  }

  /** Every downlink that the device took, oldest first; a frame that repeats one is not among them. */
  get received(): readonly SentDownlink[] {
    return this.#sent;
  }

  /** The buckets of a measurement. */
  metric(key: string): MetricBuckets {
    let found = this.#metrics.get(key);
    if (found === undefined) {
      found = new MetricBuckets();
      this.#metrics.set(key, found);
    }
    return found;
  }

  /** The last text of a measurement; empty before the first. */
  state(key: string): string {
    return this.#states.get(key) ?? "";
  }

  /** What the device itself sends at that moment; nothing when it stays silent. */
  sendOwn(timeUs: number): void {
    const frame = this.template.frame({ timeUs, count: this.#count, random: this.#random, memory: this.#memory });
    if (frame === null) {
      // the frame was sent and lost, so that the counter shows a gap
      this.#count++;
      this.#fCnt++;
      return;
    }
    if (frame.rejoined) this.join(timeUs);
    if (this.#count % statusEvery === statusEvery - 1) {
      this.answerStatus(timeUs, {
        margin: Math.floor(this.#random() * 20) + 2,
        batteryPercent: this.#external ? 100 : Number((96 - (this.#count / statusEvery) % 600 / 10).toFixed(1)),
        externalPower: this.#external,
      });
    }
    this.send(timeUs, frame);
  }

  /** An uplink of the device arrives. */
  send(timeUs: number, frame: Frame): void {
    const { faults, nowUs } = this.#options;
    const deduplicationId = uuidFrom(this.#random);
    this.#count++;
    const object = frame.object === null ? null : faults.wrongTypes ? withWrongTypes(frame.object) : frame.object;
    const transmission = this.#radio.transmit();
    if (object === null) {
      this.#log(logEvent(this.info, timeUs, {
        level: "ERROR",
        code: "UPLINK_CODEC",
        description: "Uncaught exception in decodeUplink: cannot read bytes",
      }, { deduplication_id: deduplicationId }));
    }
    this.#log(uplinkEvent(this.info, {
      deduplicationId,
      timeUs,
      devAddr: this.#devAddr,
      fCnt: this.#fCnt++,
      fPort: frame.fPort,
      data: frame.data,
      object,
      uplinkId: Math.floor(this.#random() * 0x7fff_ffff),
      transmission,
    }));
    if (object !== null) this.#measure(timeUs, flatten(object));
    this.#lastSeenUs = Math.max(this.#lastSeenUs ?? timeUs, timeUs);

    const pending = this.queue.pending;
    if (pending !== undefined) this.#settle(timeUs, deduplicationId, pending, !faults.missAcks);
    this.linkMetrics.save(timeUs, "absolute", linkFields(transmission), nowUs());
    this.#sendDownlink(timeUs, transmission);
  }

  /** The device joins the network anew: another address, counters from 0. */
  join(timeUs: number): void {
    this.#devAddr = this.#newDevAddr();
    this.#fCnt = 0;
    this.#fCntHeard = -1;
    this.queue.restart();
    this.#log(joinEvent(this.info, timeUs, uuidFrom(this.#random), this.#devAddr));
  }

  /** The device answers a status request. */
  answerStatus(timeUs: number, status: DeviceStatus): void {
    this.#status = status;
    this.#log(statusEvent(this.info, timeUs, uuidFrom(this.#random), status));
  }

  /** Puts a downlink into the queue; a class C device gets it at once. */
  enqueue(item: Omit<QueueItem, "isPending" | "fCntDown">): void {
    this.queue.add(item);
    if (this.template.deviceClass === "C") this.#sendDownlink(this.#options.nowUs(), this.#radio.transmit());
  }

  #newDevAddr(): string {
    return Math.floor(this.#random() * 0x01ff_ffff).toString(16).padStart(8, "0");
  }

  #log(event: NewEvent): void {
    if (!this.#options.faults.eventLogOff) this.events.append(this.#options.nowUs(), event);
  }

  #measure(timeUs: number, values: ReadonlyMap<string, boolean | number | string>): void {
    for (const [key, value] of values) {
      const kind = this.#options.measurements.get(key)?.kind;
      if (kind === undefined) continue;
      if (typeof value !== "number") this.#states.set(key, `${value}`);
      else if (kind !== "string") this.metric(key).save(timeUs, kind, { value }, this.#options.nowUs());
    }
  }

  #settle(timeUs: number, deduplicationId: string, item: QueueItem, acknowledged: boolean): void {
    this.queue.remove(item.id);
    this.#log(ackEvent(this.info, timeUs, deduplicationId, item, acknowledged));
  }

  // chirpstack/src/downlink/data.rs, `get_next_device_queue_item`, and downlink/tx_ack.rs
  #sendDownlink(timeUs: number, heard: Transmission): void {
    const { faults, nowUs } = this.#options;
    for (const item of this.queue.takeExpired(nowUs())) {
      this.#drop(timeUs, item, "EXPIRED", "Device queue-item discarded because it has expired");
    }
    for (const item of this.queue.takeOversized(maxPayloadBytes(heard.dr))) {
      const why = "Device queue-item discarded because it exceeds the max. payload size";
      this.#drop(timeUs, item, "DOWNLINK_PAYLOAD_SIZE", why);
    }
    const frame = this.queue.next(timeUs);
    if (frame === null) return;
    if (faults.gatewaysRefuse) {
      const refused = { level: "ERROR", code: "DOWNLINK_GATEWAY", description: "TOO_LATE" } as const;
      return this.#log(logEvent(this.info, timeUs, refused, {}));
    }
    if (frame.fCntDown > this.#fCntHeard) {
      this.#fCntHeard = frame.fCntDown;
      this.#sent.push(frame);
      this.template.onDownlink?.(this.#memory, frame.fPort, frame.data);
    }
    if (faults.missTxAcks) return;
    this.queue.sent(frame);
    this.#log(txAckEvent(this.info, frame, Math.floor(this.#random() * 0x7fff_ffff), heard));
  }

  #drop(timeUs: number, item: QueueItem, code: string, description: string): void {
    this.#log(logEvent(this.info, timeUs, { level: "ERROR", code, description }, { queue_item_id: item.id }));
  }
}

// the names of chirpstack/src/uplink/data.rs, `save_metrics`: the best gateway's signal
function linkFields({ receptions, frequencyHz, dr }: Transmission): Record<string, number> {
  return {
    rx_count: 1,
    gw_rssi_sum: Math.max(...receptions.map(({ rssi }) => rssi)),
    gw_snr_sum: Math.max(...receptions.map(({ snr }) => snr)),
    [`rx_freq_${frequencyHz}`]: 1,
    [`rx_dr_${dr}`]: 1,
  };
}
