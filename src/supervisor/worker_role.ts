import { getLogger } from "@logtape/logtape";
import { Backoff, type BackoffOptions } from "../telemetry/backoff.ts";
import type { LogMessage } from "../telemetry/log_message.ts";
import type { AuditEntry } from "../audit/audit.ts";
import type { LogLevel } from "../telemetry/log_message.ts";
import { ReplaceError } from "./host_service.ts";
import type {
  FromWorker,
  HostAnswer,
  HostCallName,
  ReadyInfo,
  Reconfigure,
  RoleFailure,
  RoleStart,
  ToWorker,
} from "./role_protocol.ts";

const log = getLogger(["edgekeep", "supervisor"]);

/** Records that wait for a role to get ready; of more, the oldest are dropped. */
const mostWaitingEntries = 1000;

export type { RoleFailure };

/** A role and the sandbox it runs in. */
export interface RoleSpec {
  readonly name: RoleStart["role"];
  /** Module of the worker. */
  readonly entry: URL;
  /** What the worker is started with, after so many restarts, the last of them because of `lastCrash`. */
  readonly start: (restarts: number, lastCrash: string | null) => RoleStart;
  /** All that the worker may touch, asked for at each start. */
  readonly permissions: () => Deno.PermissionOptionsObject;
}

/** What a role reports to its owner. */
export interface RoleEvents {
  /** It serves, for the first time or again. */
  readonly ready: (info: ReadyInfo) => void;
  /** It ended and will be started again after a wait. */
  readonly crashed: (reason: string) => void;
  /** It cannot go on, and no restart of the worker mends it. */
  readonly failed: (failure: RoleFailure) => void;
  readonly log: (record: LogMessage) => void;
  /** The role asks the supervisor for something. Never rejects. */
  readonly call: (name: HostCallName, request: unknown) => Promise<HostAnswer>;
  /** Takes secrets out of a worker's words before they are kept. */
  readonly redact: (text: string) => string;
}

/** Limits of a {@link WorkerRole}. */
export interface RoleLimits {
  readonly backoff: BackoffOptions;
  /** Pings in a row without an answer after which a worker that serves is given up. */
  readonly unansweredPings: number;
  /** The same for a worker that still starts, which may keep its thread busy for longer. */
  readonly unansweredPingsAtStart: number;
  /** Time in which a worker takes over a change, ms. */
  readonly reconfigureMs: number;
  /** Time in which a worker that replaces another one gets ready, ms. */
  readonly replaceMs: number;
}

type State = "idle" | "starting" | "ready" | "waiting" | "pausing" | "stopping" | "ended";

/** One role in its worker: started, watched, restarted after a crash, stopped. */
export class WorkerRole {
  readonly name: RoleSpec["name"];
  readonly #spec: RoleSpec;
  readonly #events: RoleEvents;
  readonly #limits: RoleLimits;
  readonly #backoff: Backoff;
  readonly #ended = Promise.withResolvers<void>();
  #state: State = "idle";
  #worker: Worker | null = null;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;
  #lastCrash: string | null = null;
  #pingId = 0;
  #unanswered = 0;
  #startedMs = 0;
  /** Whether it has ever been ready. */
  #served = false;
  /** Set while a worker that replaces another one starts. */
  #replacing: PromiseWithResolvers<void> | null = null;
  /** Set while the worker stops to be replaced. */
  #paused: PromiseWithResolvers<void> | null = null;
  #changes = new Map<number, PromiseWithResolvers<void>>();
  #changeId = 0;
  /** Records for the audit that came before it was ready. */
  #entries: AuditEntry[] = [];

  constructor(spec: RoleSpec, events: RoleEvents, limits: RoleLimits) {
    this.name = spec.name;
    this.#spec = spec;
    this.#events = events;
    this.#limits = limits;
    this.#backoff = new Backoff(limits.backoff);
  }

  /** Whether it serves and has answered the last ping. */
  get healthy(): boolean {
    return this.#state === "ready" && this.#pingId > 0 && this.#unanswered === 0;
  }

  /** Whether it serves. */
  get ready(): boolean {
    return this.#state === "ready";
  }

  /** Starts the worker. */
  start(): void {
    this.#state = "starting";
    this.#unanswered = 0;
    this.#startedMs = performance.now();
    let worker: Worker;
    try {
      worker = new Worker(this.#spec.entry, {
        type: "module",
        name: this.name,
        deno: { permissions: this.#spec.permissions() },
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (this.#refuseReplacement(message)) return;
      // the process itself lacks a permission that the role needs: no restart changes that
      this.#end();
      this.#events.failed({ code: "worker_refused", message, exitCode: 1 });
      return;
    }
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (this.#worker === worker) this.#receive(worker, data);
    };
    worker.onmessageerror = () => {
      if (this.#worker === worker) this.#crash("It sent a message that cannot be read");
    };
    worker.onerror = (event) => {
      // otherwise the worker's error would end this process
      event.preventDefault();
      if (this.#worker === worker) this.#crash(event.message);
    };
    const start = this.#spec.start(this.#restarts, this.#lastCrash);
    this.#post({ type: "start", start });
    log.debug("Starting the {role} worker", { event: "worker_starting", role: this.name, restarts: this.#restarts });
  }

  /**
   * Asks for a sign of life; gives the role up when it has not answered for too long. Its worker's thread is then busy
   * without end or blocked, and `terminate()` does not end such a thread (Deno 2.9.6): it would keep its ports and its
   * lock on the database, and another worker beside it could not start. Only the end of the process frees them.
   */
  ping(): void {
    if (this.#state !== "starting" && this.#state !== "ready") return;
    const { unansweredPings, unansweredPingsAtStart } = this.#limits;
    if (this.#unanswered >= (this.#state === "ready" ? unansweredPings : unansweredPingsAtStart)) {
      this.#end();
      this.#events.failed({
        code: "unresponsive",
        message: "It has not answered for too long, and only the end of this process ends its thread",
        exitCode: 1,
      });
      return;
    }
    this.#unanswered++;
    this.#post({ type: "ping", id: ++this.#pingId });
  }

  /**
   * Stops the role: in order when it manages within `graceMs`, else, or when `force` is aborted, by ending its thread.
   *
   * @returns whether it stopped in order
   */
  async stop(graceMs: number, force: AbortSignal): Promise<boolean> {
    clearTimeout(this.#restartTimer);
    if (this.#worker === null) {
      this.#end();
      return true;
    }
    this.#state = "stopping";
    this.#post({ type: "stop", graceMs });
    const over = Promise.withResolvers<"over">();
    const timer = setTimeout(() => over.resolve("over"), graceMs);
    const forced = () => over.resolve("over");
    force.addEventListener("abort", forced);
    if (force.aborted) forced();
    const outcome = await Promise.race([this.#ended.promise, over.promise]);
    clearTimeout(timer);
    force.removeEventListener("abort", forced);
    const inOrder = outcome !== "over";
    if (!inOrder) {
      log.warning("The {role} worker did not stop in order and was ended", { event: "worker_ended", role: this.name });
    }
    this.#end();
    return inOrder;
  }

  /**
   * Has the worker take over a change of the configuration. Rejects with the worker's reason, or when it is not ready;
   * with a {@link ReplaceError} when it gives no answer in time.
   */
  async reconfigure(change: Reconfigure): Promise<void> {
    if (this.#state !== "ready") throw new Error(`The ${this.name} is not ready`);
    const id = ++this.#changeId;
    const answer = Promise.withResolvers<void>();
    this.#changes.set(id, answer);
    const timer = setTimeout(
      () => answer.reject(new ReplaceError(`The ${this.name} did not take over the change in time`, "failed")),
      this.#limits.reconfigureMs,
    );
    try {
      this.#post({ type: "reconfigure", id, change });
      await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#changes.delete(id);
    }
  }

  /**
   * Stops the worker in order and starts another one with the start message and permissions of this moment. Resolves
   * when that one is ready. With `keepTrying` a failure is answered with further attempts, as after a crash.
   *
   * @throws {ReplaceError} when it fails or is not ready in time; the role is then down
   */
  async replace(graceMs: number, keepTrying: boolean): Promise<void> {
    if (this.#state === "stopping" || this.#state === "ended") {
      throw new ReplaceError("The gateway is stopping", "stopping");
    }
    clearTimeout(this.#restartTimer);
    await this.#stopForReplacement(graceMs);
    if (this.#isEnding()) throw new ReplaceError("The gateway is stopping", "stopping");
    const replacing = Promise.withResolvers<void>();
    this.#replacing = replacing;
    const timer = setTimeout(() => {
      const blocked = this.#unanswered > 1;
      this.#replacing = null;
      this.#putDown();
      replacing.reject(new ReplaceError("It was not ready in time", blocked ? "blocked" : "failed"));
    }, this.#limits.replaceMs);
    try {
      this.start();
      await replacing.promise;
    } catch (error) {
      if (keepTrying && this.#state === "idle") this.#tryAgain(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      clearTimeout(timer);
      this.#replacing = null;
    }
  }

  /** Sends a record for the audit, at once or when the role is ready. */
  audit(entry: AuditEntry): void {
    if (this.#state === "ready") this.#post({ type: "audit", entry });
    else {
      this.#entries.push(entry);
      if (this.#entries.length > mostWaitingEntries) this.#entries.shift();
    }
  }

  setLogLevel(level: LogLevel): void {
    this.#post({ type: "log_level", level });
  }

  /** Ends the present worker, in order when it manages within `graceMs`, without ending the role. */
  async #stopForReplacement(graceMs: number): Promise<void> {
    if (this.#worker === null) {
      this.#state = "idle";
      return;
    }
    this.#state = "pausing";
    const stopped = Promise.withResolvers<void>();
    this.#paused = stopped;
    this.#post({ type: "stop", graceMs });
    const timer = setTimeout(() => {
      log.warning("The {role} worker did not stop in order and was ended", { event: "worker_ended", role: this.name });
      stopped.resolve();
    }, graceMs);
    await stopped.promise;
    clearTimeout(timer);
    if (!this.#isEnding()) this.#putDown();
  }

  #isEnding(): boolean {
    return this.#state === "stopping" || this.#state === "ended";
  }

  /** Ends the worker and leaves the role down, ready for another start. */
  #putDown(): void {
    this.#discardWorker();
    this.#state = "idle";
  }

  #discardWorker(): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const change of this.#changes.values()) change.reject(new Error(`The ${this.name} worker ended`));
    this.#changes.clear();
  }

  /** Whether a worker was starting in another one's place; whoever replaces it then hears of the failure. */
  #refuseReplacement(reason: string): boolean {
    const replacing = this.#replacing;
    if (replacing === null) return false;
    this.#replacing = null;
    this.#putDown();
    replacing.reject(new ReplaceError(this.#events.redact(reason), "failed"));
    return true;
  }

  async #answer(worker: Worker, id: number, name: HostCallName, request: unknown): Promise<void> {
    const answer = await this.#events.call(name, request);
    // one that was replaced meanwhile waits for nothing
    if (this.#worker === worker) this.#post({ type: "answer", id, answer });
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #receive(worker: Worker, message: FromWorker): void {
    switch (message?.type) {
      case "ready":
        this.#becomeReady(message.info);
        break;
      case "pong":
        if (message.id === this.#pingId) this.#unanswered = 0;
        break;
      case "failed":
        this.#fail(message);
        break;
      case "stopped":
        if (this.#state === "stopping") this.#end();
        else if (this.#state === "pausing") this.#paused?.resolve();
        else this.#crash("It stopped by itself");
        break;
      case "log":
        this.#acceptLog(message.record);
        break;
      case "call":
        void this.#answer(worker, message.id, message.name, message.request);
        break;
      case "reconfigured":
        if (message.error === null) this.#changes.get(message.id)?.resolve();
        else this.#changes.get(message.id)?.reject(new Error(this.#events.redact(message.error)));
        break;
    }
  }

  #becomeReady(info: ReadyInfo): void {
    if (this.#state !== "starting") return;
    this.#state = "ready";
    this.#served = true;
    this.#backoff.succeeded(performance.now());
    log.info("The {role} worker is ready after {ms} ms", {
      event: "worker_ready",
      role: this.name,
      ms: Math.round(performance.now() - this.#startedMs),
      restarts: this.#restarts,
      ...info.listening,
    });
    this.#events.ready(info);
    for (const entry of this.#entries.splice(0)) this.#post({ type: "audit", entry });
    this.#replacing?.resolve();
  }

  #fail({ code, message, exitCode }: RoleFailure): void {
    const firstStart = this.#state === "starting" && this.#restarts === 0 && !this.#served && this.#replacing === null;
    if (!firstStart || exitCode === 1) {
      this.#crash(message);
      return;
    }
    this.#end();
    this.#events.failed({ code, message: this.#events.redact(message), exitCode });
  }

  #acceptLog(record: LogMessage): void {
    try {
      this.#events.log(record);
    } catch (error) {
      log.warning("The {role} worker sent a log record that cannot be read: {error}", {
        event: "log_record_unreadable",
        role: this.name,
        error,
      });
    }
  }

  #crash(reason: string): void {
    if (this.#refuseReplacement(reason)) return;
    this.#discardWorker();
    if (this.#state === "pausing") {
      this.#paused?.resolve();
      return;
    }
    if (this.#state === "stopping") {
      log.warning("The {role} worker failed while it stopped: {reason}", {
        event: "worker_stop_failed",
        role: this.name,
        reason,
      });
      this.#end();
      return;
    }
    this.#tryAgain(reason);
  }

  #tryAgain(reason: string): void {
    this.#state = "waiting";
    this.#lastCrash = this.#events.redact(reason);
    const delayMs = Math.round(this.#backoff.next(performance.now()));
    log.error("The {role} worker ended: {reason}. Starting it again in {delayMs} ms", {
      event: "worker_crashed",
      role: this.name,
      reason,
      delayMs,
      restarts: this.#restarts,
    });
    this.#restarts++;
    this.#restartTimer = setTimeout(() => this.start(), delayMs);
    this.#events.crashed(this.#lastCrash);
  }

  #end(): void {
    this.#state = "ended";
    this.#discardWorker();
    this.#paused?.resolve();
    this.#replacing?.reject(new ReplaceError("The gateway is stopping", "stopping"));
    this.#ended.resolve();
  }
}
