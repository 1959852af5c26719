import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { isLoopback, isWildcard, parseEndpoint } from "../config/address.ts";
import { LineSplitter } from "./line_splitter.ts";
import type { AnswerLine } from "./wire.ts";

/** Where and how to reach a gateway. */
export interface ControlClientOptions {
  /** `unix://path`, `tcp://host:port` or `tls://host:port`. A wildcard address is reached through loopback. */
  readonly endpoint: string;
  /** Shown at once; the connection is of no use to anybody when it is refused. */
  readonly token?: string | undefined;
  /**
   * How the gateway proves itself on TCP: by a CA (PEM), by the SHA-256 fingerprint of its certificate (hex, colons do not
   * matter), by the CAs of this system when neither is given, or not at all. `null` or nothing: plain text, except for
   * `tls://`.
   */
  readonly tls?: {
    readonly ca?: string | undefined;
    readonly fingerprint?: string | undefined;
    readonly insecure?: boolean | undefined;
  } | null;
  /** Time for the connection and the token, ms. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A connection to a gateway. */
export interface ControlClient {
  /** Whether it can still be used. */
  readonly connected: boolean;
  /** The operation's result. Rejects with {@link ControlRefusal} or {@link ControlUnreachable}. */
  call(name: string, params?: unknown): Promise<unknown>;
  /** The operation's items, until the signal is aborted (ends quietly) or the stream ends. Throws as `call` rejects. */
  stream(name: string, params?: unknown, signal?: AbortSignal): AsyncIterable<unknown>;
  close(): void;
}

/** The gateway answered and refused. */
export class ControlRefusal extends Error {
  override readonly name = "ControlRefusal";

  constructor(
    /** As in `operations/operation.ts`. */
    readonly code: string,
    message: string,
    readonly auditId: string | null,
    readonly more: {
      readonly field?: string | undefined;
      readonly fix?: string | undefined;
      readonly retryAfterMs?: number | undefined;
      readonly details?: unknown;
    } = {},
  ) {
    super(message);
  }
}

/** Nobody answers, the connection broke, or the peer is not the gateway that it should be. */
export class ControlUnreachable extends Error {
  override readonly name = "ControlUnreachable";
}

/** An answer holds at most 16 MiB of text; a character takes at most three bytes in UTF-8. */
const MAX_ANSWER_BYTES = 50_331_648;
/** Items of a stream that wait for their reader before the connection is no longer read. */
const MAX_WAITING_ITEMS = 1024;

/** Connects, and shows the token when there is one. Rejects with {@link ControlRefusal} or {@link ControlUnreachable}. */
export async function connectControl(options: ControlClientOptions): Promise<ControlClient> {
  const { endpoint, token, timeoutMs = 10_000, signal } = options;
  const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
  const socket = await open(options, deadline);
  const connection = new ClientConnection(socket, endpoint);
  const giveUp = () => connection.fail(`Cannot talk to ${endpoint}: no answer within ${timeoutMs} ms`);
  deadline.addEventListener("abort", giveUp, { once: true });
  try {
    if (token !== undefined) await connection.authenticate(token);
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    deadline.removeEventListener("abort", giveUp);
  }
  return connection;
}

async function open({ endpoint, tls = null }: ControlClientOptions, deadline: AbortSignal): Promise<Socket> {
  const encrypted = endpoint.startsWith("tls://");
  const address = parseEndpoint(encrypted ? `tcp://${endpoint.slice("tls://".length)}` : endpoint);
  if (address === null) {
    throw new ControlUnreachable(
      `Cannot connect as the endpoint must be unix://path, tcp://host:port or tls://host:port: current value is ${endpoint}`,
    );
  }
  if (address.kind === "unix") {
    const socket = connectPlain({ path: address.path });
    await opened(socket, "connect", endpoint, deadline);
    return socket;
  }
  const { port } = address;
  const host = isWildcard(address.host) ? (address.host.includes(":") ? "::1" : "127.0.0.1") : address.host;
  if (!encrypted && tls === null) {
    const socket = connectPlain({ host, port });
    await opened(socket, "connect", endpoint, deadline);
    return socket;
  }
  const { ca, fingerprint, insecure = false } = tls ?? {};
  const trust = fingerprint === undefined && !insecure;
  const socket = connectTls({
    host,
    port,
    minVersion: "TLSv1.2",
    rejectUnauthorized: trust,
    ...(ca === undefined ? {} : { ca }),
    // a certificate need not name loopback addresses: who answers there is this machine
    ...(trust && isLoopback(host) && ca !== undefined ? { checkServerIdentity: () => undefined } : {}),
  });
  await opened(socket, "secureConnect", endpoint, deadline);
  if (fingerprint !== undefined) {
    const shown = (socket as TLSSocket).getPeerCertificate().fingerprint256;
    if (plainHex(shown) !== plainHex(fingerprint)) {
      socket.destroy();
      throw new ControlUnreachable(
        `Cannot trust ${endpoint}: its certificate has the fingerprint ${shown} and not ${fingerprint}`,
      );
    }
  }
  return socket;
}

function opened(socket: Socket, event: "connect" | "secureConnect", endpoint: string, deadline: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const settle = (error: ControlUnreachable | null) => {
      deadline.removeEventListener("abort", late);
      socket.removeListener("close", closed);
      if (error === null) return resolve();
      socket.destroy();
      reject(error);
    };
    const cannot = (why: string) => settle(new ControlUnreachable(`Cannot connect to ${endpoint}: ${why}`));
    const late = () => cannot("no answer in time");
    const closed = () => cannot("the connection was closed");
    // stays for the life of the socket: an error without a listener would end the process
    socket.on("error", (error) => cannot(reasonOf(error)));
    socket.once("close", closed);
    socket.once(event, () => settle(null));
    deadline.addEventListener("abort", late, { once: true });
    if (deadline.aborted) late();
  });
}

function reasonOf(error: Error): string {
  const { code } = error as { code?: unknown };
  if (code === "ENOENT") return "there is no such socket; is it running?";
  if (code === "ECONNREFUSED") return "nobody listens there; is it running?";
  if (code === "EACCES") return "permission denied; the socket is for its owner and group alone";
  // what OpenSSL and rustls say of a peer that answers a TLS greeting with something else
  if (/InvalidContentType|wrong version number/.test(error.message)) {
    return "it speaks plain text, not TLS; `--plain` says that you mean that";
  }
  if (/UnknownIssuer|SELF_SIGNED|self.signed|unable to (get|verify)/i.test(`${String(code)} ${error.message}`)) {
    return `its certificate is of no known CA; name the CA with --ca, or compare the fingerprint and name it with ` +
      `--fingerprint (${error.message})`;
  }
  return error.message;
}

function plainHex(fingerprint: string | undefined): string {
  return (fingerprint ?? "").replaceAll(/[:\s]/g, "").toUpperCase();
}

/** Somebody who waits for lines with one id. */
interface Waiting {
  readonly onLine: (line: AnswerLine) => void;
  readonly onEnd: (error: ControlUnreachable) => void;
}

class ClientConnection implements ControlClient {
  readonly #socket: Socket;
  readonly #endpoint: string;
  readonly #lines = new LineSplitter(MAX_ANSWER_BYTES);
  readonly #decoder = new TextDecoder();
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended: ControlUnreachable | null = null;
  /** What the gateway said before it hung up. */
  #notice: string | null = null;
  #paused = 0;

  constructor(socket: Socket, endpoint: string) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
    socket.once("close", () => this.fail(`Lost the connection to ${endpoint}`));
  }

  get connected(): boolean {
    return this.#ended === null;
  }

  async authenticate(token: string): Promise<void> {
    await this.#ask({ type: "auth", auth: token });
  }

  call(name: string, params: unknown = {}): Promise<unknown> {
    return this.#ask({ type: name, params });
  }

  async *stream(name: string, params: unknown = {}, signal?: AbortSignal): AsyncGenerator<unknown> {
    const queue: AnswerLine[] = [];
    let failure: ControlUnreachable | null = null;
    let wake = () => {};
    let holding = false;
    const id = this.#begin({ type: name, params }, {
      onLine: (line) => {
        queue.push(line);
        if (!holding && queue.length > MAX_WAITING_ITEMS) {
          holding = true;
          this.#pause();
        }
        wake();
      },
      onEnd: (error) => {
        failure = error;
        wake();
      },
    });
    let over = false;
    const stop = () => wake();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      while (signal?.aborted !== true) {
        const line = queue.shift();
        if (holding && queue.length === 0) {
          holding = false;
          this.#resume();
        }
        if (line !== undefined) {
          over = line.more !== true;
          if (!line.ok) throw refusal(line);
          if (over) return;
          if (line.result !== undefined) yield line.result;
        } else if (failure !== null) throw failure;
        else await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      if (holding) this.#resume();
      this.#waiting.delete(id);
      // the answers to this one, and the last line of the stream, find nobody waiting
      if (!over && this.#ended === null) this.#send({ id: this.#nextId++, type: "cancel", params: { id } });
    }
  }

  close(): void {
    this.fail(`The connection to ${this.#endpoint} was closed`);
  }

  /** Ends the connection and tells everybody who waits. */
  fail(message: string): void {
    if (this.#ended !== null) return;
    this.#ended = new ControlUnreachable(this.#notice === null ? message : `${message}: ${this.#notice}`);
    this.#socket.destroy();
    for (const { onEnd } of this.#waiting.values()) onEnd(this.#ended);
    this.#waiting.clear();
  }

  #ask(request: Readonly<Record<string, unknown>>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#begin(request, {
        onLine: (line) => {
          if (line.ok && line.more === true) return;
          this.#waiting.delete(id);
          if (line.ok) resolve(line.result);
          else reject(refusal(line));
        },
        onEnd: reject,
      });
    });
  }

  #begin(request: Readonly<Record<string, unknown>>, waiting: Waiting): number {
    const id = this.#nextId++;
    if (this.#ended !== null) {
      waiting.onEnd(this.#ended);
      return id;
    }
    this.#waiting.set(id, waiting);
    this.#send({ id, ...request });
    return id;
  }

  #send(line: Readonly<Record<string, unknown>>): void {
    this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  #read(chunk: Uint8Array): void {
    this.#lines.push(chunk);
    for (let line = this.#lines.next(); line !== null; line = this.#lines.next()) {
      if (line.kind === "too_long") return this.fail(`${this.#endpoint} sends more than an answer can hold`);
      const answer = this.#parse(line.bytes);
      if (answer === null) return this.fail(`${this.#endpoint} does not speak the control protocol`);
      if (typeof answer.id === "number") this.#waiting.get(answer.id)?.onLine(answer);
      else this.#notice = answer.error ?? null;
    }
  }

  #parse(bytes: Uint8Array): AnswerLine | null {
    try {
      const answer: unknown = JSON.parse(this.#decoder.decode(bytes));
      const usable = typeof answer === "object" && answer !== null && "ok" in answer && typeof answer.ok === "boolean";
      return usable ? answer as unknown as AnswerLine : null;
    } catch {
      return null;
    }
  }

  #pause(): void {
    if (this.#paused++ === 0) this.#socket.pause();
  }

  #resume(): void {
    if (--this.#paused === 0) this.#socket.resume();
  }
}

function refusal(line: AnswerLine): ControlRefusal {
  return new ControlRefusal(line.error_code ?? "internal", line.error ?? "The gateway refused", line.audit_id ?? null, {
    field: line.field,
    fix: line.fix,
    retryAfterMs: line.retry_after_ms,
    details: line.details,
  });
}
