import { useState } from "preact/hooks";
import type { SessionView } from "../access_answers.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { closeSession, readSessions } from "./access_calls.ts";
import { clientName } from "./client_name.ts";
import { ListTable } from "./list_table.tsx";
import { Ago, Day } from "./moments.tsx";
import { Answer, Done, Empty, Part } from "./part.tsx";

/** Who is connected over web, control and OPC UA. */
export function SessionsSection() {
  const all = securityMessages.value;
  const words = all.sessions;
  const answer = useAnswer(readSessions);
  const action = useAction();
  const [done, setDone] = useState<string | null>(null);
  const end = async (session: SessionView) => {
    setDone(null);
    const ended = await action.run(() => closeSession(session.id));
    await answer.reload();
    if (ended) setDone(words.ended(session.name ?? session.address));
  };
  return (
    <Part heading={all.sections.sessions} intro={words.intro}>
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      <Answer answer={answer}>
        {(sessions) =>
          sessions.length === 0 ? <Empty text={words.none} /> : (
            <ListTable
              label={words.table}
              items={sessions}
              keyOf={({ kind, id }) => `${kind} ${id}`}
              columns={[
                { key: "name", heading: words.columns.name, main: true, cell: ({ name }) => name ?? words.nobody },
                { key: "kind", heading: words.columns.kind, cell: ({ kind }) => words.kinds[kind] },
                {
                  key: "role",
                  heading: words.columns.role,
                  cell: ({ role }) => role === null ? all.none : messages.value.roles[role],
                },
                {
                  key: "address",
                  heading: words.columns.address,
                  cell: ({ address }) => <span class="mono">{address}</span>,
                },
                {
                  key: "client",
                  heading: words.columns.client,
                  cell: ({ client }) => <span class="client" title={client}>{clientName(client)}</span>,
                },
                { key: "lastUsed", heading: words.columns.lastUsed, cell: ({ lastUsed }) => <Ago time={lastUsed} /> },
                { key: "created", heading: words.columns.created, cell: ({ created }) => <Day time={created} /> },
                {
                  key: "actions",
                  heading: all.actions,
                  quiet: true,
                  cell: (session) => (
                    <div class="row-actions">
                      <ConfirmButton
                        label={words.end}
                        question={words.endQuestion(session.name ?? session.address)}
                        busy={action.busy}
                        onConfirm={() => void end(session)}
                      />
                    </div>
                  ),
                },
              ]}
            />
          )}
      </Answer>
      <p>
        <button type="button" class="button" disabled={answer.busy} onClick={() => void answer.reload()}>
          {all.again}
        </button>
      </p>
    </Part>
  );
}
