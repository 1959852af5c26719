import type { Socket } from "node:net";
import { getLogger } from "@logtape/logtape";
import type { Access } from "../access/access.ts";
import type { Origin, Principal } from "../access/principal.ts";
import type { Audit } from "../audit/audit.ts";
import type { Operations } from "../operations/operation.ts";
import { formatTimeOrNull } from "../telemetry/time_text.ts";
import { ActiveCalls } from "./active_calls.ts";
import type { ControlLimits } from "./limits.ts";
import { LineSplitter } from "./line_splitter.ts";
import { type AnswerLine, echoOf, isId, MAX_LINE_BYTES, readRequest, type Request } from "./wire.ts";

const log = getLogger(["edgekeep", "control"]);
/** Lines read in one go before other connections have their turn. */
const LINES_AT_ONCE = 32;
/** Time that a peer has to take a last line, ms. */
const GOODBYE_MS = 1_000;

/** What connections act on. */
export interface ConnectionParts {
  readonly operations: Operations;
  readonly access: Access;
  readonly audit: Audit;
  readonly limits: ControlLimits;
  readonly nowUs: () => number;
  /** Asked with the first line: whether there is a place for somebody who speaks. */
  readonly enter: () => boolean;
}

/**
 * One peer: reads its lines, answers each with one line (a stream with more), and keeps it within the limits. Whatever
 * the peer sends, only this connection is affected.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #origin: Origin;
  readonly #parts: ConnectionParts;
  readonly #lines = new LineSplitter(MAX_LINE_BYTES);
  readonly #calls: ActiveCalls;
  readonly #waiters = new Set<() => void>();
  #principal: Principal | null;
  #revoked: AbortSignal | null = null;
  #authFailures = 0;
  #warned = false;
  #ended = false;
  #inputEnded = false;
  #entered = false;
  #pumping = false;
  #pumpAgain: ReturnType<typeof setImmediate> | null = null;
  #goodbye: ReturnType<typeof setTimeout> | null = null;
  #activeMs = performance.now();
  #blockedSinceMs: number | null = null;
  #lastUsedUs: number | null = null;

  /** @param principal who the peer is without any token: `local` on a unix socket, else `null` */
  constructor(socket: Socket, origin: Origin, principal: Principal | null, parts: ConnectionParts) {
    this.#socket = socket;
    this.#origin = origin;
    this.#principal = principal;
    this.#parts = parts;
    this.#calls = new ActiveCalls({
      ...parts,
      send: (line) => this.#send(line),
      drained: (signal) => this.#drained(signal),
    });
    socket.on("error", () => this.destroy());
    socket.once("close", () => this.destroy());
    socket.on("drain", () => this.#onDrain());
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#ended) return;
      this.#lines.push(chunk);
      this.#pump();
    });
    socket.once("end", () => this.#onEnd());
  }

  /** Who it has shown to be; `null` for a stranger. */
  get principal(): Principal | null {
    return this.#revoked?.aborted === true ? null : this.#principal;
  }

  /** Whether it only reads why it is closed, or not even that. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it has sent a line and has a place. */
  get entered(): boolean {
    return this.#entered;
  }

  get busy(): boolean {
    return this.#calls.size > 0;
  }

  /** When it last did something, ms of `performance.now()`. */
  get activeMs(): number {
    return this.busy ? performance.now() : this.#activeMs;
  }

  /** When it last asked for something, µs. */
  get lastUsedUs(): number | null {
    return this.#lastUsedUs;
  }

  /** Closes it when it was idle, or did not take its answers, for too long. Called about every second. */
  sweep(nowMs: number): void {
    const { idleMs, stalledMs } = this.#parts.limits;
    if (this.#blockedSinceMs !== null && nowMs - this.#blockedSinceMs > stalledMs) this.destroy();
    else if (!this.busy && nowMs - this.#activeMs > idleMs) {
      this.hangUp("timeout", `Closed after ${idleMs / 1000} s without a request`);
    }
  }

  /** Says why and closes it; whoever does not take the last line is cut. */
  hangUp(code: "timeout" | "too_many" | "unauthenticated" | "too_large" | "unavailable", message: string): void {
    if (this.#ended) return;
    this.#end(`${JSON.stringify({ id: null, ok: false, error: message, error_code: code })}\n`);
  }

  /** Cuts it and ends what runs on it. */
  destroy(): void {
    this.#finish();
    if (this.#goodbye !== null) clearTimeout(this.#goodbye);
    this.#goodbye = null;
    this.#socket.destroy();
  }

  /** Settled when nothing runs on it any more. */
  async settled(): Promise<void> {
    await this.#calls.settled();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pumpAgain !== null) clearImmediate(this.#pumpAgain);
    this.#calls.abortAll();
    this.#wake();
  }

  #end(last: string): void {
    this.#finish();
    if (this.#socket.destroyed) return;
    this.#goodbye = setTimeout(() => this.destroy(), GOODBYE_MS);
    // what still comes in is thrown away: unread bytes would make the system drop the last line with the connection
    this.#socket.resume();
    this.#socket.end(last, () => {
      if (this.#inputEnded) this.destroy();
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let count = 0; !this.#ended; count++) {
        if (this.#blockedSinceMs !== null) return this.#rest();
        if (count === LINES_AT_ONCE) return this.#later();
        const line = this.#lines.next();
        if (line === null) break;
        this.#touch();
        if (!this.#entered && !this.#parts.enter()) {
          return this.hangUp("too_many", "All connections are in use: try again later");
        }
        this.#entered = true;
        if (line.kind === "too_long") this.#refuse(null, undefined, "too_large", "too_long", tooLong);
        else this.#read(line.bytes);
      }
      if (this.#ended) return;
      if (this.#lines.skippedBytes > this.#parts.limits.maxSkippedBytes) {
        return this.hangUp("too_large", "Closed as a line does not end");
      }
      this.#socket.resume();
    } finally {
      this.#pumping = false;
    }
  }

  #rest(): void {
    this.#socket.pause();
  }

  #later(): void {
    this.#socket.pause();
    this.#pumpAgain = setImmediate(() => {
      this.#pumpAgain = null;
      this.#pump();
    });
  }

  #touch(): void {
    this.#activeMs = performance.now();
  }

  #read(bytes: Uint8Array): void {
    const read = readRequest(bytes);
    if (!read.ok) return this.#refuse(read.id, read.requestId, "bad_request", read.reason, read.message, read.field);
    const { request } = read;
    const refuse = (reason: string, code: string, message: string, field?: string) =>
      this.#refuse(request.id, request.requestId, code, reason, message, field);
    if (this.#calls.has(request.id)) {
      return refuse("id_in_use", "bad_request", "A call with this id is still running", "id");
    }
    if (request.type === "cancel") return this.#cancel(request);
    const principal = this.#identify(request);
    if (principal === undefined) return;
    this.#lastUsedUs = this.#parts.nowUs();
    if (request.type === "auth") return this.#authenticate(request, principal);
    if (this.#calls.size >= this.#parts.limits.maxCalls) {
      const most = this.#parts.limits.maxCalls;
      return refuse("too_many_calls", "too_many", `At most ${most} calls run at once on a connection`);
    }
    this.#calls.start(request, {
      ...this.#origin,
      principal,
      ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
    }, () => {
      this.#touch();
      this.#leaveWhenDone();
    });
  }

  /** Who asks; `undefined` after the request was refused. */
  #identify(request: Request): Principal | null | undefined {
    const { access } = this.#parts;
    if (request.auth === undefined) {
      if (this.#revoked?.aborted !== true) return this.#principal;
      this.#failAuth(request, "revoked", undefined, "The token that this connection has shown is no longer valid");
      return undefined;
    }
    const proof = access.token(request.auth, this.#origin);
    if (proof.ok) return proof.principal;
    const throttled = proof.reason === "throttled";
    const message = throttled ? "Too many refused credentials: wait before the next" : "The token is not valid";
    this.#failAuth(request, proof.reason, throttled ? proof.retryAfterMs ?? 1000 : undefined, message);
    return undefined;
  }

  #failAuth(request: Request, reason: string, retryAfterMs: number | undefined, message: string): void {
    const { audit, limits } = this.#parts;
    const code = retryAfterMs === undefined ? "unauthenticated" : "throttled";
    const { address, transport } = this.#origin;
    const auditId = audit.record({
      event: "control_auth_failed",
      principal: null,
      role: null,
      credential: null,
      address,
      transport,
      operation: request.type,
      target: null,
      decision: "denied",
      rule: "credential",
      outcome: code,
      fields: { source_ip: address, reason, ...withRequestId(request.requestId) },
    });
    this.#warn("control_auth_failed", reason);
    this.#send({
      ...echoOf(request),
      ok: false,
      error: message,
      error_code: code,
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) }),
      ...recorded(auditId),
    });
    if (++this.#authFailures >= limits.maxAuthFailures) {
      this.hangUp("unauthenticated", `Closed after ${limits.maxAuthFailures} refused credentials`);
    }
  }

  #authenticate(request: Request, principal: Principal | null): void {
    if (request.auth === undefined || principal === null) {
      const message = "A line of type auth has a token in auth";
      return this.#refuse(request.id, request.requestId, "bad_request", "auth_missing", message, "auth");
    }
    this.#principal = principal;
    this.#revoked = principal.kind === "local" ? null : this.#parts.access.revoked(principal);
    const { name, role, kind, expiresUs } = principal;
    this.#send({ ...echoOf(request), ok: true, result: { name, role, kind, expires: formatTimeOrNull(expiresUs) } });
  }

  #cancel(request: Request): void {
    const wanted = (request.params as { readonly id?: unknown } | null)?.id;
    if (!isId(wanted)) {
      const message = "cancel needs params.id, the id of a call on this connection";
      return this.#refuse(request.id, request.requestId, "bad_params", "cancel_id", message, "params.id");
    }
    this.#send({ ...echoOf(request), ok: true, result: { cancelled: this.#calls.cancel(wanted) } });
  }

  /** Answers a line that does not get as far as an operation, and writes it down. */
  #refuse(
    id: AnswerLine["id"],
    requestId: string | undefined,
    code: string,
    reason: string,
    message: string,
    field?: string,
  ): void {
    const { address, transport } = this.#origin;
    const auditId = this.#parts.audit.record({
      event: "control_malformed",
      // nobody vouches for such a line; and the audit counts a flood of them instead of writing each one
      principal: null,
      role: null,
      credential: null,
      address,
      transport,
      operation: null,
      target: null,
      decision: "denied",
      rule: "protocol",
      outcome: code,
      fields: {
        source_ip: address,
        reason,
        connection: this.principal?.credential ?? null,
        ...withRequestId(requestId),
      },
    });
    this.#warn("control_malformed", reason);
    this.#send({
      id,
      ...(requestId === undefined ? {} : { request_id: requestId }),
      ok: false,
      error: message,
      error_code: code,
      ...(field === undefined ? {} : { field }),
      ...recorded(auditId),
    });
  }

  /** The audit has every one; the log one a connection. */
  #warn(event: "control_auth_failed" | "control_malformed", reason: string): void {
    if (this.#warned) return;
    this.#warned = true;
    const { address } = this.#origin;
    log.warn("Control endpoint refused {address}: {reason}", { event, address, source_ip: address, reason });
  }

  #send(line: AnswerLine): void {
    if (this.#ended) return;
    const text = this.#write(line);
    if (!this.#socket.write(text) && this.#blockedSinceMs === null) this.#blockedSinceMs = performance.now();
  }

  #write(line: AnswerLine): string {
    let text: string | null = null;
    try {
      text = JSON.stringify(line);
    } catch (error) {
      log.error("The result of a call cannot be written as JSON: {error}", { event: "control_unwritable", error });
    }
    if (text !== null && text.length <= this.#parts.limits.maxAnswerLength) return `${text}\n`;
    const { id, request_id, audit_id } = line;
    const problem = text === null
      ? { error: "The result cannot be written as JSON", error_code: "internal" }
      : { error: "The result is too large for one answer", error_code: "too_large", fix: "Ask for less at once" };
    return `${JSON.stringify({ id, request_id, ok: false, ...problem, audit_id })}\n`;
  }

  #onDrain(): void {
    this.#blockedSinceMs = null;
    if (this.#ended) return;
    this.#touch();
    this.#wake();
    this.#pump();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /** The peer sends nothing more, as `nc -N` does, but may still read: what was asked for is answered first. */
  #onEnd(): void {
    this.#inputEnded = true;
    if (this.#ended && this.#socket.writableFinished) return this.destroy();
    this.#calls.abortStreams();
    this.#leaveWhenDone();
  }

  #leaveWhenDone(): void {
    if (!this.#inputEnded || this.busy || this.#ended) return;
    // a TLS socket whose peer has left never reports that it has ended
    if (this.#socket.writableLength === 0) this.destroy();
    else this.#end("");
  }

  /** Waits until the peer has taken what was sent, or is gone, or the signal is aborted. */
  #drained(signal: AbortSignal): Promise<void> {
    if (this.#blockedSinceMs === null || this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
    });
  }
}

const tooLong = `A line has at most ${MAX_LINE_BYTES} bytes`;

/** What was only counted has no record of its own to name. */
function recorded(auditId: string): Pick<AnswerLine, "audit_id"> {
  return /^\d+$/.test(auditId) ? { audit_id: auditId } : {};
}

function withRequestId(requestId: string | undefined): Readonly<Record<string, string>> {
  return requestId === undefined ? {} : { request_id: requestId };
}
