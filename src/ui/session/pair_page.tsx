import { useState } from "preact/hooks";
import type { NewTokenAnswer } from "../access_answers.ts";
import { ApiError, request } from "../api_request.ts";
import { messages } from "../messages/messages.ts";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { OkIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { SecretOnce } from "../parts/secret_once.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { hrefOf } from "../route.ts";
import { Entrance } from "./entrance.tsx";
import { PlainWarning } from "./plain_warning.tsx";
import { isLoopback, login, principal } from "./session.ts";
import { useCountdown } from "./use_countdown.ts";

/** Trades a pairing code for a session. The token is in the memory of this page alone, until it is left. */
export function PairPage({ given }: { readonly given: string }) {
  const words = messages.value.pair;
  const [code, setCode] = useState(given);
  const [claimed, setClaimed] = useState<NewTokenAnswer | null>(null);
  const action = useAction();
  const waitMs = useCountdown(action.trouble);
  const who = principal.value;
  const send = () =>
    action.run(async () => {
      const plain = code.toUpperCase().replaceAll(/[^0-9A-Z]/g, "");
      if (plain.length !== 8) throw new ApiError(400, "incomplete", words.missing);
      const answer = await request<NewTokenAnswer>("POST", "/api/v1/pairing/claim", { body: { code: plain } });
      // from here on the code is spent: whatever happens next, the token is all there is
      setClaimed(answer);
      await login({ token: answer.token });
    });
  if (claimed !== null) return <Paired claimed={claimed} trouble={action.trouble} />;
  return (
    <Entrance heading={words.heading}>
      <p>{words.intro}</p>
      {who !== null && !isLoopback(who) && <p class="note">{words.already(who.name)}</p>}
      <PlainWarning />
      <Form onSend={send} label={words.heading}>
        <TextField label={words.code} value={code} onValue={setCode} autocomplete="one-time-code" code wide />
        {waitMs > 0
          ? <p class="note note-warning" role="status">{messages.value.trouble.wait(format.value.span(waitMs))}</p>
          : <TroubleNote trouble={action.trouble} />}
        <SendButton busy={action.busy} disabled={waitMs > 0}>{words.send}</SendButton>
      </Form>
      <p class="entrance-ways">
        <a href={hrefOf({ page: "overview" })}>{who === null ? words.back : words.go}</a>
      </p>
    </Entrance>
  );
}

function Paired(
  { claimed, trouble }: {
    readonly claimed: NewTokenAnswer;
    readonly trouble: ReturnType<typeof useAction>["trouble"];
  },
) {
  const words = messages.value.pair;
  const [shown, setShown] = useState(false);
  const { label, role, expires } = claimed.info;
  return (
    <Entrance heading={words.done}>
      <p class="with-icon">
        <OkIcon />
        <span>{words.doneAs(label, messages.value.roles[role])}</span>
      </p>
      {expires !== null && <p>{words.until(format.value.date(Date.parse(expires)))}</p>}
      <TroubleNote trouble={trouble} />
      {shown ? <SecretOnce heading={words.token} secret={claimed.token} /> : (
        <p>
          {words.forScripts}{" "}
          <button type="button" class="link-button" onClick={() => setShown(true)}>{words.show}</button>
        </p>
      )}
      <a class="button button-main" href={hrefOf({ page: "overview" })}>{words.go}</a>
    </Entrance>
  );
}
