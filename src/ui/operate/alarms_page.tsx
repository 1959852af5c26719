import { useState } from "preact/hooks";
import { plantStatus } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { operateMessages } from "../messages/operate_messages.ts";
import type { AlarmView } from "../operate_answers.ts";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { type AlarmsRoute, go } from "../route.ts";
import { ListTable } from "../security/list_table.tsx";
import { Ago } from "../security/moments.tsx";
import { Answer, Empty, Part } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { AlarmState } from "./alarm_state.tsx";
import { JournalList } from "./journal_list.tsx";
import { actOnAlarm, type AlarmAct, readAlarms } from "./operate_calls.ts";
import { useSteadyAnswer } from "./use_steady_answer.ts";

const EVERY_MS = 3_000;
const HOUR_S = 3600;

/** What somebody should look at, and what has happened. */
export function AlarmsPage({ here }: { readonly here: AlarmsRoute }) {
  const words = operateMessages.value.alarms;
  const heading = messages.value.pages.alarms;
  return (
    <main id="content" class="operate" tabIndex={-1}>
      <h1 class="offscreen">{heading}</h1>
      <Part heading={here.show === "journal" ? words.journal : heading}>
        <div class="segments" role="group" aria-label={words.show}>
          {(["now", "all", "journal"] as const).map((show) => (
            <button
              key={show}
              type="button"
              aria-pressed={here.show === show}
              onClick={() => go({ page: "alarms", show })}
            >
              {words[show]}
            </button>
          ))}
        </div>
        {here.show === "journal" ? <JournalList /> : <AlarmList key={here.show} onlyRetained={here.show === "now"} />}
      </Part>
    </main>
  );
}

function AlarmList({ onlyRetained }: { readonly onlyRetained: boolean }) {
  const words = operateMessages.value.alarms;
  // asked again as soon as the status says that something has changed
  const counts = JSON.stringify(plantStatus.value?.alarms ?? null);
  const answer = useSteadyAnswer((signal) => readAlarms(onlyRetained, signal), counts, EVERY_MS);
  const action = useAction();
  const [open, setOpen] = useState<string | null>(null);
  const act = async (kind: AlarmAct, alarm: AlarmView, more: { comment?: string; seconds?: number } = {}) => {
    const done = await action.run(() => actOnAlarm(kind, alarm, more));
    await answer.reload();
    return done;
  };
  return (
    <>
      {!may("operator") && <p class="part-intro">{words.viewer}</p>}
      <TroubleNote trouble={action.trouble} />
      <Answer answer={answer}>
        {(alarms) =>
          alarms.length === 0
            ? (
              <Empty
                text={onlyRetained ? words.quiet : words.none}
                {...(onlyRetained ? {} : { hint: words.noneHint })}
              />
            )
            : (
              <ListTable
                label={words.table}
                items={alarms.toSorted(byUrgency)}
                keyOf={({ id }) => id}
                columns={[
                  {
                    key: "name",
                    heading: words.columns.name,
                    main: true,
                    cell: ({ name, message, source }) => (
                      <span class="alarm-name" title={source}>
                        {name}
                        {message !== "" && <span class="hint">{message}</span>}
                      </span>
                    ),
                  },
                  { key: "state", heading: words.columns.state, cell: (alarm) => <AlarmState alarm={alarm} /> },
                  {
                    key: "severity",
                    heading: words.columns.severity,
                    cell: ({ severity }) => format.value.count(severity),
                  },
                  {
                    key: "since",
                    heading: words.columns.since,
                    cell: ({ activeSince, time }) => <Ago time={activeSince ?? time} />,
                  },
                  {
                    key: "actions",
                    heading: operateMessages.value.actions,
                    quiet: true,
                    cell: (alarm) =>
                      may("operator") && (
                        <div class="row-actions">
                          {alarm.event !== null && !alarm.acknowledged && (
                            <button
                              type="button"
                              class="button button-small button-main"
                              disabled={action.busy}
                              onClick={() => void act("ack", alarm)}
                            >
                              {words.acknowledge}
                            </button>
                          )}
                          {alarm.event !== null && alarm.acknowledged && !alarm.confirmed && (
                            <button
                              type="button"
                              class="button button-small"
                              disabled={action.busy}
                              onClick={() => void act("confirm", alarm)}
                            >
                              {words.confirm}
                            </button>
                          )}
                          <button
                            type="button"
                            class="button button-small"
                            aria-expanded={open === alarm.id}
                            aria-label={words.moreOf(alarm.name)}
                            onClick={() => setOpen(open === alarm.id ? null : alarm.id)}
                          >
                            {words.more}
                          </button>
                        </div>
                      ),
                  },
                ]}
                more={(alarm) => open === alarm.id ? <More alarm={alarm} busy={action.busy} act={act} /> : null}
              />
            )}
      </Answer>
    </>
  );
}

/** Comment and shelving of one alarm. */
function More(
  { alarm, busy, act }: {
    readonly alarm: AlarmView;
    readonly busy: boolean;
    readonly act: (
      kind: AlarmAct,
      alarm: AlarmView,
      more?: { comment?: string; seconds?: number },
    ) => Promise<boolean>;
  },
) {
  const words = operateMessages.value.alarms;
  const [comment, setComment] = useState("");
  const send = async () => {
    if (comment.trim() !== "" && await act("comment", alarm, { comment })) setComment("");
  };
  return (
    <div class="alarm-more">
      {alarm.comment !== null && (
        <p>
          <span class="hint">{words.commented(alarm.comment.by)}</span> {alarm.comment.text}
        </p>
      )}
      <Form onSend={() => void send()}>
        <TextField label={words.comment} hint={words.commentHint} value={comment} onValue={setComment} wide />
        <SendButton busy={busy} disabled={comment.trim() === ""}>{words.sendComment}</SendButton>
      </Form>
      <div class="row-actions">
        {alarm.shelving.kind === "unshelved"
          ? (
            <>
              <button
                type="button"
                class="button button-small"
                disabled={busy}
                onClick={() => void act("shelve", alarm, { seconds: HOUR_S })}
              >
                {words.shelveHour}
              </button>
              <button
                type="button"
                class="button button-small"
                disabled={busy}
                onClick={() => void act("shelve", alarm, { seconds: 8 * HOUR_S })}
              >
                {words.shelveShift}
              </button>
              <button
                type="button"
                class="button button-small"
                disabled={busy}
                onClick={() => void act("shelve", alarm)}
              >
                {words.shelveOnce}
              </button>
            </>
          )
          : (
            <button
              type="button"
              class="button button-small"
              disabled={busy}
              onClick={() => void act("unshelve", alarm)}
            >
              {words.unshelve}
            </button>
          )}
      </div>
    </div>
  );
}

/** Active before gone, unacknowledged before acknowledged, severe before mild. */
function byUrgency(a: AlarmView, b: AlarmView): number {
  return Number(b.active) - Number(a.active) || Number(a.acknowledged) - Number(b.acknowledged) ||
    b.severity - a.severity || (a.name < b.name ? -1 : 1);
}
