import { nowMs } from "../clock.ts";
import { format } from "./language.ts";

/** How long ago something was, ticking. The exact time is in the tooltip. */
export function Age({ timeMs }: { readonly timeMs: number | null }) {
  if (timeMs === null) return <span class="age">{format.value.age(null)}</span>;
  return (
    <time class="age" dateTime={new Date(timeMs).toISOString()} title={format.value.dateTime(timeMs)}>
      {format.value.age(nowMs.value - timeMs)}
    </time>
  );
}
