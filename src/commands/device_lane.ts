import type { StoredCommand } from "./command_store.ts";
import { isEnded } from "./command_state.ts";
import {
  type CancelAnswer,
  type Command,
  type CommandState,
  DownlinkError,
  type DownlinkEvent,
  type QueuedDownlink,
} from "./commands.ts";
import { findItem } from "./find_item.ts";
import { LaneReach } from "./lane_reach.ts";
import type { LaneParts } from "./lane_parts.ts";
import { nextState, SKEW_US } from "./next_state.ts";

import { SerialRunner } from "./serial_runner.ts";

/** Longest wait of a timer, ms. */
const LONGEST_MS = 3_600_000;
/** Commands that one step ends for being late: each is a write that the disk has to confirm. */
const EXPIRED_AT_ONCE = 8;
/** What was told of downlinks whose command is not known yet, at most. */
const MOST_HEARD = 64;

/**
 * The commands of one device that have not ended, first in first out: only the first is ever handed to the network
 * server, and the next follows when it has ended. Everything that changes a command goes through here, one after the
 * other.
 */
export class DeviceLane {
  readonly #devEui: string;
  readonly #parts: LaneParts;
  readonly #serial = new SerialRunner();
  readonly #stop = new AbortController();
  /** By the time that passed, µs. */
  readonly #startedUs: number;
  readonly #reach: LaneReach;
  /** Ends of the commands' times by the time that passed, whatever is done to the clock, µs; by id. */
  readonly #dueUs = new Map<string, number>();
  #waiting: StoredCommand[] = [];
  #heard: DownlinkEvent[] = [];
  /** What has become of the first command and the disk has not taken yet: nothing else happens before it does. */
  #unsaved: Command | null = null;
  #running: Promise<void> | null = null;
  #wake = new AbortController();
  #lookUs = 0;
  /** Since when the first command's fate is open, µs; `null` while it is not. */
  #openSinceUs: number | null = null;
  /** When it was first looked for and not found, µs. */
  #missedSinceUs: number | null = null;
  /** Since when its item is no longer in the queue, µs. */
  #goneSinceUs: number | null = null;

  constructor(devEui: string, parts: LaneParts) {
    this.#devEui = devEui;
    this.#parts = parts;
    this.#startedUs = parts.elapsedUs();
    this.#reach = new LaneReach({
      elapsedUs: parts.elapsedUs,
      way: parts.way,
      troubled: (why) => parts.troubled(devEui, why),
      signal: this.#stop.signal,
      settleMs: parts.timing.settleMs,
    });
  }

  /** Commands that have not ended. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Takes a stored command; those of before are done first. */
  add(stored: StoredCommand): void {
    const { id, createdUs, deadlineUs } = stored.command;
    // a command from before the clock was set back has no more time than one that comes now
    const leftUs = Math.min(deadlineUs - this.#parts.nowUs(), deadlineUs - createdUs);
    this.#dueUs.set(id, this.#parts.elapsedUs() + leftUs);
    this.#waiting.push(stored);
    this.#go();
  }

  /** There is a way to the devices, or another, or none. */
  connected(): void {
    this.#reach.waitUntil(0);
    this.#lookUs = 0;
    this.#go();
  }

  /** What was told of a downlink of this device. */
  hear(event: DownlinkEvent): void {
    const [head] = this.#waiting;
    if (head === undefined) return;
    const { queueItemId } = head.command;
    if (queueItemId !== null && queueItemId !== event.queueItemId) return;
    // nothing of it can be with the network server: it was not handed over
    if (queueItemId === null && head.intention === null && this.#unsaved === null) return;
    if (queueItemId === null || this.#unsaved !== null) {
      this.#heard.push(event);
      if (this.#heard.length > MOST_HEARD) this.#heard.shift();
    } else this.#apply(head.command, event);
    this.#go();
  }

  /** Takes a command back. */
  cancel(id: string): Promise<CancelAnswer> {
    return this.#serial.run(async () => {
      const answer = await this.#cancel(id);
      this.#go();
      return answer;
    });
  }

  /** Ends what is under way; never waits for the network server. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  #go(): void {
    this.#wake.abort();
    if (this.#stop.signal.aborted || this.#waiting.length === 0) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      // one may have come between the last look and the end
      if (this.#waiting.length > 0 && !this.#stop.signal.aborted) this.#go();
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      let ms: number;
      try {
        ms = await this.#serial.run(() => this.#step());
      } catch (error) {
        this.#parts.failed(this.#devEui, error);
        ms = this.#parts.timing.againMs;
      }
      if (ms > 0 && this.#waiting.length > 0) await this.#parts.pause(ms, this.#wake.signal);
    }
    // nothing waits for the network server any more
    if (this.#waiting.length === 0) this.#parts.troubled(this.#devEui, null);
  }

  /** Does the next thing. Gives how long nothing is to be done then, ms. */
  async #step(): Promise<number> {
    if (!this.#saveAgain()) return this.#parts.timing.againMs;
    const expired = this.#expireWaiting();
    if (expired === null) return this.#parts.timing.againMs;
    if (expired === EXPIRED_AT_ONCE) return 1;
    const [head] = this.#waiting;
    if (head === undefined) return 0;
    const { state, queueItemId } = head.command;
    if (state === "pending") {
      if (queueItemId === null && head.intention === null) await this.#handOver(head);
      else await this.#lookForLost(head);
    } else if (state === "queued") await this.#follow(head.command);
    else this.#giveUpWaiting(head.command);
    return this.#waiting[0]?.command === head.command || this.#unsaved !== null ? this.#untilNext() : 0;
  }

  /** Ends what is too late and was certainly not handed over, some of it. Gives how many; `null`: the disk refuses. */
  #expireWaiting(): number | null {
    const late = this.#waiting.filter(({ command, intention }) =>
      command.state === "pending" && intention === null && this.#leftUs(command) <= 0
    ).slice(0, EXPIRED_AT_ONCE);
    for (const { command } of late) {
      const detail = "It was not handed to ChirpStack in time";
      if (!this.#save({ ...command, state: "expired", detail, updatedUs: this.#parts.nowUs() })) return null;
    }
    return late.length;
  }

  async #handOver(head: StoredCommand): Promise<void> {
    const way = this.#reach.ready();
    if (way === null) return;
    const { devEui, fPort, confirmed } = head.command;
    let before: readonly QueuedDownlink[];
    try {
      before = await this.#reach.call((signal) => way.queue(devEui, signal));
    } catch (error) {
      if (this.#moved(head)) return;
      if (error instanceof DownlinkError && error.kind === "refused") this.#end(head.command, "failed", error.message);
      else this.#reach.failed(error);
      return;
    }
    const leftUs = this.#leftUs(head.command);
    if (this.#moved(head) || leftUs <= 0) return;
    const intention = { timeUs: this.#parts.nowUs(), before: before.map(({ id }) => id) };
    if (!this.#parts.intend(head, intention)) {
      this.#reach.waitUntil(this.#parts.elapsedUs() + this.#parts.timing.againMs * 1000);
      return;
    }
    const intended = this.#replace(head, { ...head, intention });
    let id: string;
    try {
      const item = { devEui, fPort, confirmed, payload: head.payload, expiresUs: this.#parts.nowUs() + leftUs };
      id = await this.#reach.call((signal) => way.enqueue(item, signal));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof DownlinkError && error.kind === "refused") {
        this.#end(intended.command, "failed", error.message);
        return;
      }
      if (error instanceof DownlinkError && error.kind === "not_sent") this.#takeBack(intended);
      else this.#openSinceUs = this.#parts.elapsedUs();
      this.#reach.failed(error);
      return;
    }
    this.#reach.succeeded();
    // even while stopping: what is known now is worth more than what can be found out later
    this.#adopt(intended.command, id, null);
  }

  /** It was certainly not handed over: it waits as before. */
  #takeBack(intended: StoredCommand): void {
    // when the disk refuses, the intention stays, and with it the doubt
    if (this.#parts.intend(intended, null)) this.#replace(intended, { ...intended, intention: null });
    else this.#openSinceUs = this.#parts.elapsedUs();
  }

  /** Finds out what became of a command that was perhaps handed over. */
  async #lookForLost(head: StoredCommand): Promise<void> {
    const { command } = head;
    this.#openSinceUs ??= this.#parts.elapsedUs();
    const way = this.#reach.ready();
    const isLate = this.#isLost(command);
    if (way === null) {
      if (isLate) this.#end(command, "unknown", "ChirpStack could not be asked whether it was sent");
      return;
    }
    let queue: readonly QueuedDownlink[];
    try {
      queue = await this.#reach.call((signal) => way.queue(command.devEui, signal));
    } catch (error) {
      if (this.#moved(head)) return;
      if (isLate) this.#end(command, "unknown", "ChirpStack could not be asked whether it was sent");
      else this.#reach.failed(error);
      return;
    }
    if (this.#moved(head)) return;
    this.#reach.succeeded();
    this.#missedSinceUs ??= this.#parts.nowUs();
    // what was not in the queue at the first look had left it before, or comes late: then it is seen in the queue
    const untilUs = this.#missedSinceUs + SKEW_US;
    const heard = this.#heard.filter(({ timeUs }) => timeUs <= untilUs);
    const found = findItem(head, queue, heard, this.#parts.isOurs);
    if (found.kind === "queued") return this.#adopt(command, found.item.id, "Found in ChirpStack's queue");
    if (found.kind === "several") {
      return this.#end(command, "unknown", "Several downlinks in ChirpStack could be it: it is not sent again");
    }
    if (!this.#reach.settledSince(this.#openSinceUs)) return;
    if (found.kind === "heard") {
      return this.#adopt(command, found.id, "The only downlink that ChirpStack told of since");
    }
    this.#end(command, "unknown", "Nobody can say whether ChirpStack took it: it is not sent again");
  }

  /** Looks after an item in the network server's queue. */
  async #follow(command: Command): Promise<void> {
    const nowUs = this.#parts.nowUs();
    const elapsedUs = this.#parts.elapsedUs();
    if (this.#leftUs(command) > 0 && elapsedUs < this.#lookUs) return;
    const way = this.#reach.ready();
    const isLost = this.#isLost(command);
    const lost = () => this.#end(command, "unknown", "ChirpStack could not be asked whether it was sent in time");
    if (way === null) {
      if (isLost) lost();
      return;
    }
    let queue: readonly QueuedDownlink[];
    try {
      queue = await this.#reach.call((signal) => way.queue(command.devEui, signal));
    } catch (error) {
      if (!this.#isHead(command)) return;
      if (isLost) lost();
      else this.#reach.failed(error);
      return;
    }
    if (!this.#isHead(command)) return;
    this.#reach.succeeded();
    this.#lookUs = elapsedUs + this.#parts.timing.watchMs * 1000;
    const item = queue.find(({ id }) => id === command.queueItemId);
    if (item?.isPending) this.#keep({ ...command, state: "transmitted", detail: null, updatedUs: nowUs });
    else if (item !== undefined) {
      this.#goneSinceUs = null;
      // ChirpStack judges by its own clock: this one may have been set forward
      if (Math.min(nowUs - command.deadlineUs, elapsedUs - this.#dueOf(command)) >= SKEW_US) {
        this.#end(command, "expired", "It waited in ChirpStack for too long");
      }
    } else {
      this.#goneSinceUs ??= elapsedUs;
      if (!this.#reach.settledSince(this.#goneSinceUs)) return;
      this.#end(command, "unknown", "It left ChirpStack's queue, and nothing was told of it");
    }
  }

  /** Ends a command that was sent and not acknowledged in time. */
  #giveUpWaiting(command: Command): void {
    if (this.#parts.elapsedUs() < this.#dueOf(command)) return;
    // an acknowledgement of the time in which nobody listened is told again
    if (!this.#reach.settledSince(0) && !this.#isLost(command)) return;
    this.#end(command, "timed_out", null);
  }

  async #cancel(id: string): Promise<CancelAnswer> {
    const stored = this.#waiting.find(({ command }) => command.id === id);
    if (stored === undefined) return tooLate("It has ended");
    const { command, intention } = stored;
    if (command.state === "pending" && intention === null) return this.#cancelled(command);
    if (command.state === "transmitted") return tooLate("It was sent");
    if (command.state !== "queued" || this.#unsaved !== null) {
      return unreachable("It is being handed to ChirpStack: nobody can say yet whether it is sent");
    }
    const way = this.#parts.way()?.downlinks;
    if (way === undefined) return unreachable("ChirpStack has it, and cannot be reached");
    try {
      const queue = await this.#reach.call((signal) => way.queue(this.#devEui, signal));
      if (!this.#isHead(command)) return tooLate("It was sent meanwhile");
      const ours = queue.find((item) => item.id === command.queueItemId);
      if (ours === undefined || ours.isPending) return tooLate("It was sent");
      if (queue.length > 1) return tooLate("ChirpStack's queue holds items of others, which would be lost with it");
      await this.#reach.call((signal) => way.flush(this.#devEui, signal));
    } catch (error) {
      return unreachable(error instanceof Error ? error.message : String(error));
    }
    if (!this.#isHead(command)) return tooLate("It was sent meanwhile");
    return this.#cancelled(command);
  }

  #cancelled(command: Command): CancelAnswer {
    const next: Command = { ...command, state: "cancelled", detail: null, updatedUs: this.#parts.nowUs() };
    if (command.state === "pending") {
      return this.#save(next)
        ? { ok: true, command: next }
        : unreachable("The disk refuses to store it: the command goes on");
    }
    if (this.#keep(next)) return { ok: true, command: next };
    return unreachable("It is out of ChirpStack's queue, but the disk refuses to store that now");
  }

  /** The network server knows the command by this id. */
  #adopt(command: Command, queueItemId: string, detail: string | null): void {
    const nowUs = this.#parts.nowUs();
    this.#lookUs = this.#parts.elapsedUs() + this.#parts.timing.watchMs * 1000;
    this.#openSinceUs = null;
    this.#missedSinceUs = null;
    this.#goneSinceUs = null;
    if (this.#keep({ ...command, state: "queued", detail, queueItemId, updatedUs: nowUs })) this.#applyHeard();
  }

  /** Applies what was told before the command was known by its item. */
  #applyHeard(): void {
    const heard = this.#heard;
    this.#heard = [];
    for (const event of heard) {
      const head = this.#waiting[0]?.command;
      if (this.#unsaved !== null) this.#heard.push(event);
      else if (head?.queueItemId === event.queueItemId) this.#apply(head, event);
    }
  }

  #apply(command: Command, { kind, timeUs, detail }: DownlinkEvent): void {
    const nowUs = this.#parts.nowUs();
    const state = nextState(command, kind, command.deadlineUs - this.#leftUs(command));
    // never before what happened before, nor in the future
    if (state !== null) {
      this.#keep({ ...command, state, detail, updatedUs: Math.max(command.updatedUs, Math.min(timeUs, nowUs)) });
    }
  }

  #end(command: Command, state: CommandState, detail: string | null): void {
    this.#keep({ ...command, state, detail, updatedUs: this.#parts.nowUs() });
  }

  /** Stores a state that is so, whether the disk takes it or not: it is stored again until it does. */
  #keep(next: Command): boolean {
    if (this.#save(next)) return true;
    this.#unsaved = next;
    return false;
  }

  #saveAgain(): boolean {
    const next = this.#unsaved;
    if (next === null) return true;
    if (!this.#save(next)) return false;
    this.#unsaved = null;
    this.#applyHeard();
    return true;
  }

  /** Stores a state; when the disk refuses, the command stays as it is. */
  #save(next: Command): boolean {
    if (!this.#parts.save(next)) return false;
    const at = this.#waiting.findIndex(({ command }) => command.id === next.id);
    const stored = this.#waiting[at];
    if (stored === undefined) return true;
    if (!isEnded(next)) this.#replace(stored, { ...stored, command: next });
    else {
      this.#waiting.splice(at, 1);
      this.#dueUs.delete(next.id);
      if (at === 0) {
        this.#heard = [];
        this.#openSinceUs = null;
        this.#missedSinceUs = null;
        this.#goneSinceUs = null;
      }
    }
    return true;
  }

  #replace(stored: StoredCommand, next: StoredCommand): StoredCommand {
    this.#waiting = this.#waiting.map((one) => one === stored ? next : one);
    return next;
  }

  #moved(head: StoredCommand): boolean {
    return this.#stop.signal.aborted || this.#waiting[0] !== head;
  }

  /** Whether it is still the first one, and nothing that was told of it waits for the disk. */
  #isHead(command: Command): boolean {
    return !this.#stop.signal.aborted && this.#unsaved === null && this.#waiting[0]?.command === command;
  }

  /** Time left until the deadline, by the clock and by the time that passed, whichever is less, µs. */
  #leftUs(command: Command): number {
    return Math.min(command.deadlineUs - this.#parts.nowUs(), this.#dueOf(command) - this.#parts.elapsedUs());
  }

  /** When its time ends by the time that passed, µs. */
  #dueOf({ id }: Command): number {
    return this.#dueUs.get(id) ?? 0;
  }

  /** Whether it is so late that nobody needs to be asked any more. */
  #isLost(command: Command): boolean {
    const fromUs = Math.max(this.#dueOf(command), this.#startedUs);
    return this.#parts.elapsedUs() >= fromUs + this.#parts.timing.lostMs * 1000;
  }

  /** How long nothing is to be done, ms. */
  #untilNext(): number {
    const elapsedUs = this.#parts.elapsedUs();
    const { againMs } = this.#parts.timing;
    if (this.#unsaved !== null) return againMs;
    const againUs = Math.max(this.#reach.retryUs, elapsedUs + againMs * 1000);
    const endOf = (command: Command) => elapsedUs + this.#leftUs(command);
    const due = this.#waiting.filter(({ command, intention }) => command.state === "pending" && intention === null)
      .map(({ command }) => endOf(command));
    const [head] = this.#waiting;
    if (head !== undefined) {
      const { state } = head.command;
      if (state === "pending" && head.intention === null) {
        if (this.#parts.way() !== null) due.push(this.#reach.retryUs);
      } else if (state === "pending" || this.#leftUs(head.command) <= 0 || this.#goneSinceUs !== null) {
        due.push(againUs);
      } else if (state === "queued") due.push(endOf(head.command), Math.max(this.#lookUs, againUs));
      else due.push(endOf(head.command));
    }
    const nextMs = Math.ceil((Math.min(...due) - elapsedUs) / 1000);
    // a millisecond at least: a clock that stands still must not keep the lane busy
    return Math.min(LONGEST_MS, Math.max(1, nextMs));
  }
}

function tooLate(message: string): CancelAnswer {
  return { ok: false, reason: "too_late", message };
}

function unreachable(message: string): CancelAnswer {
  return { ok: false, reason: "unreachable", message };
}
