import type { PolicyPlanView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { ErrorIcon, WarningIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";

/** What a draft of the policy would do: what is wrong with it, and what it opens and closes. */
export function PolicyPlan(
  { plan, nameOf }: { readonly plan: PolicyPlanView; readonly nameOf: (node: string) => string },
) {
  const words = meshMessages.value.policy;
  return (
    <div role="status">
      <h4>{words.planned}</h4>
      {plan.findings.map(({ severity, rule, text }) => (
        <div key={`${rule} ${text}`} class={`note note-${severity}`}>
          {severity === "error" ? <ErrorIcon /> : <WarningIcon />}
          <p>
            <span class="offscreen">{words.severities[severity]}:</span>
            {rule !== "" && <span class="mono">{rule}:</span>} {text}
          </p>
        </div>
      ))}
      {plan.ok && plan.changes.length === 0 && <p>{words.noChange}</p>}
      <ul class="mesh-changes">
        {plan.changes.map(({ from, to, opened, closed }) => (
          <li key={`${from} ${to}`}>
            {words.pair(nameOf(from), nameOf(to))}
            {opened.length > 0 && (
              <span class="mesh-opened">
                {words.opens} <span class="mono">{opened.join(", ")}</span>
              </span>
            )}
            {closed.length > 0 && (
              <span class="mesh-closed">
                {words.closes} <span class="mono">{closed.join(", ")}</span>
              </span>
            )}
          </li>
        ))}
      </ul>
      {plan.moreChanges > 0 && <p class="hint">{words.moreChanges(format.value.count(plan.moreChanges))}</p>}
    </div>
  );
}
