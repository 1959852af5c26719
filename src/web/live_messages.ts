import type { Tag } from "../tags/tag.ts";
import { formatTime } from "../telemetry/time_text.ts";
import { type EventStream, eventText, type StreamHolder } from "./event_stream.ts";
import type { LiveHub } from "./live_hub.ts";
import { viewEvent, viewStatus } from "./status_view.ts";
import { viewTagChange } from "./tag_view.ts";

/** One message never holds more tags than this, so that a message stays well below the socket's buffers. */
const TAGS_A_MESSAGE = 500;

/** What a client asked for. */
export interface LiveStreamOptions extends StreamHolder {
  readonly wants: (tag: Tag) => boolean;
  /** The id of the last message that the client has, to go on from. */
  readonly lastEventId: string | null;
  readonly withStatus: boolean;
  readonly withEvents: boolean;
  readonly withAlarms: boolean;
}

/** The messages of one client's stream of tags, each made from what the hub knows at that moment. */
export async function* liveMessages(
  hub: LiveHub,
  options: LiveStreamOptions,
  stream: EventStream,
): AsyncGenerator<string, void> {
  const { timings, instance, ring, feed, devices } = hub;
  const { withStatus, withEvents, withAlarms, wants } = options;
  const now = () => formatTime(hub.status().nowUs);
  let position = resumePosition(hub, options.lastEventId);
  let definitions = hub.definitions;
  let eventSequence = withEvents ? hub.newestEvent : 0;
  let alarmChanges = withAlarms ? -1 : null;
  let statusDueMs = 0;
  let heartbeatDueMs = performance.now() + timings.heartbeatMs;
  const sent = () => heartbeatDueMs = performance.now() + timings.heartbeatMs;

  yield `retry: 2000\n${eventText("hello", { instance, now: now() })}`;
  if (withStatus) {
    // before the tags: the overview waits for nothing else
    statusDueMs = performance.now() + timings.statusMs;
    yield eventText("status", viewStatus(hub.status(), devices));
  }
  while (!stream.ended) {
    if (definitions !== hub.definitions) {
      definitions = hub.definitions;
      position = null;
      yield eventText("definitions", { count: hub.tags.size });
      sent();
    }
    const known = position === null ? null : ring.since(position);
    const tags = (known ?? [...hub.tags.list()]).filter(wants);
    const upTo = ring.sequence;
    if (known === null) yield eventText("reset", { count: tags.length });
    for (let index = 0; index < tags.length && !stream.ended; index += TAGS_A_MESSAGE) {
      const last = index + TAGS_A_MESSAGE >= tags.length;
      const id = last ? `${instance}.${definitions}.${upTo}` : null;
      yield eventText("tags", tags.slice(index, index + TAGS_A_MESSAGE).map(viewTagChange), id);
      sent();
    }
    position = upTo;
    if (withEvents && eventSequence !== hub.newestEvent) {
      for (const entry of feed.since(eventSequence)) {
        eventSequence = entry.sequence;
        yield eventText("event", viewEvent(entry, devices));
        sent();
      }
    }
    if (alarmChanges !== null && alarmChanges !== hub.alarmChanges) {
      alarmChanges = hub.alarmChanges;
      yield eventText("alarms", { counts: hub.alarms.counts() });
      sent();
    }
    const nowMs = performance.now();
    if (withStatus && nowMs >= statusDueMs) {
      statusDueMs = nowMs + timings.statusMs;
      yield eventText("status", viewStatus(hub.status(), devices));
      sent();
    } else if (nowMs >= heartbeatDueMs) {
      yield eventText("heartbeat", { now: now() });
      sent();
    }
    if (!stream.ended && nothingNew(hub, position, definitions, withEvents ? eventSequence : null, alarmChanges)) {
      const dueMs = withStatus ? Math.min(statusDueMs, heartbeatDueMs) : heartbeatDueMs;
      await stream.waitUntil(dueMs);
    }
  }
}

/** The tick that the client has seen; `null` when it must get everything. */
function resumePosition(hub: LiveHub, lastEventId: string | null): number | null {
  const match = /^([0-9a-f]+)\.(\d{1,15})\.(\d{1,15})$/.exec(lastEventId ?? "");
  if (match === null) return null;
  const [, instance, definitions, sequence] = match;
  if (instance !== hub.instance || Number(definitions) !== hub.definitions) return null;
  return Number(sequence);
}

function nothingNew(
  hub: LiveHub,
  position: number,
  definitions: number,
  eventSequence: number | null,
  alarmChanges: number | null,
): boolean {
  return (alarmChanges === null || alarmChanges === hub.alarmChanges) && position === hub.ring.sequence &&
    definitions === hub.definitions && (eventSequence === null || eventSequence === hub.newestEvent);
}
