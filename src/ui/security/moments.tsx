import { nowMs } from "../clock.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { Age } from "../parts/age.tsx";
import { format } from "../parts/language.ts";

/** How long ago a time of the API was. */
export function Ago({ time }: { readonly time: string | null }) {
  return time === null ? <span class="hint">{securityMessages.value.never}</span> : <Age timeMs={Date.parse(time)} />;
}

/** The day of a time of the API, with the clock time as its tooltip. */
export function Day({ time }: { readonly time: string | null }) {
  if (time === null) return <span class="hint">{securityMessages.value.none}</span>;
  const timeMs = Date.parse(time);
  return <time dateTime={time} title={format.value.dateTime(timeMs)}>{format.value.date(timeMs)}</time>;
}

/** When a credential ends; marked when it has. */
export function End({ time }: { readonly time: string | null }) {
  const words = securityMessages.value;
  if (time === null) return <span>{words.untilRevoked}</span>;
  return Date.parse(time) <= nowMs.value ? <span class="tone-warning">{words.expired}</span> : <Day time={time} />;
}
