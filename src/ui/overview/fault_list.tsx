import type { FaultAnswer } from "../../web/api_schema.ts";
import { nowMs } from "../clock.ts";
import { messages } from "../messages/messages.ts";
import { ErrorIcon, InfoIcon, WarningIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { language } from "../preferences.ts";
import { faultTitle, faultWords } from "./verdict.ts";

const icons = { error: ErrorIcon, warning: WarningIcon, note: InfoIcon } as const;

/** What is wrong now, why, and what to do about it. */
export function FaultList({ faults }: { readonly faults: readonly FaultAnswer[] }) {
  if (faults.length === 0) return null;
  return (
    <section class="faults" aria-labelledby="faults-heading">
      <h2 id="faults-heading">{messages.value.faults.heading}</h2>
      <ul>{faults.map((fault) => <FaultItem key={`${fault.code} ${fault.subject}`} fault={fault} />)}</ul>
    </section>
  );
}

function FaultItem({ fault }: { readonly fault: FaultAnswer }) {
  const Icon = icons[fault.severity];
  const { cause, remedy } = faultWords(fault, language.value);
  const words = messages.value.faults;
  const sinceMs = Date.parse(fault.since);
  return (
    <li class={`fault fault-${fault.severity}`}>
      <Icon />
      <div class="fault-body">
        <h3>
          <span class="offscreen">{words.severities[fault.severity]}:</span>
          {faultTitle(fault, language.value)}
          <span class="fault-since" title={format.value.dateTime(sinceMs)}>
            {words.since} {format.value.span(nowMs.value - sinceMs)}
          </span>
        </h3>
        <p class="fault-detail">{fault.detail}</p>
        <p>
          <b>{words.cause}:</b> {cause}
        </p>
        <p>
          <b>{words.remedy}:</b> {remedy}
        </p>
      </div>
    </li>
  );
}
