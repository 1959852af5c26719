import { useState } from "preact/hooks";
import { roleIncludes, roles } from "../access_answers.ts";
import { ApiError } from "../api_request.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { Fact, Facts } from "../parts/facts.tsx";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { format } from "../parts/language.ts";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { isLoopback, keepLoggedIn, loginReason, principal } from "../session/session.ts";
import { changePassword } from "./access_calls.ts";
import { Card, Done, Part } from "./part.tsx";

/** Who one is, and one's own password. */
export function AccountSection() {
  const words = securityMessages.value;
  const who = principal.value;
  if (who === null) return null;
  const { kinds } = words.account;
  const kind = Object.hasOwn(kinds, who.kind) ? kinds[who.kind as keyof typeof kinds] : who.kind;
  const looking = isLoopback(who);
  return (
    <Part heading={words.sections.account} intro={words.account.intro}>
      <Card>
        <Facts>
          <Fact name={words.account.name}>{looking ? messages.value.session.loopback : who.name}</Fact>
          <Fact name={words.role}>{messages.value.roles[who.role]}</Fact>
          <Fact name={words.account.kind}>{kind}</Fact>
          {!looking && (
            <Fact name={words.account.expires}>
              {who.expires === null ? words.account.idle : format.value.dateTime(Date.parse(who.expires))}
            </Fact>
          )}
        </Facts>
        {looking && (
          <p class="card-foot">
            <button type="button" class="button button-main" onClick={() => loginReason.value = "asked"}>
              {words.login}
            </button>
          </p>
        )}
      </Card>
      <Card heading={words.account.mayHeading}>
        <Facts>
          {roles.filter((role) => roleIncludes(who.role, role)).map((role) => (
            <Fact key={role} name={messages.value.roles[role]}>{words.roleHints[role]}</Fact>
          ))}
        </Facts>
      </Card>
      {who.user !== null && <PasswordCard user={who.user} />}
    </Part>
  );
}

function PasswordCard({ user }: { readonly user: string }) {
  const words = securityMessages.value.account;
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [done, setDone] = useState(false);
  const action = useAction();
  const send = async () => {
    setDone(false);
    const changed = await action.run(async () => {
      if (old === "" || next === "" || again === "") throw new ApiError(400, "incomplete", words.missing);
      if (next !== again) throw new ApiError(400, "different", words.different, { field: "again" });
      await keepLoggedIn(user, next, () => changePassword(old, next));
    });
    if (!changed) return;
    setOld("");
    setNext("");
    setAgain("");
    setDone(true);
  };
  const { trouble } = action;
  const atField = ["old", "next", "password", "again"].some((field) => faultOf(trouble, field) !== null);
  return (
    <Card heading={words.password}>
      <Form onSend={send} label={words.password}>
        <TextField
          label={words.old}
          type="password"
          value={old}
          onValue={setOld}
          fault={faultOf(trouble, "old")}
          autocomplete="current-password"
        />
        <TextField
          label={words.next}
          hint={messages.value.setup.passwordHint}
          type="password"
          value={next}
          onValue={setNext}
          fault={faultOf(trouble, "next") ?? faultOf(trouble, "password")}
          autocomplete="new-password"
        />
        <TextField
          label={words.again}
          type="password"
          value={again}
          onValue={setAgain}
          fault={faultOf(trouble, "again")}
          autocomplete="new-password"
        />
        <TroubleNote trouble={atField ? null : trouble} />
        <Done text={done ? words.changed : null} />
        <SendButton busy={action.busy}>{words.change}</SendButton>
      </Form>
    </Card>
  );
}
