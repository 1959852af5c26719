import { operateMessages } from "../messages/operate_messages.ts";
import type { AlarmView } from "../operate_answers.ts";
import { format } from "../parts/language.ts";
import { nowMs } from "../clock.ts";

/** The least severity that is shown as bad, of 1000. */
const SEVERE = 700;

/** The state of an alarm in shape, colour and words. */
export function AlarmState({ alarm }: { readonly alarm: AlarmView }) {
  const words = operateMessages.value.alarms;
  const standing = !alarm.active ? "good" : alarm.severity >= SEVERE ? "bad" : "uncertain";
  const { shelving } = alarm;
  const parts = [
    !alarm.enabled ? words.off : alarm.active ? words.active : alarm.acknowledged ? words.normal : words.inactive,
    ...(alarm.active && alarm.limitState !== null ? [words.limits[alarm.limitState]] : []),
    ...(alarm.event === null || !alarm.enabled
      ? []
      : !alarm.acknowledged
      ? [words.unacknowledged]
      : !alarm.confirmed
      ? [words.unconfirmed]
      : alarm.active
      ? [words.acknowledged]
      : []),
    ...(shelving.kind === "one_shot" ? [words.shelved] : []),
    ...(shelving.kind === "timed" && shelving.until !== null
      ? [words.shelvedUntil(format.value.time(Date.parse(shelving.until), nowMs.value))]
      : []),
  ];
  return (
    <span class={`quality quality-${standing}`}>
      <span class="quality-word">{parts.join(", ")}</span>
    </span>
  );
}
