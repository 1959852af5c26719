import { getLogger } from "@logtape/logtape";
import type { AuditEntry } from "../audit/audit.ts";
import type { BackoffOptions } from "../telemetry/backoff.ts";
import type { LogHandle } from "../telemetry/log.ts";
import type { HostService, RoleControl } from "./host_service.ts";
import { type HostAnswer, type HostCallName, HostRefusal, type ReadyInfo } from "./role_protocol.ts";
import type { ServiceManager } from "./systemd_notify.ts";
import { type RoleFailure, type RoleSpec, WorkerRole } from "./worker_role.ts";

export type { RoleFailure, RoleSpec };

const log = getLogger(["edgekeep", "supervisor"]);

/** How {@link supervise} works. Every time has a default that suits a gateway in the field. */
export interface SuperviseOptions {
  /** Aborted: stop in order, the last started first. */
  readonly signal: AbortSignal;
  /** Aborted while it stops: do not wait any longer. */
  readonly force?: AbortSignal;
  /** Where the workers' records go, and what takes secrets out of their errors. */
  readonly log: Pick<LogHandle, "accept" | "redact">;
  /** Told of readiness, and fed while every role answers. */
  readonly serviceManager?: ServiceManager | null;
  /** Called each time a role begins to serve. */
  readonly onReady?: (name: RoleSpec["name"], info: ReadyInfo) => void;
  /** Adds to the words of a failed first start what only this process can find out. */
  readonly explainFailure?: (failure: RoleFailure) => Promise<string>;
  /** Time for an ordered stop of each role, ms. Default 10,000. */
  readonly graceMs?: number;
  /** Time between two pings, ms. Default 5,000. */
  readonly pingIntervalMs?: number;
  /** Time without an answer after which the process ends, ms. Default 20,000; four times that while a role starts. */
  readonly unresponsiveMs?: number;
  readonly backoff?: BackoffOptions;
  /** Makes what answers the roles' calls; without it they are refused. It controls the role that is named first here. */
  readonly host?: { readonly role: RoleSpec["name"]; readonly open: (control: RoleControl) => Promise<HostService> };
  /** Calls its listener at each request to reload, until the returned function is called. */
  readonly onReload?: (listener: () => void) => () => void;
  /** Time in which a role takes over a changed configuration, ms. Default 30,000. */
  readonly reconfigureMs?: number;
  /** Time in which a role that is started anew gets ready, ms. Default 60,000. */
  readonly replaceMs?: number;
}

/**
 * Runs roles in their sandboxes until `signal` is aborted, one of them cannot start, or one stops answering. Each role
 * starts when the one before it serves; a role that crashes is started again with growing waits.
 *
 * @returns the exit code of the process, which must end with it: 0 after an ordered stop, 1 when a role did not stop in
 *   order or stopped answering, else that of the role that cannot start
 */
export async function supervise(roles: readonly RoleSpec[], options: SuperviseOptions): Promise<number> {
  const { signal, serviceManager = null, graceMs = 10_000, unresponsiveMs = 20_000 } = options;
  if (signal.aborted) return 0;
  const force = options.force ?? new AbortController().signal;
  const pingIntervalMs = pingInterval(options.pingIntervalMs ?? 5000, serviceManager);
  const unansweredPings = Math.max(1, Math.ceil(unresponsiveMs / pingIntervalMs));
  const limits = {
    backoff: options.backoff ?? {},
    unansweredPings,
    unansweredPingsAtStart: 4 * unansweredPings,
    reconfigureMs: options.reconfigureMs ?? 30_000,
    replaceMs: options.replaceMs ?? 60_000,
  };
  const listening = new Map<string, ReadyInfo>();
  const ended = Promise.withResolvers<{ readonly name: string; readonly failure: RoleFailure } | null>();
  const running: WorkerRole[] = [];
  let host: HostService | null = null;
  /** Records for the audit from before the role that keeps it was there. */
  let early: AuditEntry[] | null = [];

  /** Asked for before everything served, which is then the time for it. */
  let reloadWaits = false;

  function reload(): void {
    reloadWaits = listening.size < roles.length;
    if (!reloadWaits) void reloadWith(host, serviceManager, () => summary(listening));
  }

  function startNext(): void {
    const spec = roles[running.length];
    if (spec === undefined) return;
    const role = new WorkerRole(spec, {
      ready(info) {
        const first = !listening.has(spec.name);
        listening.set(spec.name, info);
        options.onReady?.(spec.name, info);
        if (!first) serviceManager?.status(summary(listening));
        else if (listening.size === roles.length) {
          serviceManager?.ready(summary(listening));
          if (reloadWaits) reload();
        }
        if (first) startNext();
      },
      crashed: (reason) => serviceManager?.status(`${spec.name} is being restarted: ${reason}`),
      failed: (failure) => ended.resolve({ name: spec.name, failure }),
      log: (record) => options.log.accept(record),
      call: (name, request) => answerOf(host, name, request),
      redact: (text) => options.log.redact(text),
    }, limits);
    running.push(role);
    if (early !== null && spec.name === options.host?.role) {
      for (const entry of early) role.audit(entry);
      early = null;
    }
    role.start();
  }

  const stop = () => ended.resolve(null);
  if (options.host !== undefined) {
    const { role: name, open } = options.host;
    const role = () => running.find((candidate) => candidate.name === name);
    const present = () => {
      const found = role();
      if (found === undefined) throw new Error(`The ${name} has not been started`);
      return found;
    };
    host = await open({
      isReady: () => role()?.ready ?? false,
      reconfigure: async (change) => await present().reconfigure(change),
      replace: async ({ keepTrying = false } = {}) => await present().replace(graceMs, keepTrying),
      audit: (entry) => early === null ? role()?.audit(entry) : early.push(entry),
      setLogLevel: (level) => running.forEach((each) => each.setLogLevel(level)),
      shutdown: stop,
      giveUp: (message) => ended.resolve({ name, failure: { code: "unresponsive", message, exitCode: 1 } }),
    });
  }
  const forgetReload = options.onReload?.(reload);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  const pinging = setInterval(() => {
    if (listening.size === roles.length && running.every((role) => role.healthy)) serviceManager?.watchdog();
    for (const role of running) role.ping();
  }, pingIntervalMs);
  startNext();
  const failed = await ended.promise;
  clearInterval(pinging);
  signal.removeEventListener("abort", stop);
  forgetReload?.();

  serviceManager?.stopping("Stopping");
  let code = 0;
  if (failed !== null) {
    const { name, failure } = failed;
    code = failure.exitCode;
    const message = await options.explainFailure?.(failure) ?? failure.message;
    const what = failure.code === "unresponsive" ? "is given up" : "cannot start";
    log.error(`The {role} ${what}: {message}`, {
      event: "role_failed",
      role: name,
      code: failure.code,
      message,
      exitCode: code,
    });
  }
  for (const role of running.toReversed()) {
    if (!await role.stop(graceMs, force)) code ||= 1;
  }
  await host?.stop(force);
  log.info("Stopped", { event: "supervisor_stopped", exitCode: code });
  return code;
}

/** Reads the configuration again and tells the service manager while that lasts. */
async function reloadWith(
  host: HostService | null,
  serviceManager: ServiceManager | null,
  status: () => string,
): Promise<void> {
  if (host === null) {
    log.info("SIGHUP: this process has no configuration to read again", { event: "reload_unavailable" });
    return;
  }
  serviceManager?.reloading("Reading the configuration again");
  await host.reload();
  serviceManager?.ready(status());
}

/** The service's answer as a message; what it does not refuse on purpose is logged here and stays here. */
async function answerOf(host: HostService | null, name: HostCallName, request: unknown): Promise<HostAnswer> {
  try {
    if (host === null) {
      throw new HostRefusal("not_configured", `Cannot do '${name}' as this process has no configuration`);
    }
    // the worker is of our own code: its request has the shape that the protocol says
    return { ok: true, value: await host.call(name, request as never) };
  } catch (error) {
    if (error instanceof HostRefusal) return { ok: false, code: error.code, message: error.message };
    log.error("Cannot do {name} for a role: {error}", { event: "host_call_failed", name, error });
    return { ok: false, code: "internal", message: `Cannot do '${name}': the log of the gateway says why` };
  }
}

/** Twice as often as the service manager wants to hear from us, at least. */
function pingInterval(intervalMs: number, serviceManager: ServiceManager | null): number {
  const watchdogMs = serviceManager?.watchdogMs ?? null;
  return watchdogMs === null ? intervalMs : Math.min(intervalMs, watchdogMs / 2);
}

function summary(listening: ReadonlyMap<string, ReadyInfo>): string {
  const addresses = [...listening.values()].flatMap((info) => Object.values(info.listening));
  return addresses.length === 0 ? "Ready" : `Ready: ${addresses.join(" ")}`;
}
