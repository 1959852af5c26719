import assert from "node:assert/strict";
import { connect } from "node:net";
import { AgentAnswerError, askAgent } from "../cli/agent/ask_agent.ts";
import { startAgentSocket } from "./agent_socket.ts";

async function withSocket(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-socket-" });
  const socket = await startAgentSocket(`${dir}/agent.sock`, (type, params) =>
    Promise.resolve(
      type === "echo"
        ? { ok: true, result: params }
        : { ok: false, code: "not_found", error: "The agent knows no such question" },
    ));
  try {
    await work(dir);
  } finally {
    await socket.stop();
    await Deno.remove(dir, { recursive: true });
  }
}

const refusedAs = (code: string) => (error: unknown) => error instanceof AgentAnswerError && error.code === code;

Deno.test("the command line asks the agent, on a socket that its owner alone can open", () =>
  withSocket(async (dir) => {
    assert.equal(((await Deno.stat(`${dir}/agent.sock`)).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(await askAgent(dir, "echo", { port: 4840 }), { port: 4840 });
    await assert.rejects(askAgent(dir, "nothing"), refusedAs("not_found"));
  }));

Deno.test("where no agent runs, the command line says so", async () => {
  await assert.rejects(askAgent("/nonexistent", "status"), refusedAs("not_running"));
});

Deno.test("lines that are no questions are answered as such, and the next one is answered", () =>
  withSocket(async (dir) => {
    const socket = connect({ path: `${dir}/agent.sock` });
    socket.write(`not json\n[]\n{}\n${"x".repeat(70_000)}\n{"type":"echo","n":1}\n`);
    let text = "";
    for await (const part of socket) {
      text += new TextDecoder().decode(part as Uint8Array);
      if (text.split("\n").length > 5) break;
    }
    const answers = text.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(answers.map(({ code, result }) => code ?? result), [
      "bad_line",
      "bad_line",
      "bad_line",
      "too_long",
      { n: 1 },
    ]);
  }));
