import assert from "node:assert/strict";
import { configureLog, type LogHandle } from "../../src/telemetry/log.ts";
import { supervise, type SuperviseOptions } from "../../src/supervisor/supervisor.ts";
import type { RoleSpec } from "../../src/supervisor/worker_role.ts";
import type { ReadyInfo } from "../../src/supervisor/role_protocol.ts";
import { openServiceManager } from "../../src/supervisor/systemd_notify.ts";
import { waitFor } from "../lib/wait_for.ts";

interface Run {
  readonly code: Promise<number>;
  readonly stop: AbortController;
  readonly force: AbortController;
  readonly ready: { readonly name: string; readonly info: ReadyInfo }[];
  readonly lines: Record<string, unknown>[];
  /** Lines of this event. */
  events(name: string): Record<string, unknown>[];
}

/** Runs scripted roles under the real supervisor with short times, and stops it at the end. */
async function withSupervisor(
  scenarios: readonly string[],
  options: Partial<SuperviseOptions>,
  test: (run: Run) => Promise<void>,
): Promise<void> {
  const lines: Record<string, unknown>[] = [];
  const settings = { level: "debug", format: "json", max_file_bytes: 65_536, max_files: 1 } as const;
  const log: LogHandle = await configureLog(settings, ["hunter2-secret"], (line) => lines.push(JSON.parse(line)));
  const stop = new AbortController();
  const force = new AbortController();
  const ready: Run["ready"] = [];
  const roles = scenarios.map((scenario): RoleSpec => ({
    name: "simulator",
    entry: new URL("./workers/scripted_role.ts", import.meta.url),
    permissions: () => "none" as unknown as Deno.PermissionOptionsObject,
    start: (restarts) => ({
      role: "simulator",
      logLevel: "debug",
      options: { hostname: "127.0.0.1", port: 0, apiToken: scenario, devices: restarts, intervalMs: 1 },
    }),
  }));
  const code = supervise(roles, {
    signal: stop.signal,
    force: force.signal,
    log,
    onReady: (name, info) => ready.push({ name, info }),
    pingIntervalMs: 50,
    graceMs: 20_000,
    backoff: { firstMs: 1, maxMs: 20 },
    ...options,
  });
  try {
    await test({ code, stop, force, ready, lines, events: (name) => lines.filter((line) => line.event === name) });
  } finally {
    stop.abort();
    force.abort();
    await code;
    await log.dispose();
  }
}

Deno.test("A role starts, serves and stops in order", async () => {
  await withSupervisor(["serve"], {}, async ({ code, stop, ready, events }) => {
    await waitFor("ready", () => ready.length === 1);
    assert.deepEqual(ready[0]?.info, { listening: { test: "test://0" } });
    stop.abort();
    assert.equal(await code, 0);
    assert.equal(events("scenario").length, 1, "the worker's log arrives");
    assert.equal(events("scenario_stopped").length, 1, "the role was stopped, not ended");
    assert.equal(events("worker_ready")[0]?.test, "test://0");
    assert.equal(events("supervisor_stopped")[0]?.exitCode, 0);
  });
});

Deno.test("Roles start one after the other and stop in reverse order", async () => {
  await withSupervisor(["first", "second"], {}, async ({ code, stop, ready, events }) => {
    await waitFor("both ready", () => ready.length === 2);
    stop.abort();
    assert.equal(await code, 0);
    assert.deepEqual(events("scenario").map((line) => line.scenario), ["first", "second"]);
    assert.deepEqual(events("scenario_stopped").map((line) => line.scenario), ["second", "first"]);
  });
});

for (const scenario of ["crash once", "reject once", "exit once", "node exit once"]) {
  Deno.test(`A worker is restarted: ${scenario}`, async () => {
    await withSupervisor([scenario], {}, async ({ ready, events, lines, stop, code }) => {
      await waitFor("ready again", () => ready.length === 2);
      assert.deepEqual(ready[1]?.info, { listening: { test: "test://1" } });
      assert.equal(events("worker_crashed").length, 1);
      assert.ok(!JSON.stringify(lines).includes("hunter2-secret"), "its last words are redacted");
      stop.abort();
      assert.equal(await code, 0);
    });
  });
}

Deno.test("The next start is told of the restarts and of the last words, without secrets", async () => {
  const starts: [number, string | null][] = [];
  const lines: string[] = [];
  const settings = { level: "info", format: "json", max_file_bytes: 65_536, max_files: 1 } as const;
  const log = await configureLog(settings, ["hunter2-secret"], (line) => lines.push(line));
  const stop = new AbortController();
  const role: RoleSpec = {
    name: "simulator",
    entry: new URL("./workers/scripted_role.ts", import.meta.url),
    permissions: () => ({}),
    start: (restarts, lastCrash) => {
      starts.push([restarts, lastCrash]);
      const options = { hostname: "", port: 0, apiToken: "crash once", devices: restarts, intervalMs: 1 };
      return { role: "simulator", logLevel: "info", options };
    },
  };
  const code = supervise([role], { signal: stop.signal, log, backoff: { firstMs: 1 } });
  try {
    await waitFor("second start", () => starts.length === 2);
  } finally {
    stop.abort();
    await code;
    await log.dispose();
  }
  assert.deepEqual(starts[0], [0, null]);
  assert.equal(starts[1]?.[0], 1);
  assert.match(starts[1]?.[1] ?? "", /boom with \*\*\*/);
});

Deno.test("A role that throws at its start with code 1 is tried again", async () => {
  await withSupervisor(["throw at start"], {}, async ({ events, stop, code }) => {
    await waitFor("three crashes", () => events("worker_crashed").length >= 3);
    stop.abort();
    assert.equal(await code, 0);
  });
});

Deno.test("A first start that fails for good ends the process with the role's code and an explanation", async () => {
  const explainFailure = (failure: { message: string }) => Promise.resolve(`${failure.message} by "nginx"`);
  await withSupervisor(["serve", "port taken"], { explainFailure }, async ({ code, events }) => {
    assert.equal(await code, 6);
    assert.equal(events("role_failed")[0]?.message, 'The simulator cannot start: Port 4840 is taken by "nginx"');
    assert.equal(events("scenario_stopped").length, 1, "the other role was stopped in order");
  });
});

Deno.test("The same failure after a crash is tried again", async () => {
  await withSupervisor(["port taken after a crash"], {}, async ({ ready, events, code, stop }) => {
    await waitFor("ready again", () => ready.length === 2);
    assert.equal(events("worker_crashed").length, 2);
    stop.abort();
    assert.equal(await code, 0);
  });
});

Deno.test("A worker that stops answering ends the run with 1, since nothing else ends its thread", async () => {
  await withSupervisor(["serve", "hang"], { unresponsiveMs: 3000 }, async ({ code, events }) => {
    assert.equal(await code, 1);
    assert.equal(events("role_failed")[0]?.code, "unresponsive");
    assert.equal(events("worker_crashed").length, 0, "no second worker is started beside it");
    assert.equal(events("scenario_stopped").length, 1, "the other role was stopped in order");
  });
});

Deno.test("Garbage from a worker harms nobody", async () => {
  await withSupervisor(["garbage"], {}, async ({ ready, code, stop, events }) => {
    await waitFor("ready", () => ready.length === 1);
    stop.abort();
    assert.equal(await code, 0);
    assert.equal(events("worker_crashed").length, 0);
  });
});

Deno.test("A worker that does not stop is ended when its time is over", async () => {
  await withSupervisor(["hang at stop"], { graceMs: 100 }, async ({ ready, code, stop, events }) => {
    await waitFor("ready", () => ready.length === 1);
    stop.abort();
    assert.equal(await code, 1);
    assert.equal(events("worker_ended").length, 1);
  });
});

Deno.test("A second request to stop does not wait", async () => {
  await withSupervisor(["hang at stop"], { graceMs: 3_600_000 }, async ({ ready, code, stop, force }) => {
    await waitFor("ready", () => ready.length === 1);
    stop.abort();
    force.abort();
    assert.equal(await code, 1);
  });
});

Deno.test("A worker that fails to stop is reported and ends the run all the same", async () => {
  await withSupervisor(["throw at stop"], {}, async ({ ready, code, stop, events }) => {
    await waitFor("ready", () => ready.length === 1);
    stop.abort();
    await code;
    assert.equal(events("worker_stop_failed").length, 1);
  });
});

Deno.test("A role that is still starting can be stopped", async () => {
  await withSupervisor(["never starts"], { graceMs: 50 }, async ({ code, stop, events }) => {
    await waitFor("starting", () => events("scenario").length === 1);
    stop.abort();
    assert.equal(await code, 1);
  });
});

Deno.test("A role that waits for its restart stops at once", async () => {
  const backoff = { firstMs: 3_600_000, maxMs: 3_600_000 };
  await withSupervisor(["throw at start"], { backoff }, async ({ code, stop, events }) => {
    await waitFor("crash", () => events("worker_crashed").length === 1);
    stop.abort();
    assert.equal(await code, 0);
  });
});

Deno.test("The service manager hears of readiness, of each answered round of pings, and of the stop", async () => {
  const dir = await Deno.makeTempDir();
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path: `${dir}/notify` });
  const heard: string[] = [];
  const receiving = (async () => {
    for await (const [data] of receiver) heard.push(new TextDecoder().decode(data));
  })();
  const serviceManager = openServiceManager({ NOTIFY_SOCKET: `${dir}/notify`, WATCHDOG_USEC: "200000" });
  assert.ok(serviceManager !== null);
  try {
    await withSupervisor(["crash late once"], { serviceManager }, async ({ ready, stop, code }) => {
      await waitFor("restart", () => ready.length === 2);
      await waitFor(
        "watchdog",
        () => heard.slice(heard.findIndex((text) => text.includes("restarted"))).includes("WATCHDOG=1"),
      );
      stop.abort();
      assert.equal(await code, 0);
    });
    await serviceManager.close();
    await waitFor("the last word", () => heard.includes("STOPPING=1\nSTATUS=Stopping"));
  } finally {
    receiver.close();
    await receiving;
    await Deno.remove(dir, { recursive: true });
  }
  assert.equal(heard[0], "READY=1\nSTATUS=Ready: test://0");
  assert.equal(heard.filter((text) => text.startsWith("READY=1")).length, 1);
  const restarting = heard.findIndex((text) => text.startsWith("STATUS=simulator is being restarted"));
  const again = heard.indexOf("STATUS=Ready: test://1");
  assert.ok(restarting > 0 && again > restarting, heard.join("\n"));
  assert.ok(!heard.slice(restarting, again).includes("WATCHDOG=1"), "a worker that is away does not feed the watchdog");
});
