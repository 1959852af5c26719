import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { AnswerLine } from "../../src/control/wire.ts";
import { waitFor } from "./wait_for.ts";

/** A peer of the control endpoint that sends whatever bytes a test wants and collects the lines that come back. */
export class ControlPeer {
  readonly lines: AnswerLine[] = [];
  readonly socket: Socket;
  closed = false;
  #rest = "";

  private constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new TextDecoder();
    socket.on("data", (chunk: Uint8Array) => {
      const parts = (this.#rest + decoder.decode(chunk, { stream: true })).split("\n");
      this.#rest = parts.pop() ?? "";
      for (const part of parts) this.lines.push(JSON.parse(part) as AnswerLine);
    });
    socket.on("error", () => {});
    socket.on("close", () => this.closed = true);
  }

  /** Connects to the URL of a control endpoint; TLS takes any certificate. */
  static async connect(url: string): Promise<ControlPeer> {
    const { host, port, path } = placeOf(url);
    const socket = path !== undefined
      ? connectPlain({ path })
      : url.startsWith("tls:")
      ? connectTls({ host, port, rejectUnauthorized: false })
      : connectPlain({ host: host ?? "", port: port ?? 0 });
    const peer = new ControlPeer(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once(url.startsWith("tls:") ? "secureConnect" : "connect", () => resolve());
      socket.once("close", () => reject(new Error("closed before it was connected")));
    });
    return peer;
  }

  /** Plain text to wherever the URL says. */
  static async connectPlain(url: string): Promise<ControlPeer> {
    return await ControlPeer.connect(url.replace(/^tls:/, "tcp:"));
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  sendLine(line: unknown): void {
    this.send(`${JSON.stringify(line)}\n`);
  }

  /** Sends a line and waits for the last line with its id. */
  async ask(line: { readonly id: string | number } & Readonly<Record<string, unknown>>): Promise<AnswerLine> {
    const known = this.lines.length;
    this.sendLine(line);
    return await this.next(`an answer to ${line.id}`, (answer) => answer.id === line.id && answer.more !== true, known);
  }

  /** Waits for a line, from the `from`th on, that fits. */
  async next(what: string, fits: (line: AnswerLine) => boolean, from = 0): Promise<AnswerLine> {
    return await waitFor(what, () => this.lines.slice(from).find(fits), { deadlineMs: 15_000, everyMs: 2 });
  }

  async untilClosed(deadlineMs = 15_000): Promise<void> {
    await waitFor("the connection to be closed", () => this.closed, { deadlineMs, everyMs: 5 });
  }

  close(): void {
    this.socket.destroy();
  }
}

function placeOf(url: string): { readonly host?: string; readonly port?: number; readonly path?: string } {
  if (url.startsWith("unix://")) return { path: url.slice("unix://".length) };
  const { hostname, port } = new URL(url.replace(/^(tcp|tls):/, "http:"));
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
