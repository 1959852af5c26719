// deno-lint-ignore-file no-non-null-assertion -- what is missing fails the test
import assert from "node:assert/strict";
import { codePaths } from "../../src/supervisor/code_paths.ts";
import { simulatorPermissions } from "../../src/supervisor/permissions.ts";
import type { FromWorker, SimulatorStartOptions, ToWorker } from "../../src/supervisor/role_protocol.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const entry = new URL("../../src/simulator.ts", import.meta.url);
const options = { hostname: "127.0.0.1", port: 0, apiToken: "token-of-the-test", devices: 5, intervalMs: 50 };

/** The simulator's role in its worker, with the sandbox that the supervisor gives it. */
function startRole(start: SimulatorStartOptions) {
  const facts = { codePaths: codePaths(new URL("../../src/main.ts", import.meta.url).href) };
  const worker = new Worker(entry, { type: "module", deno: { permissions: simulatorPermissions(start, facts) } });
  const messages: FromWorker[] = [];
  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => messages.push(data));
  const send = (message: ToWorker) => worker.postMessage(message);
  send({ type: "start", start: { role: "simulator", options: start, logLevel: "info" } });
  const received = <T extends FromWorker["type"]>(type: T) =>
    waitFor(
      `'${type}' of the worker`,
      () => messages.find((m): m is Extract<FromWorker, { type: T }> => m.type === type),
    );
  return { worker, send, received };
}

Deno.test("the simulator runs in a worker that may do nothing but listen", async () => {
  const { worker, send, received } = startRole(options);
  try {
    const { info } = await received("ready");
    const url = info.listening.grpc!;
    assert.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    using client = new ChirpStackClient(url, options.apiToken);
    assert.equal((await client.listTenants()).getTotalCount(), 1);
    const stream = client.stream("02ed9ee000000001");
    await waitFor("history and traffic of its own", () => stream.bodies("up").length > 12);
    const { record } = await received("log");
    assert.equal(record.properties.event, "simulator_listening");
    assert.ok(!JSON.stringify(record).includes(options.apiToken));
    send({ type: "ping", id: 7 });
    assert.deepEqual(await received("pong"), { type: "pong", id: 7 });
    send({ type: "stop", graceMs: 5000 });
    await received("stopped");
    await waitFor("the end of the stream", () => stream.error);
  } finally {
    worker.terminate();
  }
});

Deno.test("a port that is taken ends the simulator's role with the exit code for it", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { worker, received } = startRole({ ...options, port: other.addr.port });
  try {
    const failed = await received("failed");
    assert.equal(failed.code, "EADDRINUSE");
    assert.equal(failed.exitCode, 6);
  } finally {
    worker.terminate();
  }
});
