import { useState } from "preact/hooks";
import { ApiError } from "../api_request.ts";
import { meshChanges } from "../gateway_state.ts";
import type { JoinTokenView, NewJoinTokenView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { messages } from "../messages/messages.ts";
import { useSteadyAnswer } from "../operate/use_steady_answer.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { ChoiceField, Form, SendButton, TextField } from "../parts/form.tsx";
import { SecretOnce } from "../parts/secret_once.tsx";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { ListTable } from "../security/list_table.tsx";
import { Day } from "../security/moments.tsx";
import { Answer, Card, Done, Empty, Part } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { createJoinToken, readJoinTokens, revokeJoinToken } from "./mesh_calls.ts";

const EVERY_MS = 5_000;
const lifetimes = ["15", "60", "1440", "10080"] as const;

/** Tokens by which machines join: make, list, revoke. */
export function TokensPart() {
  const words = meshMessages.value.tokens;
  const answer = useSteadyAnswer(readJoinTokens, `${meshChanges.value.tokens}`, EVERY_MS);
  const action = useAction();
  const [made, setMade] = useState<NewJoinTokenView | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const revoke = async ({ id, label }: JoinTokenView) => {
    setDone(null);
    const worked = await action.run(() => revokeJoinToken(id));
    await answer.reload();
    if (worked) setDone(words.revoked(label));
  };
  return (
    <Part heading={messages.value.meshParts.tokens} intro={words.intro}>
      {made !== null && (
        <SecretOnce
          heading={words.made(made.token.label)}
          secret={made.text}
          onDone={() => setMade(null)}
        >
          <p>
            {words.next} <code class="mono">edgekeep agent join</code>
          </p>
        </SecretOnce>
      )}
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      {may("admin") && (
        <MakeToken
          onMade={(token) => {
            setDone(null);
            setMade(token);
            void answer.reload();
          }}
        />
      )}
      <Answer answer={answer}>
        {(tokens) =>
          tokens.length === 0 ? <Empty text={words.none} /> : (
            <ListTable
              label={words.table}
              items={tokens}
              keyOf={({ id }) => id}
              columns={[
                { key: "label", heading: words.columns.label, main: true, cell: ({ label }) => label },
                {
                  key: "group",
                  heading: words.columns.group,
                  cell: ({ group }) => group === "" ? <span class="hint">–</span> : group,
                },
                {
                  key: "uses",
                  heading: words.columns.uses,
                  cell: ({ usesLeft, uses }) => words.usesOf(String(usesLeft), String(uses)),
                },
                {
                  key: "state",
                  heading: words.columns.state,
                  cell: ({ state, nodes }) => (
                    <>
                      {words.states[state]}{" "}
                      {nodes.length > 0 && <span class="hint">{words.joined(nodes.join(", "))}</span>}
                    </>
                  ),
                },
                { key: "expires", heading: words.columns.expires, cell: ({ expires }) => <Day time={expires} /> },
                {
                  key: "by",
                  heading: words.columns.by,
                  cell: ({ created, createdBy }) => (
                    <>
                      <Day time={created} /> <span class="hint">{words.by(createdBy)}</span>
                    </>
                  ),
                },
                {
                  key: "actions",
                  heading: meshMessages.value.actions,
                  quiet: true,
                  cell: (token) =>
                    token.state === "open" && may("admin") && (
                      <div class="row-actions">
                        <ConfirmButton
                          label={words.revoke}
                          question={words.revokeQuestion(token.label)}
                          busy={action.busy}
                          onConfirm={() => void revoke(token)}
                        />
                      </div>
                    ),
                },
              ]}
            />
          )}
      </Answer>
    </Part>
  );
}

function MakeToken({ onMade }: { readonly onMade: (token: NewJoinTokenView) => void }) {
  const words = meshMessages.value.tokens;
  const [label, setLabel] = useState("");
  const [group, setGroup] = useState("");
  const [uses, setUses] = useState("1");
  const [minutes, setMinutes] = useState<string>("15");
  const action = useAction();
  const send = () =>
    action.run(async () => {
      if (label.trim() === "") throw new ApiError(400, "incomplete", words.missing, { field: "label" });
      onMade(
        await createJoinToken({
          label: label.trim(),
          group: group.trim(),
          uses: Number(uses),
          minutes: Number(minutes),
        }),
      );
      setLabel("");
    });
  const { trouble } = action;
  const fields = ["label", "group", "uses", "minutes"];
  return (
    <Card heading={words.add}>
      <Form onSend={() => void send()} label={words.add}>
        <TextField
          label={words.label}
          hint={words.labelHint}
          value={label}
          onValue={setLabel}
          fault={faultOf(trouble, "label")}
          autocomplete="off"
        />
        <TextField
          label={words.group}
          hint={words.groupHint}
          value={group}
          onValue={setGroup}
          fault={faultOf(trouble, "group")}
          autocomplete="off"
        />
        <TextField
          label={words.uses}
          type="number"
          min={1}
          max={100}
          value={uses}
          onValue={setUses}
          fault={faultOf(trouble, "uses")}
        />
        <ChoiceField
          label={words.minutes}
          value={minutes}
          onValue={setMinutes}
          choices={lifetimes.map((value) => ({ value, text: words.lifetimes[value] }))}
        />
        <TroubleNote trouble={fields.some((field) => faultOf(trouble, field) !== null) ? null : trouble} />
        <SendButton busy={action.busy}>{words.add}</SendButton>
      </Form>
    </Card>
  );
}
