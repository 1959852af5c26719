import type { StatusAnswer } from "../../web/api_schema.ts";
import { messages } from "../messages/messages.ts";
import { ErrorIcon, InfoIcon, OkIcon, WarningIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { language } from "../preferences.ts";
import { verdictReasons } from "./verdict.ts";

const icons = { ok: OkIcon, attention: WarningIcon, failed: ErrorIcon, not_set_up: InfoIcon } as const;

/** The one sentence for the person who has one look, and why. */
export function VerdictBand({ status }: { readonly status: StatusAnswer }) {
  const Icon = icons[status.verdict];
  const reasons = verdictReasons(status, messages.value, format.value, language.value);
  return (
    <section class={`verdict verdict-${status.verdict}`}>
      <Icon />
      <div>
        <h1 aria-live="polite">{messages.value.verdict[status.verdict]}</h1>
        <ul class="reasons">{reasons.map((reason) => <li key={reason}>{reason}</li>)}</ul>
      </div>
    </section>
  );
}
