import { useState } from "preact/hooks";
import { ApiError, request } from "../api_request.ts";
import { messages } from "../messages/messages.ts";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { format } from "../parts/language.ts";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { Entrance } from "./entrance.tsx";
import { PlainWarning } from "./plain_warning.tsx";
import { askSession, login } from "./session.ts";
import { useCountdown } from "./use_countdown.ts";

/** Makes the first admin. Shown while nobody can log in. */
export function SetupPage() {
  const words = messages.value.setup;
  const [code, setCode] = useState("");
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const action = useAction();
  const waitMs = useCountdown(action.trouble);
  const send = () =>
    action.run(async () => {
      if ([code, user, password, again].includes("")) throw new ApiError(400, "incomplete", words.missing);
      if (password !== again) throw new ApiError(400, "different", words.different, { field: "again" });
      try {
        await request("POST", "/api/v1/setup/claim", { body: { code: code.trim(), user, password } });
      } catch (error) {
        if (error instanceof ApiError && error.code === "permission_denied") {
          throw new ApiError(error.status, error.code, words.wrongCode, { field: "code" });
        }
        // somebody else was first: the page that fits is another
        if (error instanceof ApiError && error.code === "conflict") await askSession();
        throw error;
      }
      await login({ user, password });
    });
  const { trouble } = action;
  const atField = ["code", "user", "password", "again"].some((field) => faultOf(trouble, field) !== null);
  return (
    <Entrance heading={words.heading}>
      <p>{words.intro}</p>
      <PlainWarning />
      <section class="where" aria-labelledby="where-heading">
        <h2 id="where-heading">{words.where}</h2>
        <ul>
          <li>{words.terminal}</li>
          <li>
            {words.journal} <code class="mono">journalctl -u edgekeep | grep setup_code</code>
          </li>
          <li>
            {words.file} <code class="mono">sudo cat /var/lib/edgekeep/setup-code</code>
          </li>
        </ul>
      </section>
      <Form onSend={send} label={words.heading}>
        <TextField
          label={words.code}
          hint={words.codeHint}
          value={code}
          onValue={setCode}
          fault={faultOf(trouble, "code")}
          autocomplete="one-time-code"
          code
          wide
        />
        <TextField
          label={words.user}
          value={user}
          onValue={setUser}
          fault={faultOf(trouble, "user")}
          autocomplete="username"
          wide
        />
        <TextField
          label={words.password}
          hint={words.passwordHint}
          type="password"
          value={password}
          onValue={setPassword}
          fault={faultOf(trouble, "password")}
          autocomplete="new-password"
          wide
        />
        <TextField
          label={words.again}
          type="password"
          value={again}
          onValue={setAgain}
          fault={faultOf(trouble, "again")}
          autocomplete="new-password"
          wide
        />
        {waitMs > 0
          ? <p class="note note-warning" role="status">{messages.value.trouble.wait(format.value.span(waitMs))}</p>
          : <TroubleNote trouble={atField ? null : trouble} />}
        <SendButton busy={action.busy} disabled={waitMs > 0}>{words.send}</SendButton>
      </Form>
    </Entrance>
  );
}
