import type { ActiveFault } from "./fault_board.ts";
import type { AlarmsStatus, SourceStatus, TagsStatus, Verdict } from "./status.ts";

/** What the verdict is made from. */
export interface VerdictFacts {
  readonly faults: readonly ActiveFault[];
  readonly sources: readonly SourceStatus[];
  readonly tags: TagsStatus;
  readonly alarms: Pick<AlarmsStatus, "active">;
}

/**
 * The verdict and the one sentence that says it, for the person who has one look. An active alarm is told and changes
 * nothing: it is about the plant, the verdict about the gateway.
 */
export function verdictOf(facts: VerdictFacts): { verdict: Verdict; summary: string } {
  const { verdict, summary } = gatewayVerdict(facts);
  const { active } = facts.alarms;
  if (active === 0) return { verdict, summary };
  return { verdict, summary: `${summary}; ${active} ${active === 1 ? "alarm is" : "alarms are"} active` };
}

/** The verdict that faults of one severity make, whatever the role; `null` without one. */
export function faultVerdict(
  faults: readonly ActiveFault[],
  severity: "error" | "warning",
): { verdict: Verdict; summary: string } | null {
  const present = faults.filter((fault) => fault.severity === severity);
  if (present.length === 0) return null;
  return { verdict: severity === "error" ? "failed" : "attention", summary: sentence(present) };
}

function gatewayVerdict({ faults, sources, tags }: VerdictFacts): { verdict: Verdict; summary: string } {
  const failed = faultVerdict(faults, "error");
  if (failed !== null) return failed;
  if (sources.length === 0) {
    return { verdict: "not_set_up", summary: "Not set up: no source of data is configured" };
  }
  const warned = faultVerdict(faults, "warning");
  if (warned !== null) return warned;
  const silent = tags.uncertain + tags.bad;
  if (silent > 0) {
    return { verdict: "attention", summary: `${silent} of ${tags.total} tags have no current value` };
  }
  if (tags.waiting > 0 && tags.good === 0) {
    return { verdict: "attention", summary: "Connected, waiting for the first values" };
  }
  const rest = tags.waiting > 0 ? `, ${tags.waiting} wait for their first value` : "";
  return { verdict: "ok", summary: `All is well: ${tags.good} tags are current${rest}` };
}

function sentence(faults: readonly ActiveFault[]): string {
  const [first, ...others] = faults;
  if (first === undefined) return "";
  const text = first.subject === "" ? first.title : `${first.title} (${first.subject})`;
  return others.length === 0 ? text : `${text}, and ${others.length} more`;
}
