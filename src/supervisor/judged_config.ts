import type { LoadResult } from "../config/load.ts";
import { loadConfigHere } from "../config/load_here.ts";
import { type ConfiguredRole, roleOf, sectionsOf } from "../policy/configured_role.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { Exposure } from "../policy/exposure.ts";
import { gatherPolicyFacts } from "./policy_facts.ts";

/** Which configuration is judged. */
export interface JudgedChoice {
  /** The file; without it and without `project` the documented places are looked through. */
  readonly path?: string | undefined;
  /** A folder with edgekeep.toml or runtime.toml. */
  readonly project?: string | undefined;
  /** A proposed text that stands for what is in the file `path`, which is then only named and not read. */
  readonly text?: string | undefined;
  /** The role that is to run with it; unless told, the one that the file is for. */
  readonly role?: ConfiguredRole | undefined;
  /** Whether a gateway runs, or is to run, with it: what {@link survivable} names is a warning then. */
  readonly toRun?: boolean | undefined;
}

/**
 * Rules whose breach is an error for whoever checks a configuration, and no reason to leave a plant without its gateway:
 * after a power cut an appliance whose web certificate has meanwhile expired still serves OPC UA. The fault of the same
 * name says it on every surface.
 */
const survivable: ReadonlySet<string> = new Set(["tls_certificate_expired"]);

/** A configuration with everything that is known to be wrong with it, and who can reach what. */
export type JudgedConfig = LoadResult & {
  /** The role that it was judged for. */
  readonly role: ConfiguredRole;
  /** Of the valid parts when the configuration is refused; empty when it could not be read at all. */
  readonly exposures: readonly Exposure[];
};

/**
 * Loads a configuration as this process sees it and lets the policy judge it together with the schema and the rules: one
 * list of findings, each with its line. Whatever starts, reloads, edits or checks a configuration loads it here.
 */
export async function loadJudgedConfig({ toRun = false, ...choice }: JudgedChoice): Promise<JudgedConfig> {
  let exposures: readonly Exposure[] = [];
  let role = choice.role ?? "gateway";
  const result = await loadConfigHere({
    ...choice,
    counts: (valid) => sectionsOf(valid, role = choice.role ?? roleOf(valid)),
    judge: async (valid, directory) => {
      const evaluation = evaluate(valid, await gatherPolicyFacts(valid, role, directory, Date.now() * 1000));
      exposures = evaluation.exposures;
      return evaluation.findings.map((finding) =>
        toRun && survivable.has(finding.rule) ? { ...finding, severity: "warning" } : finding
      );
    },
  });
  return { ...result, role, exposures };
}
