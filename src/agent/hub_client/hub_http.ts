import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import type { TLSSocket } from "node:tls";
import { maxRequestBytes } from "../../mesh/constants.ts";
import { connectPinned } from "./pinned_socket.ts";
import { HubRequestError } from "./hub_requests.ts";

/** Time until a connection is there and its pin was checked, ms. */
const CONNECT_MS = 10_000;
/** Time for a whole exchange unless it says otherwise, ms. */
const EXCHANGE_MS = 20_000;
/** A connection without a request for so long is closed, ms: a little more than two heartbeats are apart. */
const IDLE_MS = 45_000;

/** What is sent. */
export interface HttpWish {
  readonly method: "GET" | "POST" | "PUT";
  /** Path with query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Most bytes of the answer's body. Default 256 KiB. */
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** As sent, of a bounded number and size: what node:http lets pass. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** The start of an answer that goes on. */
export interface HttpStream {
  readonly answer: IncomingMessage;
  /** Ends it; whoever reads the answer sees it end or fail. */
  close(): void;
}

/**
 * HTTP/1.1 to one hub over connections whose pin was checked. At most one connection is kept for requests; a stream has
 * one of its own. Rejections are {@link HubRequestError}s.
 */
export class HubHttp {
  readonly #url: string;
  readonly #pins: () => readonly string[];
  readonly #connectMs: number;
  readonly #ending = new AbortController();
  #agent: PinnedAgent;

  /** @param pins asked anew for each connection */
  constructor(url: string, pins: () => readonly string[], connectMs = CONNECT_MS) {
    this.#url = url;
    this.#pins = pins;
    this.#connectMs = connectMs;
    this.#agent = this.#newAgent();
  }

  /** Sends a request and reads its answer. */
  exchange(wish: HttpWish): Promise<HttpAnswer> {
    const { maxBytes = maxRequestBytes, timeoutMs = EXCHANGE_MS } = wish;
    return new Promise((resolve, reject) => {
      const sent = this.#request(wish, this.#agent);
      const ends = endings(wish, this.#ending.signal, timeoutMs, (error) => {
        reject(error);
        sent.destroy();
      });
      sent.once("error", (error) => ends.fail(asRequestError(error, this.#url)));
      sent.once("response", (answer) => {
        const parts: Uint8Array[] = [];
        let size = 0;
        answer.on("data", (part: Uint8Array) => {
          size += part.length;
          if (size > maxBytes) {
            return ends.fail(new HubRequestError("bad_answer", `The hub's answer has more than ${maxBytes} bytes`));
          }
          parts.push(part);
        });
        answer.once("error", (error) => ends.fail(asRequestError(error, this.#url)));
        answer.once("close", () => ends.fail(new HubRequestError("unreachable", "The hub hung up within its answer")));
        answer.once("end", () => {
          if (!ends.settle()) return;
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) });
        });
      });
      sent.end(wish.body);
    });
  }

  /** Sends a request and hands over its answer as soon as it begins. */
  async stream(wish: HttpWish): Promise<HttpStream> {
    const { timeoutMs = EXCHANGE_MS, signal } = wish;
    const socket = await this.#connect(signal);
    return await new Promise((resolve, reject) => {
      const sent = this.#request(wish, undefined, socket);
      const close = () => {
        this.#ending.signal.removeEventListener("abort", close);
        signal?.removeEventListener("abort", close);
        sent.destroy();
        socket.destroy();
      };
      const ends = endings(wish, this.#ending.signal, timeoutMs, (error) => {
        reject(error);
        close();
      });
      sent.on("error", (error) => ends.fail(asRequestError(error, this.#url)));
      sent.once("response", (answer) => {
        if (!ends.settle()) return;
        this.#ending.signal.addEventListener("abort", close, { once: true });
        signal?.addEventListener("abort", close, { once: true });
        answer.once("close", close);
        // who reads it learns of an error there; until then nobody else does
        answer.on("error", () => {});
        resolve({ answer, close });
      });
      sent.end();
    });
  }

  /** Has the next request make a connection of its own: the pins may have changed. */
  renew(): void {
    const before = this.#agent;
    this.#agent = this.#newAgent();
    before.destroy();
  }

  /** Ends everything that is under way. */
  stop(): void {
    this.#ending.abort();
    this.#agent.destroy();
  }

  #newAgent(): PinnedAgent {
    return new PinnedAgent(() => this.#connect());
  }

  #connect(signal?: AbortSignal): Promise<TLSSocket> {
    const ends = this.#ending.signal;
    return connectPinned({
      url: this.#url,
      pins: this.#pins(),
      timeoutMs: this.#connectMs,
      signal: signal === undefined ? ends : AbortSignal.any([ends, signal]),
    });
  }

  #request({ method, path, headers = {}, body }: HttpWish, agent?: Agent, socket?: TLSSocket): ClientRequest {
    const { host, hostname, port } = new URL(this.#url);
    return request({
      method,
      path,
      host: hostname,
      port: port === "" ? 443 : Number(port),
      maxHeaderSize: 16_384,
      headers: {
        host,
        "accept-encoding": "identity",
        "user-agent": "edgekeep-agent",
        ...body === undefined ? {} : { "content-length": String(body.length) },
        ...headers,
      },
      ...agent === undefined ? {} : { agent },
      ...socket === undefined ? {} : { createConnection: () => socket },
    });
  }
}

/** Makes checked connections for requests that follow each other. */
class PinnedAgent extends Agent {
  readonly #connect: () => Promise<TLSSocket>;

  constructor(connect: () => Promise<TLSSocket>) {
    super({ keepAlive: true, maxSockets: 2, maxFreeSockets: 1, timeout: IDLE_MS });
    this.#connect = connect;
  }

  override createConnection(...[, done]: Parameters<Agent["createConnection"]>): ReturnType<Agent["createConnection"]> {
    const failed = done as ((error: Error) => void) | undefined;
    this.#connect().then((socket) => done?.(null, socket), (error: Error) => failed?.(error));
    // the callback brings the connection: what is returned at once would be used unchecked
    return undefined as unknown as ReturnType<Agent["createConnection"]>;
  }
}

/** The one end that a request comes to: what happens first counts. */
function endings(
  { signal }: HttpWish,
  ending: AbortSignal,
  timeoutMs: number,
  failed: (error: HubRequestError) => void,
): { fail(error: HubRequestError): void; settle(): boolean } {
  let settled = false;
  const settle = () => {
    if (settled) return false;
    settled = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", aborted);
    ending.removeEventListener("abort", aborted);
    return true;
  };
  const fail = (error: HubRequestError) => {
    if (settle()) failed(error);
  };
  const aborted = () => fail(new HubRequestError("unreachable", "Given up"));
  const timer = setTimeout(() => {
    fail(new HubRequestError("timeout", `The hub did not answer within ${timeoutMs / 1000} s`));
  }, timeoutMs);
  signal?.addEventListener("abort", aborted, { once: true });
  ending.addEventListener("abort", aborted, { once: true });
  if (ending.aborted || signal?.aborted === true) queueMicrotask(aborted);
  return { fail, settle };
}

function asRequestError(error: Error, url: string): HubRequestError {
  return error instanceof HubRequestError
    ? error
    : new HubRequestError("unreachable", `The connection to ${url} broke: ${error.message}`);
}
