import type { Problem } from "../config/finding.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import type { Exposure } from "./exposure.ts";
import { exposuresOf } from "./listeners.ts";
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
  return {
    findings: policyRules.flatMap(({ id, check }) => [...check(config, facts)].map((hit) => ({ rule: id, ...hit }))),
    exposures: exposuresOf(config, facts.controlSocket),
  };
}
