import { useState } from "preact/hooks";
import { ApiError } from "../api_request.ts";
import { status } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { InfoIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { type Trouble, useAction } from "../parts/use_action.ts";
import { hrefOf } from "../route.ts";
import { Entrance } from "./entrance.tsx";
import { PlainWarning } from "./plain_warning.tsx";
import { login, loginReason, principal } from "./session.ts";
import { useCountdown } from "./use_countdown.ts";

type Way = "password" | "token";

/** Asks who is there. The address bar keeps what was open. */
export function LoginPage() {
  const words = messages.value.login;
  const [way, setWay] = useState<Way>("password");
  const [user, setUser] = useState("");
  const [secret, setSecret] = useState("");
  const action = useAction();
  const waitMs = useCountdown(action.trouble);
  const ready = secret !== "" && (way === "token" || user !== "");
  const send = async () => {
    const done = await action.run(async () => {
      if (!ready) throw new ApiError(400, "incomplete", way === "token" ? words.missingToken : words.missing);
      await login(way === "token" ? { token: secret.trim() } : { user, password: secret });
    });
    if (!done) setSecret("");
  };
  const name = status.value?.name;
  return (
    <Entrance heading={words.heading} under={name === undefined ? undefined : words.to(name)}>
      {loginReason.value === "ended" && (
        <div class="note" role="status">
          <InfoIcon />
          <p>{words.ended}</p>
        </div>
      )}
      <PlainWarning />
      <div class="segments" role="group" aria-label={words.ways}>
        {(["password", "token"] as const).map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={way === each}
            onClick={() => {
              setWay(each);
              setSecret("");
              action.forget();
            }}
          >
            {each === "password" ? words.byPassword : words.byToken}
          </button>
        ))}
      </div>
      <Form onSend={send} label={words.heading}>
        {way === "password" && (
          <TextField label={words.user} value={user} onValue={setUser} autocomplete="username" wide />
        )}
        <TextField
          key={way}
          label={way === "password" ? words.password : words.token}
          type="password"
          value={secret}
          onValue={setSecret}
          autocomplete={way === "password" ? "current-password" : "off"}
          wide
        />
        {waitMs > 0
          ? <p class="note note-warning" role="status">{messages.value.trouble.wait(format.value.span(waitMs))}</p>
          : <TroubleNote trouble={plainly(action.trouble, way)} />}
        <SendButton busy={action.busy} disabled={waitMs > 0}>{words.send}</SendButton>
      </Form>
      <p class="entrance-ways">
        <a href={hrefOf({ page: "pair", code: "" })}>{words.pair}</a>
        {principal.value !== null && (
          <button type="button" class="link-button" onClick={() => loginReason.value = null}>{words.look}</button>
        )}
      </p>
    </Entrance>
  );
}

/** A wrong credential in one sentence, which says no more than the gateway does. */
function plainly(trouble: Trouble | null, way: Way): Trouble | null {
  if (!(trouble instanceof ApiError)) return trouble;
  const words = messages.value.login;
  if (trouble.code === "throttled") return null;
  if (trouble.code !== "unauthenticated") return trouble;
  return new ApiError(401, trouble.code, way === "password" ? words.wrongPassword : words.wrongToken);
}
