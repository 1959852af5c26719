import { useState } from "preact/hooks";
import { ApiError } from "../api_request.ts";
import { nowMs } from "../clock.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { format } from "../parts/language.ts";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { askSession, session } from "../session/session.ts";
import { lockDebug, unlockDebug } from "./access_calls.ts";
import { Card, Part } from "./part.tsx";

/** Opens what is closed in production, for a while. */
export function DebugSection() {
  const all = securityMessages.value;
  const words = all.debugging;
  const [minutes, setMinutes] = useState("15");
  const action = useAction();
  const until = session.value?.debugOpenUntil ?? null;
  const untilMs = until === null ? 0 : Date.parse(until);
  const open = untilMs > nowMs.value;
  const unlock = () =>
    action.run(async () => {
      const count = Number(minutes);
      if (!Number.isInteger(count) || count < 1 || count > 60) {
        throw new ApiError(400, "bad_params", words.wrongMinutes, { field: "minutes" });
      }
      await unlockDebug(count);
      await askSession();
    });
  const lock = () =>
    action.run(async () => {
      await lockDebug();
      await askSession();
    });
  const fault = faultOf(action.trouble, "minutes");
  return (
    <Part heading={all.sections.debug} intro={words.intro}>
      <Card>
        <p role="status">
          <strong>{open ? words.open(format.value.time(untilMs, nowMs.value)) : words.closed}</strong>
        </p>
        <Form onSend={unlock} label={all.sections.debug}>
          <TextField
            label={words.minutes}
            hint={words.minutesHint}
            type="number"
            min={1}
            max={60}
            value={minutes}
            onValue={setMinutes}
            fault={fault}
          />
          <TroubleNote trouble={fault === null ? action.trouble : null} />
          <div class="form-buttons">
            <SendButton busy={action.busy}>{words.unlock}</SendButton>
            {open && <button type="button" class="button" disabled={action.busy} onClick={lock}>{words.lock}</button>}
          </div>
        </Form>
      </Card>
    </Part>
  );
}
