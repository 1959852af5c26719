import { alarmRules } from "./alarm_rules.ts";
import { commandRules } from "./command_rules.ts";
import type { Problem, Severity } from "./finding.ts";
import type { KeyPath } from "./key_path.ts";
import { meshRules } from "./mesh_rules.ts";
import { networkRules } from "./network_rules.ts";
import type { Draft } from "./salvage.ts";
import type { Config } from "./schema.ts";
import { storageRules } from "./storage_rules.ts";
import { topologyRules } from "./topology_rules.ts";

/** Something that the schema cannot say of one key alone. Pure; looks only at what is there. */
export interface Rule {
  /** Stable; people and scripts refer to it. */
  readonly id: string;
  readonly severity: Severity;
  readonly check: (config: Draft<Config>) => Iterable<Hit>;
}

/** Where a rule is broken. Texts never hold a secret. */
export interface Hit {
  readonly at: KeyPath;
  readonly text: string;
  readonly fix: string;
}

/** Every rule, each with its own id. */
export const rules: readonly Rule[] = [
  ...topologyRules,
  ...commandRules,
  ...alarmRules,
  ...networkRules,
  ...storageRules,
  ...meshRules,
];

/** What the rules find in a configuration, or in the valid parts of one. */
export function checkRules(config: Draft<Config>): Problem[] {
  return rules.flatMap(({ id, severity, check }) => [...check(config)].map((hit) => ({ rule: id, severity, ...hit })));
}
