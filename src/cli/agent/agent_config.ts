import { loadConfigHere } from "../../config/load_here.ts";
import { agentSchema } from "../../config/mesh_schema.ts";
import type { AgentConfig, Config } from "../../config/schema.ts";
import { configSchema } from "../../config/schema.ts";
import type { ConfigChoice } from "../config_or_exit.ts";
import { findingsText } from "../findings_report.ts";
import { printError } from "../print.ts";

/** What the agent's commands go by. */
export interface AgentSettings {
  readonly agent: AgentConfig;
  readonly logging: Config["logging"];
}

/**
 * The section `[agent]` of the configuration, or its defaults: an agent needs no configuration of its own. `null` after
 * everything that is wrong with the file was printed.
 */
export async function agentSettings(choice: ConfigChoice): Promise<AgentSettings | null> {
  const result = await loadConfigHere({ path: choice.config, project: choice.project });
  if (result.ok) return { agent: result.config.agent ?? agentSchema.parse({}), logging: result.config.logging };
  const nowhere = choice.config === undefined && choice.project === undefined && !Deno.env.get("EDGEKEEP_CONFIG") &&
    result.findings.every(({ rule }) => rule === "config_not_found");
  if (nowhere) return { agent: agentSchema.parse({}), logging: configSchema.parse({}).logging };
  // what is unwise for a gateway is not the agent's matter
  printError(findingsText({ ...result, findings: result.findings.filter(({ severity }) => severity === "error") }));
  return null;
}
