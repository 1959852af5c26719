import { nowMs } from "../clock.ts";
import { plantStatus } from "../gateway_state.ts";
import { operateMessages } from "../messages/operate_messages.ts";
import { format } from "../parts/language.ts";
import { ListTable } from "../security/list_table.tsx";
import { Answer, Empty } from "../security/part.tsx";
import { readJournal } from "./operate_calls.ts";
import { useSteadyAnswer } from "./use_steady_answer.ts";

const EVERY_MS = 5_000;

/** The newest events of all alarms. */
export function JournalList() {
  const words = operateMessages.value.alarms;
  const answer = useSteadyAnswer(readJournal, JSON.stringify(plantStatus.value?.alarms ?? null), EVERY_MS);
  return (
    <Answer answer={answer}>
      {(events) =>
        events.length === 0 ? <Empty text={words.noEvents} /> : (
          <ListTable
            label={words.journal}
            items={events}
            keyOf={({ sequence }) => String(sequence)}
            columns={[
              {
                key: "time",
                heading: words.columns.time,
                cell: ({ alarm }) => {
                  const timeMs = Date.parse(alarm.time ?? "");
                  return <time title={format.value.dateTime(timeMs)}>{format.value.time(timeMs, nowMs.value)}</time>;
                },
              },
              { key: "name", heading: words.columns.name, main: true, cell: ({ alarm }) => alarm.name },
              {
                key: "cause",
                heading: words.columns.cause,
                cell: ({ cause }) =>
                  Object.hasOwn(words.causes, cause) ? words.causes[cause as keyof typeof words.causes] : cause,
              },
              {
                key: "what",
                heading: words.columns.what,
                cell: ({ cause, alarm }) =>
                  cause === "commented" || alarm.message === "" ? alarm.comment?.text ?? "" : alarm.message,
              },
              { key: "who", heading: words.columns.who, cell: ({ by }) => by ?? "" },
            ]}
          />
        )}
    </Answer>
  );
}
