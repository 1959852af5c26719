import { useState } from "preact/hooks";
import type { NewTokenAnswer, TokenView } from "../access_answers.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { Form, SendButton } from "../parts/form.tsx";
import { SecretOnce } from "../parts/secret_once.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { createToken, readTokens, renewToken, revokeToken } from "./access_calls.ts";
import { daysOf, type Lifetime, LifetimeField } from "./grant_fields.tsx";
import { GrantForm } from "./grant_form.tsx";
import { ListTable } from "./list_table.tsx";
import { Ago, Day, End } from "./moments.tsx";
import { Answer, Done, Empty, Part } from "./part.tsx";

/** Tokens of programs and paired devices: make, renew, revoke. */
export function TokensSection() {
  const words = securityMessages.value;
  const answer = useAnswer(readTokens);
  const action = useAction();
  const [made, setMade] = useState<NewTokenAnswer | null>(null);
  const [renewing, setRenewing] = useState<string | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const act = async (text: string, work: () => Promise<void>) => {
    setDone(null);
    const worked = await action.run(work);
    if (worked) setRenewing(null);
    await answer.reload();
    if (worked) setDone(text);
  };
  return (
    <Part heading={words.sections.tokens} intro={words.tokens.intro}>
      {made !== null && (
        <SecretOnce
          heading={words.tokens.made(made.info.label)}
          secret={made.token}
          onDone={() => setMade(null)}
        />
      )}
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      <Answer answer={answer}>
        {(tokens) =>
          tokens.length === 0 ? <Empty text={words.tokens.none} hint={words.tokens.noneHint} /> : (
            <ListTable
              label={words.tokens.table}
              items={tokens}
              keyOf={({ id }) => id}
              columns={[
                { key: "label", heading: words.tokens.columns.label, main: true, cell: ({ label }) => label },
                { key: "kind", heading: words.tokens.columns.kind, cell: ({ kind }) => words.tokens.kinds[kind] },
                { key: "role", heading: words.tokens.columns.role, cell: ({ role }) => messages.value.roles[role] },
                {
                  key: "expires",
                  heading: words.tokens.columns.expires,
                  cell: ({ expires }) => <End time={expires} />,
                },
                {
                  key: "lastUsed",
                  heading: words.tokens.columns.lastUsed,
                  cell: ({ lastUsed, lastAddress }) => (
                    <>
                      <Ago time={lastUsed} />{" "}
                      {lastAddress !== null && <span class="hint">{words.tokens.from(lastAddress)}</span>}
                    </>
                  ),
                },
                {
                  key: "created",
                  heading: words.tokens.columns.created,
                  cell: ({ created, createdBy }) => (
                    <>
                      <Day time={created} /> <span class="hint">{words.tokens.by(createdBy)}</span>
                    </>
                  ),
                },
                {
                  key: "actions",
                  heading: words.actions,
                  quiet: true,
                  cell: ({ id, label }) => (
                    <div class="row-actions">
                      <button
                        type="button"
                        class="button button-small"
                        aria-expanded={renewing === id}
                        aria-label={words.tokens.renewing(label)}
                        onClick={() => setRenewing(renewing === id ? null : id)}
                      >
                        {words.tokens.renew}
                      </button>
                      <ConfirmButton
                        label={words.tokens.revoke}
                        question={words.tokens.revokeQuestion(label)}
                        busy={action.busy}
                        onConfirm={() => void act(words.tokens.revoked(label), () => revokeToken(id))}
                      />
                    </div>
                  ),
                },
              ]}
              more={(token) =>
                renewing === token.id
                  ? (
                    <RenewToken
                      token={token}
                      busy={action.busy}
                      onRenew={(days) => void act(words.tokens.renewed(token.label), () => renewToken(token.id, days))}
                      onClose={() => setRenewing(null)}
                    />
                  )
                  : null}
            />
          )}
      </Answer>
      <GrantForm
        words={words.tokens}
        button={words.tokens.add}
        onGrant={async (grant) => {
          const answered = await createToken(grant);
          setDone(null);
          setMade(answered);
          await answer.reload();
        }}
      />
    </Part>
  );
}

function RenewToken(
  { token, busy, onRenew, onClose }: {
    readonly token: TokenView;
    readonly busy: boolean;
    readonly onRenew: (days: number | null) => void;
    readonly onClose: () => void;
  },
) {
  const words = securityMessages.value;
  const [lifetime, setLifetime] = useState<Lifetime>("month");
  return (
    <Form onSend={() => onRenew(daysOf(lifetime))} label={words.tokens.renewing(token.label)}>
      <LifetimeField lifetime={lifetime} onLifetime={setLifetime} />
      <div class="form-buttons">
        <SendButton busy={busy}>{words.tokens.renew}</SendButton>
        <button type="button" class="button" onClick={onClose}>{words.close}</button>
      </div>
    </Form>
  );
}
