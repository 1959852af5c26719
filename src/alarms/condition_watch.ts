import { Quality, severityOf } from "../tags/quality.ts";
import type { Tag, TagId, TagUpdate } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { FaultCode } from "../telemetry/fault_catalogue.ts";
import { formatTime } from "../telemetry/time_text.ts";
import type { AlarmEntry, Pending } from "./alarm_entry.ts";
import { limitMessage, offNormalMessage } from "./alarm_message.ts";
import { follow, isShelvingOver, type Seen, seenAs, setBackShelving, type Step, unshelve } from "./alarm_state.ts";
import type { AlarmCause } from "./alarms.ts";
import { severityOfFault } from "./gateway_alarms.ts";
import { isSameSide, limitKeys, limitStateOf } from "./limit_state.ts";
import { Silence } from "./silence.ts";

/** A value that comes late may be followed at once by the one that takes it back: a delay is never shorter than this, µs. */
const LATE_US = 1_000_000;
/** What a source replays after a start comes first: no device falls silent before it. */
const START_GRACE_US = 60_000_000;
/** After a start it takes a while until what does not answer is known to be down, µs. */
const FAULT_GRACE_US = 30_000_000;
/** A device that is heard for the first time, or more often, falls silent earlier than was known: so often it is looked at, µs. */
const LOOK_AGAIN_US = 10_000_000;
/** A clock that goes back by more than this was set, µs: waits do not become longer by it. */
const SET_BACK_US = 1_000_000;
const LONGEST_MESSAGE = 512;

/** What the watch needs from outside. */
export interface ConditionWatchOptions {
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
  /** A fault that is gone for so long ends its alarm, ms. */
  readonly faultHoldMs: number;
  /** Takes the alarm a step on. */
  readonly apply: (entry: AlarmEntry, step: Step, timeUs: number) => void;
}

/**
 * Watches what alarms are about: values, devices, faults, and the clock. It costs a tag without an alarm two look-ups
 * in a map, and nothing between batches.
 */
export class ConditionWatch {
  readonly #options: ConditionWatchOptions;
  readonly #silence: Silence;
  #startUs: number;
  /** When the clock was looked at last, µs. */
  #sweptUs: number;
  readonly #byTag = new Map<TagId, AlarmEntry>();
  readonly #byDevice = new Map<string, AlarmEntry>();
  readonly #byFault = new Map<FaultCode, AlarmEntry>();
  readonly #pending = new Set<AlarmEntry>();
  readonly #shelved = new Set<AlarmEntry>();
  /** Alarms whose fault is gone, until that has lasted. */
  readonly #leaving = new Set<AlarmEntry>();
  readonly #leave: readonly (() => void)[];

  constructor(options: ConditionWatchOptions) {
    this.#options = options;
    const { tags, faults, nowUs } = options;
    this.#startUs = this.#sweptUs = nowUs();
    this.#silence = new Silence(tags, this.#startUs);
    this.#leave = [
      tags.subscribe((batch) => this.#hear(batch)),
      tags.onDefinitions(() => this.#silence.forgetTags()),
      faults.subscribe(({ code }) => {
        const entry = this.#byFault.get(code);
        if (entry !== undefined) this.#judgeFaults(entry);
      }),
    ];
  }

  /** Begins to watch for these alarms in place of those before, and judges each by what there is now. */
  watch(entries: Iterable<AlarmEntry>): void {
    for (const list of [this.#byTag, this.#byDevice, this.#byFault, this.#pending, this.#shelved, this.#leaving]) {
      list.clear();
    }
    this.#silence.forgetTags();
    const all = [...entries];
    for (const entry of all) {
      const { watched, alarm } = entry;
      if (watched.what === "tag") this.#byTag.set(watched.definition.tagId, entry);
      else if (watched.what === "device") this.#byDevice.set(watched.definition.devEui, entry);
      else for (const code of watched.gateway.faults) this.#byFault.set(code, entry);
      if (entry.pending !== null) this.#pending.add(entry);
      if (alarm.shelving.kind === "timed") this.#shelved.add(entry);
    }
    for (const entry of this.#shelved) {
      this.#apply(entry, setBackShelving(entry.alarm, 0, this.#sweptUs), this.#sweptUs);
    }
    for (const entry of all) this.judge(entry);
  }

  /** Looks at what the alarm watches, as after a change of its definition. */
  judge(entry: AlarmEntry): void {
    const { watched } = entry;
    const nowUs = this.#options.nowUs();
    if (watched.what === "faults") return this.#judgeFaults(entry);
    if (watched.what === "device") return this.#judgeSilence(entry, nowUs, nowUs);
    const tag = this.#options.tags.get(watched.definition.tagId);
    if (tag === undefined) return;
    const sinceUs = entry.pending?.sinceUs ?? (tag.sourceTimeUs === 0 ? nowUs : tag.sourceTimeUs);
    // what was seen by the definition of before says nothing by this one
    this.#drop(entry);
    this.#judgeValue(entry, tag, nowUs, sinceUs);
  }

  /** Told of what somebody did with an alarm. */
  acted(entry: AlarmEntry, cause: AlarmCause): void {
    if (cause === "shelved") this.#shelved.add(entry);
    else if (cause === "enabled") this.judge(entry);
    else if (cause === "disabled") this.#drop(entry);
  }

  /** Does what is due by the clock. */
  sweep(): void {
    const nowUs = this.#options.nowUs();
    if (nowUs < this.#sweptUs - SET_BACK_US) this.#setBack(this.#sweptUs - nowUs, nowUs);
    this.#sweptUs = nowUs;
    for (const entry of [...this.#pending]) {
      if (entry.pending !== null && nowUs >= entry.pending.dueUs) this.#activate(entry, entry.pending);
    }
    for (const entry of [...this.#shelved]) {
      if (entry.alarm.shelving.kind !== "timed") this.#shelved.delete(entry);
      else if (isShelvingOver(entry.alarm, nowUs)) this.#apply(entry, unshelve(entry.alarm), nowUs);
    }
    for (const entry of [...this.#leaving]) if (nowUs >= entry.dueUs) this.#leaveFault(entry, nowUs);
    for (const entry of this.#byDevice.values()) {
      if (!entry.alarm.active && nowUs > entry.dueUs) this.#judgeSilence(entry, nowUs, nowUs);
    }
  }

  stop(): void {
    for (const leave of this.#leave) leave();
  }

  /** The clock was set back: what waits for it waits no longer than before. */
  #setBack(byUs: number, nowUs: number): void {
    this.#startUs -= byUs;
    this.#silence.setBack(byUs);
    for (const entry of this.#pending) {
      if (entry.pending !== null) entry.pending = { ...entry.pending, dueUs: entry.pending.dueUs - byUs };
    }
    for (const entry of this.#shelved) this.#apply(entry, setBackShelving(entry.alarm, byUs, nowUs), nowUs);
    for (const entry of this.#leaving) entry.dueUs -= byUs;
    // a device that was silent by the wrong time alone is not
    for (const entry of this.#byDevice.values()) this.#judgeSilence(entry, nowUs, nowUs);
  }

  #hear(batch: readonly TagUpdate[]): void {
    for (const update of batch) {
      const { tag, kind } = update;
      if (kind !== "live" && kind !== "status") continue;
      const entry = this.#byTag.get(tag.id);
      if (entry !== undefined) this.#judgeValue(entry, update, update.historyTimeUs, update.historyTimeUs);
      if (kind === "status") continue;
      const device = this.#byDevice.get(tag.definition.group);
      if (device?.alarm.active) this.#judgeSilence(device, this.#options.nowUs(), update.sourceTimeUs);
    }
  }

  /**
   * @param timeUs when the value became so
   * @param sinceUs since when it may have been so, for the delay
   */
  #judgeValue(entry: AlarmEntry, sample: Pick<Tag, "value" | "quality">, timeUs: number, sinceUs: number): void {
    const { watched, alarm } = entry;
    if (watched.what !== "tag" || !alarm.enabled) return;
    const { definition } = watched;
    const { value, quality } = sample;
    // a codec's division can give what is no number: it is neither beyond a limit nor within it
    const known = severityOf(quality) === "bad" || Number.isNaN(value) ? null : value;
    if (definition.kind === "limit" && typeof known === "number") {
      const limitState = limitStateOf(definition, known, alarm.limitState);
      const severity = limitState === null ? alarm.severity : definition.severities[limitKeys[limitState]];
      // words only where somebody reads them: most samples change nothing
      const message = limitState === alarm.limitState
        ? alarm.message
        : limitMessage(definition, limitState, known, this.#options.tags.get(definition.tagId)?.definition.unit ?? "");
      const active = limitState !== null;
      this.#see(entry, { active, limitState, severity, message, value, quality, timeUs }, sinceUs, definition.delayMs);
    } else if (definition.kind === "off_normal" && typeof known === "boolean") {
      const active = known !== definition.normal;
      const severity = active ? definition.severity : alarm.severity;
      const message = active === alarm.active ? alarm.message : offNormalMessage(definition, active, known);
      const seen = { active, limitState: null, severity, message, value, quality, timeUs };
      this.#see(entry, seen, sinceUs, definition.delayMs);
    } else {
      // what is not known neither lasts nor ends
      this.#drop(entry);
      this.#apply(entry, seenAs(alarm, quality, value), timeUs);
    }
  }

  /** Follows what is seen; going active waits for the delay. */
  #see(entry: AlarmEntry, seen: Seen, sinceUs: number, delayMs: number): void {
    const { pending } = entry;
    if (pending !== null) {
      // the value before held until this one
      if (seen.timeUs - pending.sinceUs >= delayMs * 1000) this.#activate(entry, pending);
      else if (seen.active && isSameSide(pending.seen.limitState, seen.limitState)) {
        entry.pending = { ...pending, seen };
        return;
      } else this.#drop(entry);
    }
    if (seen.active && !entry.alarm.active && delayMs > 0) {
      const delayUs = delayMs * 1000;
      const dueUs = Math.max(sinceUs + delayUs, this.#options.nowUs() + Math.min(delayUs, LATE_US));
      entry.pending = { sinceUs, dueUs, seen };
      this.#pending.add(entry);
      return;
    }
    this.#apply(entry, follow(entry.alarm, seen), seen.timeUs);
  }

  #activate(entry: AlarmEntry, { sinceUs, seen }: Pending): void {
    this.#drop(entry);
    const delayMs = entry.watched.what === "tag" ? entry.watched.definition.delayMs : 0;
    const timeUs = Math.max(sinceUs + delayMs * 1000, seen.timeUs);
    this.#apply(entry, follow(entry.alarm, { ...seen, timeUs }), timeUs);
  }

  #drop(entry: AlarmEntry): void {
    entry.pending = null;
    this.#pending.delete(entry);
  }

  /** @param heardUs time of the sample that is the reason to look, or now */
  #judgeSilence(entry: AlarmEntry, nowUs: number, heardUs: number): void {
    const { watched, alarm } = entry;
    if (watched.what !== "device") return;
    const { devEui, deviceName, severity } = watched.definition;
    const silence = this.#silence.of(devEui);
    const fromUs = silence?.fromUs ?? Infinity;
    const graceUs = Math.max(fromUs, this.#startUs + START_GRACE_US);
    entry.dueUs = Math.min(graceUs, nowUs + LOOK_AGAIN_US);
    // at a start a device that was never heard is as silent as before
    const stays = alarm.active && silence?.heard === false;
    const active = stays || nowUs > (alarm.active ? fromUs : graceUs);
    const timeUs = active ? Math.min(fromUs, nowUs) : heardUs;
    const message = active === alarm.active
      ? alarm.message
      : active
      ? `${deviceName} is silent since ${formatTime(timeUs)}`
      : silence === null
      ? `${deviceName} has no tags in use: nobody listens to it`
      : `${deviceName} is heard again`;
    const seen = { active, limitState: null, severity, message, value: null, quality: Quality.Good, timeUs };
    this.#apply(entry, follow(alarm, { ...seen, severity: active ? severity : alarm.severity }), timeUs);
  }

  #judgeFaults(entry: AlarmEntry): void {
    const { watched, alarm } = entry;
    if (watched.what !== "faults") return;
    const nowUs = this.#options.nowUs();
    const [worst] = this.#options.faults.list().filter(({ code }) => watched.gateway.faults.includes(code));
    if (worst === undefined) {
      if (!alarm.active || this.#leaving.has(entry)) return;
      // a part that restarts takes its faults off the board, and so does the end of the program
      const graceUs = (alarm.activeSinceUs ?? 0) < this.#startUs ? FAULT_GRACE_US : 0;
      entry.dueUs = Math.max(nowUs + this.#options.faultHoldMs * 1000, this.#startUs + graceUs);
      this.#leaving.add(entry);
      return;
    }
    this.#leaving.delete(entry);
    const seen: Seen = {
      active: true,
      limitState: null,
      severity: severityOfFault[worst.severity],
      message: `${worst.title}: ${worst.detail}`.slice(0, LONGEST_MESSAGE),
      value: null,
      quality: Quality.Good,
      timeUs: nowUs,
    };
    this.#apply(entry, follow(alarm, seen), nowUs);
  }

  #leaveFault(entry: AlarmEntry, nowUs: number): void {
    this.#leaving.delete(entry);
    const { alarm } = entry;
    const message = `${alarm.name}: works again`;
    const seen = { limitState: null, severity: alarm.severity, message, value: null, quality: Quality.Good };
    this.#apply(entry, follow(alarm, { ...seen, active: false, timeUs: nowUs }), nowUs);
  }

  #apply(entry: AlarmEntry, step: ReturnType<typeof unshelve> | null, timeUs: number): void {
    if (step !== null && typeof step !== "string") this.#options.apply(entry, step, timeUs);
  }
}
