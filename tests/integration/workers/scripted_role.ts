/**
 * A role that does what its start message says: the supervisor's tests drive it. The scenario travels in the
 * simulator's `apiToken`.
 */
import process from "node:process";
import { getLogger } from "@logtape/logtape";
import { type RolePort, serveRole } from "../../../src/supervisor/serve_role.ts";

const log = getLogger(["edgekeep", "scripted"]);

const port = self as unknown as RolePort & { postMessage(message: unknown): void };

serveRole(port, {
  start: async (start) => {
    if (start.role !== "simulator") throw new RangeError("Cannot run this role");
    const { apiToken: scenario, devices: restarts } = start.options;
    log.info("Running {scenario}", { event: "scenario", scenario });
    switch (scenario) {
      case "throw at start":
        throw Object.assign(new Error("No such thing"), { exitCode: 1 });
      case "port taken":
        throw Object.assign(new Error("Port 4840 is taken"), { code: "EADDRINUSE", exitCode: 6 });
      case "port taken after a crash":
        if (restarts === 0) setTimeout(() => crash("first crash"), 10);
        else if (restarts === 1) {
          throw Object.assign(new Error("Port is still taken"), { code: "EADDRINUSE", exitCode: 6 });
        }
        break;
      case "crash once":
        if (restarts === 0) setTimeout(() => crash("boom with hunter2-secret"), 10);
        break;
      case "crash late once":
        if (restarts === 0) setTimeout(() => crash("boom"), 300);
        break;
      case "reject once":
        if (restarts === 0) setTimeout(() => void Promise.reject(new Error("nobody catches hunter2-secret")), 10);
        break;
      case "hang":
        setTimeout(hang, 10);
        break;
      case "exit once":
        if (restarts === 0) setTimeout(() => Deno.exit(3), 10);
        break;
      case "node exit once":
        if (restarts === 0) setTimeout(() => process.exit(3), 10);
        break;
      case "garbage":
        port.postMessage({ type: "log", record: null });
        port.postMessage(null);
        port.postMessage({ type: "nonsense" });
        port.postMessage({ type: "log", record: { message: 5 } });
        break;
      case "never starts":
        await new Promise(() => {});
        break;
    }
    return {
      ready: { listening: { test: `test://${restarts}` } },
      async stop() {
        if (scenario === "hang at stop") hang();
        if (scenario === "throw at stop") throw new Error("Cannot stop");
        log.info("Stopped in order", { event: "scenario_stopped", scenario });
        await Promise.resolve();
      },
    };
  },
  failure: (error) => {
    const { code = "failed", exitCode = 1, message } = error as Error & { code?: string; exitCode?: number };
    return { code, exitCode, message };
  },
});

function crash(message: string): never {
  throw new Error(message);
}

/** Blocks the thread for good; without the load of a loop, since the thread stays for as long as the test's process. */
function hang(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
