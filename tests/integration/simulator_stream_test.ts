import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { startSimulator } from "../../src/sources/simulator/start_simulator.ts";
import { ChirpStackClient } from "../lib/chirpstack_client.ts";
import { waitFor } from "../lib/wait_for.ts";

const token = "token-of-the-test";
const soilProbe = "02ed9ee000000001";
const quiet = { hostname: "127.0.0.1", port: 0, apiToken: token, devices: 5, intervalMs: 0 };

Deno.test("a stream replays the last ten events, oldest first, and goes on with live ones", async () => {
  const simulator = await startSimulator(quiet);
  try {
    for (let n = 1; n <= 12; n++) simulator.sendUplink(soilProbe, { n });
    using client = new ChirpStackClient(simulator.url, token);
    const stream = client.stream(soilProbe);
    await waitFor("the replay", () => stream.items.length >= 10);
    simulator.sendUplink(soilProbe, { n: 13 });
    await waitFor("the live event", () => stream.items.length >= 11);
    assert.deepEqual(stream.bodies("up").map(({ object }) => object.n), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  } finally {
    await simulator.stop();
  }
});

Deno.test("calls without the right bearer token are unauthenticated", async () => {
  const simulator = await startSimulator(quiet);
  try {
    for (const wrong of [null, "another", `${token} `]) {
      using client = new ChirpStackClient(simulator.url, wrong);
      await assert.rejects(client.getDevice(soilProbe), { code: status.UNAUTHENTICATED });
      const stream = client.stream(soilProbe);
      await waitFor("the refusal", () => stream.error);
      assert.equal(stream.error?.code, status.UNAUTHENTICATED);
    }
  } finally {
    await simulator.stop();
  }
});
