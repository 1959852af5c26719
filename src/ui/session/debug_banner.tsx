import { request } from "../api_request.ts";
import { nowMs } from "../clock.ts";
import { messages } from "../messages/messages.ts";
import { WarningIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { askSession, may, session } from "./session.ts";

/** Says on every page that debug operations are open. */
export function DebugBanner() {
  const words = messages.value.debug;
  const action = useAction();
  const until = session.value?.debugOpenUntil ?? null;
  const untilMs = until === null ? 0 : Date.parse(until);
  return (
    <div class="banner-place" role="status">
      {untilMs > nowMs.value && (
        <div class="banner banner-warning">
          <WarningIcon />
          <p>
            <strong>{words.open(format.value.time(untilMs, nowMs.value))}</strong> {words.openMore}
          </p>
          {may("admin") && (
            <button
              type="button"
              class="button"
              disabled={action.busy}
              onClick={() =>
                action.run(async () => {
                  await request("POST", "/api/v1/debug/lock");
                  await askSession();
                })}
            >
              {words.lock}
            </button>
          )}
          <TroubleNote trouble={action.trouble} />
        </div>
      )}
    </div>
  );
}
