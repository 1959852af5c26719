import { controlRules } from "./control_rules.ts";
import { meshRules } from "./mesh_rules.ts";
import { listenerRules } from "./listener_rules.ts";
import { opcuaRules } from "./opcua_rules.ts";
import { tlsRules } from "./tls_rules.ts";
import type { KeyPath } from "../config/key_path.ts";
import type { Severity } from "../config/finding.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import type { PolicyFacts } from "./policy_facts.ts";

/** Something that makes a configuration unsafe or one of its security keys useless. Looks only at what is there. */
export interface PolicyRule {
  /** Stable; people and scripts refer to it. */
  readonly id: string;
  readonly check: (config: Draft<Config>, facts: PolicyFacts) => Iterable<PolicyHit>;
}

/** Where a rule is broken. Texts never hold a secret. */
export interface PolicyHit {
  readonly severity: Severity;
  readonly at: KeyPath;
  readonly text: string;
  readonly fix: string;
}

/** Every rule, each with its own id. */
export const policyRules: readonly PolicyRule[] = [
  ...listenerRules,
  ...tlsRules,
  ...controlRules,
  ...opcuaRules,
  ...meshRules,
];
