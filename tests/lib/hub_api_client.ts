import { request } from "node:https";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { signRequest } from "../../src/mesh/request_signature.ts";
import type { HubId, NodeId } from "../../src/mesh/ids.ts";
import type { SigningKey } from "../../src/mesh/keys.ts";
import { hub as usualHub } from "./mesh_keys.ts";
import { waitFor } from "./wait_for.ts";

/** What a hub's API answered. */
export interface ApiAnswerSeen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** `code` of a problem document; null for another answer. */
  readonly code: string | null;
  /** Nonce of the request; empty for one that was not signed. */
  readonly nonce: string;
}

/** How a request is signed and sent; what is absent is as it should be. */
export interface AskOptions {
  readonly body?: Uint8Array | string;
  readonly headers?: Record<string, string>;
  /** Who signs; null for nobody. */
  readonly as?: { readonly nodeId: NodeId; readonly key: SigningKey } | null;
  /** What the signature says instead. */
  readonly signed?: {
    readonly nodeId?: NodeId;
    readonly hub?: HubId;
    readonly method?: string;
    readonly path?: string;
    readonly body?: Uint8Array;
    readonly nowUs?: number;
  };
  /** Sent instead of a signature of its own. */
  readonly authorization?: string;
  readonly localAddress?: string;
}

/** An agent's side of the API that can also do everything wrong. Each request has a connection of its own. */
export class HubApiClient {
  constructor(
    readonly port: number,
    readonly hub: HubId = usualHub,
    readonly nowUs: () => number = () => Date.now() * 1000,
  ) {}

  async ask(method: string, path: string, options: AskOptions = {}): Promise<ApiAnswerSeen> {
    const { incoming, nonce } = await this.#send(method, path, options);
    const parts: Uint8Array[] = [];
    for await (const part of incoming) parts.push(part as Uint8Array);
    const text = Buffer.concat(parts).toString();
    const isProblem = incoming.headers["content-type"] === "application/problem+json";
    return {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      text,
      code: isProblem ? JSON.parse(text).code : null,
      nonce,
    };
  }

  /** Opens a node's stream. */
  async stream(
    as: { readonly nodeId: NodeId; readonly key: SigningKey },
    lastEventId?: string,
    options: AskOptions = {},
  ): Promise<SeenStream> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const { incoming, nonce } = await this.#send("GET", `/v1/nodes/${as.nodeId}/events`, { as, headers, ...options });
    return new SeenStream(incoming, nonce);
  }

  /** The `Authorization` of a request. */
  async authorization(method: string, path: string, { as, body, signed = {} }: AskOptions) {
    if (as === null || as === undefined) return { header: undefined, nonce: "" };
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body ?? new Uint8Array();
    const usual = { nodeId: as.nodeId, hub: this.hub, method, path, body: bytes, nowUs: this.nowUs() };
    return await signRequest({ ...usual, ...signed, key: as.key });
  }

  async #send(method: string, path: string, options: AskOptions) {
    const { header, nonce } = await this.authorization(method, path, options);
    const authorization = options.authorization ?? header;
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request({
        host: "127.0.0.1",
        port: this.port,
        method,
        path,
        agent: false,
        rejectUnauthorized: false,
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(options.body === undefined ? {} : { "content-length": String(Buffer.byteLength(options.body)) }),
          ...options.headers,
        },
      }, resolve);
      outgoing.on("error", reject);
      outgoing.end(options.body);
    });
    return { incoming, nonce };
  }
}

/** A message of a stream. */
export interface SeenMessage {
  readonly id: string | null;
  /** Exact text of the envelope. */
  readonly text: string;
  readonly type: string;
  readonly epoch: number;
  readonly sequence: number;
}

/** An open stream that keeps what comes. */
export class SeenStream implements Disposable {
  readonly messages: SeenMessage[] = [];
  ended = false;
  /** What has come of the next message. */
  readonly #parts: string[] = [];

  constructor(readonly incoming: IncomingMessage, readonly nonce: string) {
    incoming.setEncoding("utf8");
    incoming.on("data", (part: string) => this.#take(part));
    incoming.on("error", () => {});
    incoming.on("close", () => this.ended = true);
    incoming.on("end", () => this.ended = true);
  }

  /** Events, ticks and states left out. */
  get events(): SeenMessage[] {
    return this.messages.filter(({ type }) => type !== "tick" && type !== "node_state");
  }

  /** Waits for so many messages. */
  async until(count: number): Promise<void> {
    await waitFor(`${count} messages, and not ${this.messages.length}`, () => this.messages.length >= count, {
      everyMs: 2,
      deadlineMs: 30_000,
    });
  }

  close(): void {
    this.incoming.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(part: string): void {
    // a state of megabytes comes in many parts, and is put together once
    const ends = part.includes("\n\n") || (part.startsWith("\n") && this.#parts.at(-1)?.endsWith("\n") === true);
    this.#parts.push(part);
    if (!ends) return;
    const messages = this.#parts.splice(0).join("").split("\n\n");
    const rest = messages.pop() ?? "";
    if (rest !== "") this.#parts.push(rest);
    for (const message of messages) {
      const lines = message.split("\n");
      const data = lines.filter((line) => line.startsWith("data: "));
      if (data.length !== 1) throw new Error(`A message has ${data.length} data lines`);
      const text = data[0]?.slice(6) ?? "";
      const { event_type, epoch, sequence } = JSON.parse(text);
      const id = lines.find((line) => line.startsWith("id: "))?.slice(4) ?? null;
      this.messages.push({ id, text, type: event_type, epoch, sequence });
    }
  }
}
