import { getLogger } from "@logtape/logtape";
import type { Access } from "../access/access.ts";
import type { Caller } from "../access/principal.ts";
import { OperationError, type OperationRefusal, type Operations } from "../operations/operation.ts";
import { type AnswerLine, echoOf, type Request, type RequestId } from "./wire.ts";

const log = getLogger(["edgekeep", "control"]);

/** What the calls of one connection need of it. */
export interface CallParts {
  readonly operations: Operations;
  readonly access: Access;
  readonly send: (line: AnswerLine) => void;
  /** Settled when the peer has taken what was sent, or the signal is aborted, or the peer is gone. */
  readonly drained: (signal: AbortSignal) => Promise<void>;
}

/** Why a call was stopped before its end. */
type Stop = "cancelled" | "revoked" | "gone";

interface Running {
  readonly stop: (why: Stop) => void;
  readonly done: Promise<void>;
  streams: boolean;
}

/** What runs on one connection, by the ids that the peer gave. */
export class ActiveCalls {
  readonly #parts: CallParts;
  readonly #running = new Map<RequestId, Running>();
  readonly #leaving = new Set<Promise<void>>();

  constructor(parts: CallParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#running.size;
  }

  has(id: RequestId): boolean {
    return this.#running.has(id);
  }

  /** Stops the call with this id; `false` when there is none. Its last line still comes. */
  cancel(id: RequestId): boolean {
    const call = this.#running.get(id);
    call?.stop("cancelled");
    return call !== undefined;
  }

  /** Stops all, because the peer is gone. */
  abortAll(): void {
    for (const { stop } of this.#running.values()) stop("gone");
  }

  /** Stops the streams: the peer will not cancel them any more. */
  abortStreams(): void {
    for (const { stop, streams } of this.#running.values()) if (streams) stop("gone");
  }

  async settled(): Promise<void> {
    await Promise.all([...[...this.#running.values()].map(({ done }) => done), ...this.#leaving]);
  }

  /** Runs the operation and sends its answer. `onEnd` is called when the last line was sent. */
  start(request: Request, caller: Caller, onEnd: () => void): void {
    const controller = new AbortController();
    let why: Stop | null = null;
    const stop = (reason: Stop) => {
      why ??= reason;
      controller.abort();
    };
    const revoked = caller.principal === null || caller.principal.kind === "local"
      ? null
      : this.#parts.access.revoked(caller.principal);
    const onRevoked = () => stop("revoked");
    revoked?.addEventListener("abort", onRevoked, { once: true });
    const run = async () => {
      try {
        await this.#run(request, caller, controller.signal, () => why);
      } catch (error) {
        log.error("A call of {operation} failed in the control endpoint: {error}", {
          event: "control_call_failed",
          operation: request.type,
          error,
        });
        this.#parts.send({ ...echoOf(request), ok: false, error: "Internal error", error_code: "internal" });
      } finally {
        revoked?.removeEventListener("abort", onRevoked);
        this.#running.delete(request.id);
        onEnd();
      }
    };
    // the call must be on the list before it can end
    const { promise: listed, resolve: begin } = Promise.withResolvers<void>();
    this.#running.set(request.id, { stop, done: listed.then(run), streams: false });
    begin();
  }

  async #run(request: Request, caller: Caller, signal: AbortSignal, why: () => Stop | null): Promise<void> {
    const { operations, send, drained } = this.#parts;
    const answer = await operations.call(request.type, request.params, caller, signal);
    const audit = answer.auditId === undefined ? {} : { audit_id: answer.auditId };
    await drained(signal);
    if (!answer.ok) send({ ...echoOf(request), ok: false, ...refusal(answer), ...audit });
    else if ("items" in answer) {
      const running = this.#running.get(request.id);
      if (running !== undefined) running.streams = true;
      send({ ...echoOf(request), ok: true, more: true, ...audit });
      send({ ...echoOf(request), ...await this.#stream(request, answer.items, signal, why) });
    } else send({ ...echoOf(request), ok: true, result: answer.result ?? null, ...audit });
  }

  /** Sends every item, no faster than the peer takes them, and gives what the last line says. */
  async #stream(
    request: Request,
    items: AsyncIterable<unknown>,
    signal: AbortSignal,
    why: () => Stop | null,
  ): Promise<Omit<AnswerLine, "id" | "request_id">> {
    const { send, drained } = this.#parts;
    const iterator = items[Symbol.asyncIterator]();
    const stopped = new Promise<null>((resolve) => {
      if (signal.aborted) resolve(null);
      else signal.addEventListener("abort", () => resolve(null), { once: true });
    });
    try {
      for (;;) {
        // a stream that does not look at its signal must not outlive it on this connection
        const item = iterator.next();
        item.catch(() => {});
        const next = await Promise.race([item, stopped]);
        if (next === null || signal.aborted) return stoppedLine(why());
        if (next.done === true) return { ok: true, result: null };
        send({ ...echoOf(request), ok: true, more: true, result: next.value });
        await drained(signal);
      }
    } catch (error) {
      if (signal.aborted) return stoppedLine(why());
      if (error instanceof OperationError) {
        return { ok: false, ...refusal({ ok: false, code: error.code, message: error.message, ...given(error.more) }) };
      }
      throw error;
    } finally {
      this.#letGo(iterator);
    }
  }

  /** Ends the iterator without waiting for it: a generator in the middle of a wait ends when its signal wakes it. */
  #letGo(iterator: AsyncIterator<unknown>): void {
    const leaving: Promise<void> = Promise.resolve(iterator.return?.()).then(() => {}, () => {}).finally(() =>
      this.#leaving.delete(leaving)
    );
    this.#leaving.add(leaving);
  }
}

function stoppedLine(why: Stop | null): Omit<AnswerLine, "id" | "request_id"> {
  return why === "revoked"
    ? { ok: false, error: "The credential has ended", error_code: "unauthenticated" }
    : { ok: false, error: "Cancelled", error_code: "cancelled" };
}

/** Leaves out what is `undefined`. */
function given<T extends object>(more: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function refusal(answer: OperationRefusal): Partial<AnswerLine> {
  const { code, message, field, fix, retryAfterMs, details } = answer;
  return {
    error: message,
    error_code: code,
    ...(field === undefined ? {} : { field }),
    ...(fix === undefined ? {} : { fix }),
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) }),
    ...(details === undefined ? {} : { details }),
  };
}
