import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "supervisor"]);

/** The service manager that started this process, told by sd_notify(3) what it does. */
export interface ServiceManager {
  /** How often it wants to hear from us at least, ms; `null` when it does not watch. */
  readonly watchdogMs: number | null;
  /** Start is over; `status` is one line for `systemctl status`. */
  ready(status: string): void;
  status(text: string): void;
  /** The configuration is being read again; `ready` says that it is over. */
  reloading(status: string): void;
  stopping(status: string): void;
  /** A sign of life. */
  watchdog(): void;
  /** Resolves when everything was sent. */
  close(): Promise<void>;
}

/**
 * Opens the channel that `environment` names (`NOTIFY_SOCKET`, a path or, with `@`, an abstract name), or gives `null`
 * when no service manager asked for it.
 */
export function openServiceManager(environment: Readonly<Record<string, string | undefined>>): ServiceManager | null {
  const path = notifyPath(environment.NOTIFY_SOCKET);
  if (path === null) return null;
  // Deno binds a datagram socket to a name always; an abstract one leaves no file behind
  const socket = Deno.listenDatagram({
    transport: "unixpacket",
    path: `\0edgekeep-notify-${Deno.pid}-${crypto.randomUUID()}`,
  });
  let sending = Promise.resolve();
  let failed = false;
  const send = (...fields: string[]) => {
    sending = sending.then(async () => {
      await socket.send(new TextEncoder().encode(fields.join("\n")), { transport: "unixpacket", path });
    }).catch((error) => {
      if (failed) return;
      failed = true;
      log.warning("Cannot tell the service manager what happens: {error}", { event: "notify_failed", error });
    });
  };
  return {
    watchdogMs: watchdogMs(environment),
    ready: (status) => send("READY=1", statusField(status)),
    status: (status) => send(statusField(status)),
    // without MONOTONIC_USEC, which the runtime cannot tell; only units of Type=notify-reload need it
    reloading: (status) => send("RELOADING=1", statusField(status)),
    stopping: (status) => send("STOPPING=1", statusField(status)),
    watchdog: () => send("WATCHDOG=1"),
    async close() {
      await sending;
      socket.close();
    },
  };
}

function notifyPath(name: string | undefined): string | null {
  if (name === undefined || name === "") return null;
  if (name.startsWith("/")) return name;
  if (name.startsWith("@")) return `\0${name.slice(1)}`;
  log.warning("Cannot tell the service manager what happens as NOTIFY_SOCKET is no local socket: {name}", {
    event: "notify_failed",
    name,
  });
  return null;
}

/** sd_watchdog_enabled(3): the variable counts for us when WATCHDOG_PID is absent or names this process. */
function watchdogMs(environment: Readonly<Record<string, string | undefined>>): number | null {
  const { WATCHDOG_USEC: interval, WATCHDOG_PID: pid } = environment;
  if (interval === undefined || !/^[1-9]\d*$/.test(interval)) return null;
  if (pid !== undefined && pid !== String(Deno.pid)) return null;
  return Number(interval) / 1000;
}

function statusField(text: string): string {
  return `STATUS=${text.replace(/\s+/g, " ")}`;
}
