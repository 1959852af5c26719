import { AgentFileError } from "../../agent/files/agent_file_error.ts";
import { HubRequestError } from "../../agent/hub_client/hub_requests.ts";
import { JoinRefused } from "../../agent/join/join_mesh.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { SecretError } from "../ask_secret.ts";
import { ExitCode } from "../exit_code.ts";
import { printError } from "../print.ts";
import { visible } from "../visible.ts";
import { AgentAnswerError } from "./ask_agent.ts";

/** Prints why a command of the agent failed, and gives the exit code. */
export function reportAgentFailure(error: unknown): number {
  printError(`${visible(error instanceof Error ? error.message : String(error))}\n`);
  if (error instanceof SecretError) return ExitCode.Usage;
  if (error instanceof AgentFileError || error instanceof JoinRefused) return ExitCode.LocalResource;
  if (error instanceof MeshError) return error.code === "E_TOKEN" ? ExitCode.Usage : ExitCode.Denied;
  if (error instanceof HubRequestError) {
    return error.code === "refused" || error.code === "wrong_pin" ? ExitCode.Denied : ExitCode.Unreachable;
  }
  if (error instanceof AgentAnswerError) {
    if (error.code === "not_running" || error.code === "silent" || error.code === "unreachable") {
      return ExitCode.Unreachable;
    }
    if (error.code === "bad_params") return ExitCode.Usage;
    return error.code === "failed" ? ExitCode.Failed : ExitCode.Denied;
  }
  return ExitCode.Failed;
}
