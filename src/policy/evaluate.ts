import type { Problem } from "../config/finding.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import type { Exposure } from "./exposure.ts";
import { sectionsOf } from "./configured_role.ts";
import { exposuresOf } from "./listeners.ts";
import { meshExposuresOf } from "./mesh_listeners.ts";
import { meshRules } from "./mesh_rules.ts";
import type { PolicyFacts } from "./policy_facts.ts";
import { policyRules } from "./rules.ts";

/** What the policy says of a configuration. */
export interface Evaluation {
  readonly findings: Problem[];
  readonly exposures: Exposure[];
}

/**
 * Judges a configuration, or the valid parts of one: who can reach what with how it is protected, and what is wrong with
 * that. Pure and total; the same function serves `edgekeep validate`, start, reload and edits.
 */
export function evaluate(config: Draft<Config>, facts: PolicyFacts): Evaluation {
  const counts = sectionsOf(config, facts.role);
  return {
    findings: policyRules.flatMap((rule) =>
      // those of the mesh also look at what the role leaves unused
      [...rule.check(meshRules.includes(rule) ? config : counts, facts)].map((hit) => ({ rule: rule.id, ...hit }))
    ),
    exposures: [...meshExposuresOf(counts, facts.role), ...exposuresOf(counts, facts.controlSocket)],
  };
}
