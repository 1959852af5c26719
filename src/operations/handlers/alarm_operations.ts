import type { Alarm, AlarmAnswer, AlarmRefusal, AlarmRequest } from "../../alarms/alarms.ts";
import { formatTime, parseTime } from "../../telemetry/time_text.ts";
import { answers, streams } from "../define.ts";
import { type CallContext, type Operation, OperationError, type OperationErrorCode } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";
import { viewAlarm, viewAlarmEvent } from "../views.ts";
import { takeChanges } from "../take_changes.ts";
import { Wake } from "../wake.ts";

const codes: { readonly [K in AlarmRefusal]: OperationErrorCode } = {
  unknown_alarm: "not_found",
  unknown_event: "conflict",
  already_acknowledged: "conflict",
  already_confirmed: "conflict",
  not_acknowledged: "conflict",
  already_enabled: "conflict",
  already_disabled: "conflict",
  disabled: "conflict",
  already_shelved: "conflict",
  not_shelved: "conflict",
  shelving_time: "bad_params",
};

/** Alarms, what people do with them, and the journal. */
export function alarmOperations(parts: OperationParts): Operation[] {
  const { alarms } = parts;
  return [
    answers("alarms.list", ({ retain, active, acknowledged, kind, source, limit, cursor }) => {
      const all = alarms.list();
      const matching = all.filter((alarm) =>
        (retain === undefined || alarm.retain === retain) && (active === undefined || alarm.active === active) &&
        (acknowledged === undefined || alarm.acknowledged === acknowledged) &&
        (kind === undefined || alarm.kind === kind) && (source === undefined || isOf(alarm, source))
      );
      // an alarm that left the list since still has its place in the order of all
      const behind = cursor === undefined ? matching : behindOf(all, matching, cursor);
      const page = behind.slice(0, limit);
      return {
        items: page.map(viewAlarm),
        total: matching.length,
        counts: { ...alarms.counts() },
        next: behind.length > limit ? page.at(-1)?.id ?? null : null,
      };
    }),
    answers("alarms.journal", ({ from, to, newestFirst, id, source, limit, cursor }) => {
      const fromUs = timeOf(from, "from");
      const toUs = timeOf(to, "to");
      if (fromUs !== null && toUs !== null && fromUs > toUs) {
        throw new OperationError("bad_params", "from must not lie behind to", { field: "from" });
      }
      const page = alarms.journal({
        fromUs,
        toUs,
        direction: newestFirst ? "reverse" : "forward",
        limit,
        ...(id === undefined ? {} : { id }),
        ...(source === undefined ? {} : { source }),
        ...(cursor === undefined ? {} : { after: cursorOf(cursor) }),
      });
      const { events, next } = page;
      return { items: events.map(viewAlarmEvent), next: next === null ? null : `${next.timeUs}.${next.sequence}` };
    }),
    streams("alarms.subscribe", (_params, { signal }) => subscribe(parts, signal)),
    answers("alarms.ack", (params, context) => outcome(alarms.acknowledge(requestOf(params, context)))),
    answers("alarms.confirm", (params, context) => outcome(alarms.confirm(requestOf(params, context)))),
    answers("alarms.comment", (params, context) => outcome(alarms.addComment(requestOf(params, context)))),
    answers("alarms.shelve", ({ seconds, ...params }, context) => {
      if (seconds !== undefined) context.note("seconds", seconds);
      return outcome(alarms.shelve(requestOf(params, context), seconds === undefined ? null : seconds * 1000));
    }),
    answers("alarms.unshelve", (params, context) => outcome(alarms.unshelve(requestOf(params, context)))),
    answers("alarms.enable", (params, context) => outcome(alarms.enable(requestOf(params, context)))),
    answers("alarms.disable", (params, context) => outcome(alarms.disable(requestOf(params, context)))),
  ];
}

interface Request {
  readonly id: string;
  readonly event?: string | undefined;
  readonly comment?: string | undefined;
}

function requestOf({ id, event, comment }: Request, { caller, note }: CallContext): AlarmRequest {
  if (event !== undefined) note("event_id", event);
  if (comment !== undefined) note("comment", comment.slice(0, 256));
  return {
    id,
    by: caller,
    ...(event === undefined ? {} : { eventId: event }),
    ...(comment === undefined ? {} : { comment }),
  };
}

function outcome(answer: AlarmAnswer) {
  if (answer.ok) return viewAlarm(answer.alarm);
  const { reason, message } = answer;
  throw new OperationError(codes[reason], message, {
    ...(reason === "unknown_alarm" ? { field: "id", fix: "alarms.list names the alarms that there are" } : {}),
    ...(reason === "shelving_time" ? { field: "seconds" } : {}),
    ...(reason === "unknown_event"
      ? { field: "event", fix: "Look at the alarm again: its newest event is what counts" }
      : {}),
    details: { reason },
  });
}

function isOf({ source }: Alarm, wanted: string): boolean {
  return source === wanted || source.startsWith(`${wanted}/`);
}

function behindOf(all: readonly Alarm[], matching: readonly Alarm[], cursor: string): readonly Alarm[] {
  const places = new Map(all.map(({ id }, place) => [id, place]));
  const place = places.get(cursor);
  if (place === undefined) {
    throw new OperationError("bad_params", "The cursor is not one that alarms.list gave out", { field: "cursor" });
  }
  return matching.filter(({ id }) => (places.get(id) ?? 0) > place);
}

function timeOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  const timeUs = parseTime(text);
  if (timeUs !== null) return timeUs;
  throw new OperationError("bad_params", `${field} must be a time: current value is '${text}'`, {
    field,
    fix: `Write ISO 8601 with its offset, as ${formatTime(0)}, or µs since 1970`,
  });
}

function cursorOf(text: string) {
  const match = /^(\d{1,16})\.(\d{1,15})$/.exec(text);
  if (match !== null) return { timeUs: Number(match[1]), sequence: Number(match[2]) };
  throw new OperationError("bad_params", "The cursor is not one that alarms.journal gave out", { field: "cursor" });
}

async function* subscribe({ alarms }: OperationParts, signal: AbortSignal) {
  // an alarm that changes twice before it is sent is sent once: memory is bounded by the number of alarms
  const changed = new Set(alarms.list().map(({ id }) => id));
  const removed = new Set<string>();
  const wake = new Wake();
  const note = (id: string) => {
    if (alarms.get(id) === undefined) {
      changed.delete(id);
      removed.add(id);
    } else {
      removed.delete(id);
      changed.add(id);
    }
    wake.ring();
  };
  let known = new Set(changed);
  const leave = [
    alarms.subscribe(({ alarm }) => note(alarm.id)),
    alarms.onDefinitions(() => {
      const now = new Set(alarms.list().map(({ id }) => id));
      for (const id of known.union(now)) note(id);
      known = now;
    }),
  ];
  try {
    for await (const { some, gone } of takeChanges({ changed, removed }, wake, signal)) {
      const now = some.map((id) => alarms.get(id)).filter((alarm) => alarm !== undefined);
      yield { alarms: now.map(viewAlarm), removed: gone, counts: { ...alarms.counts() } };
    }
  } finally {
    for (const one of leave) one();
  }
}
