import {
  apiPaths,
  type EndpointReport,
  endpointReportSchema,
  formatStreamPosition,
  type Heartbeat,
  heartbeatSchema,
  type HubKeys,
  hubKeysSchema,
  type KeyReady,
  keyReadySchema,
  mailSchema,
  problemSchema,
  readBody,
  rotateCommitSchema,
  rotateSchema,
  type StreamPosition,
} from "../../mesh/api_messages.ts";
import { maxObjectBytes, maxRegisterBytes, maxStateBytes } from "../../mesh/constants.ts";
import { meshTimeUs, newNonce, sha256Hex } from "../../mesh/encoding.ts";
import { type Envelope, openEnvelope } from "../../mesh/envelope.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import type { SigningKey } from "../../mesh/keys.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { signRequest } from "../../mesh/request_signature.ts";
import { readObject } from "../../mesh/signed_object.ts";
import { maxStatementBytes } from "../../mesh/statements.ts";
import { EventLines } from "./event_lines.ts";
import type { HubClock } from "./hub_clock.ts";
import { type HttpAnswer, HubHttp } from "./hub_http.ts";
import { HubRequestError, type HubRequests } from "./hub_requests.ts";

/** Time for the answer to a request for the state, which may have 4 MiB, ms. */
const STATE_MS = 60_000;
/** A stream without a byte for so long is dead whatever its clock says, ms: ticks come every 30 s. */
const SILENT_MS = 90_000;

/** Whom a {@link HubClient} speaks for and to. */
export interface HubClientOptions {
  readonly url: string;
  readonly hub: HubId;
  readonly nodeId: NodeId;
  readonly identity: SigningKey;
  /** SHA-256 of the SPKI of each key that the hub may show, hex; asked for each connection. */
  readonly pins: () => readonly string[];
  /** The hub's signing key with an index; `null` for one that does not verify. */
  readonly keyOf: (index: number) => Uint8Array | null;
  /** Set by answers to {@link HubClient.time}. */
  readonly clock: HubClock;
  /** Default 90,000. */
  readonly silentMs?: number;
}

/** An open stream of events. */
export interface EventStream {
  /** What every envelope of this stream answers. */
  readonly nonce: string;
  /** Texts as they were sent, unchecked. Ends with a {@link HubRequestError} unless it was closed. */
  readonly texts: AsyncIterable<string>;
  close(): void;
}

/**
 * The agent's side of the hub's API: signs requests with the identity, in hub time. Envelopes that it hands over were
 * checked as far as `openEnvelope` does.
 */
export class HubClient implements HubRequests {
  readonly #options: HubClientOptions;
  readonly #http: HubHttp;

  constructor(options: HubClientOptions) {
    this.#options = options;
    this.#http = new HubHttp(options.url, options.pins);
  }

  /** Asks what time it is, and sets the clock by the answer. Rejects with a {@link HubRequestError} or MeshError. */
  async time(): Promise<void> {
    const nonce = newNonce();
    const text = await this.#timeText(nonce);
    const { hub, keyOf, clock } = this.#options;
    const envelope = openEnvelope(text, { hub, audience: null, keyOf, replyTo: nonce, maxBytes: maxObjectBytes });
    if (envelope.event.type !== "time") throw new MeshError("E_FORM", "The hub answered another question");
    clock.set(meshTimeUs(envelope.issued_at));
  }

  /** The whole state; epoch, sequence and age are still to be judged. Rejects as {@link time}. */
  async state(): Promise<Envelope> {
    const { hub, nodeId, keyOf } = this.#options;
    const path = apiPaths.state(nodeId);
    const { answer, nonce } = await this.#signed("GET", path, undefined, maxStateBytes, STATE_MS);
    return openEnvelope(textOf(answer), { hub, audience: nodeId, keyOf, replyTo: nonce, maxBytes: maxStateBytes });
  }

  /** Opens the stream of events, to go on after a position. */
  async events(after: StreamPosition, signal: AbortSignal): Promise<EventStream> {
    const { nodeId } = this.#options;
    const path = apiPaths.events(nodeId);
    const { header, nonce } = await this.#sign("GET", path, new Uint8Array());
    const { answer, close } = await this.#http.stream({
      method: "GET",
      path,
      headers: {
        authorization: header,
        accept: "text/event-stream",
        "last-event-id": formatStreamPosition(after),
      },
      signal,
    });
    if (answer.statusCode !== 200) {
      const parts: Uint8Array[] = [];
      let size = 0;
      try {
        for await (const part of answer) {
          size += (part as Uint8Array).length;
          if (size > 65_536) break;
          parts.push(part as Uint8Array);
        }
      } catch {
        // the status says enough
      } finally {
        close();
      }
      throw await this.#refusal({
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        body: Buffer.concat(parts),
      });
    }
    return { nonce, texts: textsOf(answer, close, this.#options.silentMs ?? SILENT_MS), close };
  }

  async heartbeat(beat: Heartbeat): Promise<void> {
    await this.#send("POST", apiPaths.heartbeat(this.#options.nodeId), heartbeatSchema.parse(beat));
  }

  async endpoints(report: EndpointReport): Promise<void> {
    await this.#send("PUT", apiPaths.endpoints(this.#options.nodeId), endpointReportSchema.parse(report));
  }

  async rotate(statement: string): Promise<void> {
    await this.#send("POST", apiPaths.rotate, rotateSchema.parse({ statement }));
  }

  async rotateCommit(statement_sha256: string): Promise<void> {
    await this.#send("POST", apiPaths.rotateCommit, rotateCommitSchema.parse({ statement_sha256 }));
  }

  async keyReady(about: KeyReady): Promise<void> {
    await this.#send("POST", apiPaths.keyReady(this.#options.nodeId), keyReadySchema.parse(about));
  }

  async mail(to: NodeId, message: string): Promise<void> {
    await this.#send("POST", apiPaths.mail(to), mailSchema.parse({ message }));
  }

  async deregister(): Promise<void> {
    await this.#send("POST", apiPaths.deregister(this.#options.nodeId), undefined);
  }

  async statement(sha256: string): Promise<string> {
    const { answer } = await this.#signed("GET", apiPaths.statement(sha256), undefined, maxStatementBytes);
    const text = textOf(answer);
    if (sha256Hex(text) !== sha256) throw new HubRequestError("bad_answer", "The hub sent another statement");
    return text;
  }

  async hubKeys(): Promise<HubKeys> {
    const { answer } = await this.#signed("GET", apiPaths.hubKeys, undefined, maxStateBytes);
    try {
      return readBody(hubKeysSchema, answer.body, maxStateBytes);
    } catch (error) {
      throw new HubRequestError("bad_answer", error instanceof Error ? error.message : String(error));
    }
  }

  /** The pins changed: connections made with those from before are not used again. */
  pinsChanged(): void {
    this.#http.renew();
  }

  /** Ends everything that is under way. */
  stop(): void {
    this.#http.stop();
  }

  async #send(method: "POST" | "PUT", path: string, body: unknown): Promise<void> {
    const bytes = body === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(body));
    await this.#signed(method, path, bytes, 65_536);
  }

  /** Signs, sends, and takes any answer of 2xx. A refusal for the time in it is tried again once with the hub's. */
  async #signed(
    method: "GET" | "POST" | "PUT",
    path: string,
    body: Uint8Array | undefined,
    maxBytes: number,
    timeoutMs?: number,
  ): Promise<{ readonly answer: HttpAnswer; readonly nonce: string }> {
    for (let attempt = 0;; attempt++) {
      const { header, nonce } = await this.#sign(method, path, body ?? new Uint8Array());
      const answer = await this.#http.exchange({
        method,
        path,
        headers: { authorization: header, ...body === undefined ? {} : { "content-type": "application/json" } },
        ...body === undefined ? {} : { body },
        maxBytes,
        ...timeoutMs === undefined ? {} : { timeoutMs },
      });
      if (answer.status >= 200 && answer.status < 300) return { answer, nonce };
      const refusal = await this.#refusal(answer);
      if (attempt > 0 || refusal.problem !== "clock_off") throw refusal;
      // #refusal has asked for the time
    }
  }

  async #sign(method: string, path: string, body: Uint8Array): Promise<{ header: string; nonce: string }> {
    const { nodeId, hub, identity, clock } = this.#options;
    const nowUs = clock.nowUs() ?? await this.#claimedTime(path);
    return await signRequest({ nodeId, hub, method, path, body, nowUs, key: identity });
  }

  /**
   * The time for a request while the clock is not set. When the hub's answer was signed with a key that is not known yet
   * (also one with the number of a known key, which whoever stole that one's predecessor linked), its time is believed for
   * one request only: the one for the links and recoveries that make the key known.
   */
  async #claimedTime(path: string): Promise<number> {
    const { clock } = this.#options;
    try {
      await this.time();
      return clock.nowUs() ?? 0;
    } catch (error) {
      const isUnknownKey = error instanceof MeshError && (error.code === "E_KEY" || error.code === "E_SIGNATURE");
      if (!isUnknownKey || path !== apiPaths.hubKeys) throw error;
      return meshTimeUs(readObject("ek.event", await this.#timeText(newNonce())).issued_at);
    }
  }

  async #timeText(nonce: string): Promise<string> {
    const answer = await this.#http.exchange({ method: "GET", path: apiPaths.time(nonce), maxBytes: 65_536 });
    if (answer.status !== 200) throw await this.#refusal(answer, false);
    return textOf(answer);
  }

  async #refusal(answer: HttpAnswer, mayAskTime = true): Promise<HubRequestError> {
    const refusal = refusalOf(answer);
    if (mayAskTime && refusal.problem === "clock_off") {
      await this.time().catch(() => {
        // the refusal stands
      });
    }
    return refusal;
  }
}

/**
 * Sends a registration, unsigned but for what is in it, and gives the text of the answer. Rejects with a
 * {@link HubRequestError}.
 */
export async function sendRegistration(
  { url, pins, text, signal }: {
    readonly url: string;
    readonly pins: readonly string[];
    readonly text: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  const http = new HubHttp(url, () => pins);
  try {
    const body = new TextEncoder().encode(text);
    if (body.length > maxRegisterBytes) throw new RangeError(`Cannot register with a request of ${body.length} bytes`);
    const answer = await http.exchange({
      method: "POST",
      path: apiPaths.register,
      headers: { "content-type": "application/json" },
      body,
      maxBytes: maxObjectBytes,
      signal,
    });
    if (answer.status !== 200) throw refusalOf(answer);
    return textOf(answer);
  } finally {
    http.stop();
  }
}

function refusalOf({ status, headers, body }: HttpAnswer): HubRequestError {
  let problem: { readonly code: string; readonly title: string; readonly detail?: string | undefined } | null = null;
  try {
    problem = readBody(problemSchema, body, 65_536);
  } catch {
    // the status alone
  }
  const retry = Number(headers["retry-after"]);
  const words = problem === null ? "" : `: ${printable(problem.detail ?? problem.title)}`;
  return new HubRequestError(
    status >= 400 && status < 600 ? "refused" : "bad_answer",
    `The hub refused with status ${status}${words}`,
    status,
    problem?.code ?? null,
    Number.isFinite(retry) && retry > 0 ? Math.min(retry, 3600) * 1000 : null,
  );
}

/** What a hub says may end in a terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?").slice(0, 500);
}

function textOf({ body }: HttpAnswer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new HubRequestError("bad_answer", "The hub's answer is not UTF-8");
  }
}

async function* textsOf(
  answer: AsyncIterable<unknown> & { destroy(error?: Error): unknown },
  close: () => void,
  silentMs: number,
): AsyncGenerator<string> {
  const lines = new EventLines(maxStateBytes + 64);
  let silent = false;
  const giveUp = () => {
    silent = true;
    close();
  };
  let timer = setTimeout(giveUp, silentMs);
  try {
    for await (const part of answer) {
      clearTimeout(timer);
      for (const text of lines.push(part as Uint8Array)) yield text;
      timer = setTimeout(giveUp, silentMs);
    }
  } catch (error) {
    if (error instanceof HubRequestError) throw error;
    if (!silent) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new HubRequestError("unreachable", `The stream of events broke: ${reason}`);
    }
  } finally {
    clearTimeout(timer);
    close();
  }
  throw silent
    ? new HubRequestError("timeout", `The hub's stream was silent for ${silentMs / 1000} s`)
    : new HubRequestError("unreachable", "The hub ended the stream of events");
}
