import type { EventAnswer } from "../../web/api_schema.ts";
import { nowMs } from "../clock.ts";
import { events } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { ErrorIcon, InfoIcon, WarningIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";

const SHOWN = 12;
const icons = { error: ErrorIcon, warning: WarningIcon, info: InfoIcon } as const;

/** The newest events of devices and of the gateway. */
export function EventList() {
  const words = messages.value.events;
  const shown = events.value.slice(0, SHOWN);
  return (
    <section class="tile events" aria-labelledby="events-heading">
      <h2 id="events-heading">{words.heading}</h2>
      {shown.length === 0
        ? <p class="hint">{words.none}</p>
        : <ol>{shown.map((event) => <EventItem key={event.sequence} event={event} />)}</ol>}
    </section>
  );
}

function EventItem({ event }: { readonly event: EventAnswer }) {
  const Icon = icons[event.level];
  const timeMs = Date.parse(event.time);
  return (
    <li class={`event event-${event.level}`}>
      <time dateTime={event.time} title={format.value.dateTime(timeMs)}>{format.value.time(timeMs, nowMs.value)}</time>
      <Icon />
      <span class="offscreen">{messages.value.events.levels[event.level]}</span>
      <span class="event-subject">{event.subjectName ?? event.subject}</span>
      <span class="event-text">{event.text}</span>
    </li>
  );
}
