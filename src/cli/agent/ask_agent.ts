import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";

/** Longest answer, bytes: a mesh of a thousand peers takes half a megabyte. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The agent refused, or is not there; the message is for people. */
export class AgentAnswerError extends Error {
  override readonly name = "AgentAnswerError";

  constructor(
    /** `not_running`, `not_permitted`, `silent`, or the agent's code. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Asks the agent that runs with this folder, and gives its answer.
 *
 * @throws {AgentAnswerError}
 */
export async function askAgent(
  dir: string,
  type: string,
  params: Readonly<Record<string, unknown>> = {},
  timeoutMs = 30_000,
): Promise<unknown> {
  const line = await exchange(join(dir, "agent.sock"), JSON.stringify({ ...params, type }), timeoutMs);
  const answer = JSON.parse(line) as { ok: boolean; result?: unknown; code?: string; error?: string };
  if (answer.ok) return answer.result;
  throw new AgentAnswerError(answer.code ?? "failed", answer.error ?? "The agent refused");
}

function exchange(path: string, line: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const parts: Uint8Array[] = [];
    let size = 0;
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const fail = (code: string, message: string) => end(() => reject(new AgentAnswerError(code, message)));
    const timer = setTimeout(() => fail("silent", `The agent did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    socket.on("error", (error) => {
      const { code } = error as { code?: unknown };
      if (code === "EACCES" || code === "EPERM") {
        return fail("not_permitted", `Only the user that the agent runs as, usually root, may ask it (${path})`);
      }
      if (code === "ENOENT" || code === "ECONNREFUSED") {
        return fail("not_running", notRunning(path));
      }
      fail("not_running", `Cannot ask the agent at ${path}: ${error.message}`);
    });
    socket.on("connect", () => socket.write(`${line}\n`));
    socket.on("data", (part: Uint8Array) => {
      size += part.length;
      if (size > MOST_BYTES) return fail("failed", "The agent's answer is too long");
      parts.push(part);
      if (part.at(-1) === 0x0a) end(() => resolve(new TextDecoder().decode(Buffer.concat(parts))));
    });
    socket.on("close", () => fail("not_running", "The agent hung up"));
  });
}

function notRunning(path: string): string {
  return existsSync(join(dirname(path), "trust.json"))
    ? `No agent answers at ${path}: start it with systemctl start edgekeep-agent, or edgekeep agent run`
    : "This machine is no node of a mesh: edgekeep agent join makes it one, with a token of the hub (edgekeep hub token create)";
}
