import { createServer, type Socket } from "node:net";
import { LineSplitter } from "../control/line_splitter.ts";
import { listenUnix } from "../control/unix_socket.ts";

/** Longest question, bytes. */
const MOST_LINE_BYTES = 65_536;
const MOST_CONNECTIONS = 16;
/** A connection without a question for so long is closed, ms. */
const IDLE_MS = 60_000;

/** What came of a question. */
export type AgentAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly error: string };

/** Answers one question. Must not reject. */
export type AgentAnswerer = (type: string, params: Readonly<Record<string, unknown>>) => Promise<AgentAnswer>;

/** The agent's socket. */
export interface AgentSocket {
  /** `unix:///…` */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Answers the command line of this machine on a unix socket that its owner alone can open: one JSON object a line,
 * `{"type", …}`, answered by one line each, in order.
 */
export async function startAgentSocket(path: string, answer: AgentAnswerer): Promise<AgentSocket> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    if (sockets.size >= MOST_CONNECTIONS) return void socket.destroy();
    sockets.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    void serve(socket, answer).catch(() => socket.destroy());
  });
  const place = await listenUnix(server, path, undefined);
  return {
    url: `unix://${path}`,
    async stop() {
      await place.remove();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function serve(socket: Socket, answer: AgentAnswerer): Promise<void> {
  const lines = new LineSplitter(MOST_LINE_BYTES);
  for await (const chunk of socket) {
    lines.push(chunk as Uint8Array);
    for (let line = lines.next(); line !== null; line = lines.next()) {
      const said = line.kind === "line"
        ? await answerLine(line.bytes, answer)
        : { ok: false, code: "too_long", error: `A question has at most ${MOST_LINE_BYTES} bytes` };
      if (!socket.write(`${JSON.stringify(said)}\n`)) {
        await new Promise<void>((resolve) => {
          socket.once("drain", resolve);
          socket.once("close", () => resolve());
        });
      }
    }
  }
}

async function answerLine(bytes: Uint8Array, answer: AgentAnswerer): Promise<AgentAnswer> {
  let question: unknown;
  try {
    question = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { ok: false, code: "bad_line", error: "The line is not JSON" };
  }
  if (typeof question !== "object" || question === null || Array.isArray(question)) {
    return { ok: false, code: "bad_line", error: "The line is not a JSON object" };
  }
  const { type, ...params } = question as Record<string, unknown>;
  if (typeof type !== "string") return { ok: false, code: "bad_line", error: "'type' is missing" };
  return await answer(type, params);
}
