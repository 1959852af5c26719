import assert from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { TestBrowser } from "../lib/browser.ts";
import { builtPage } from "../lib/built_page.ts";
import { startGatewayProcess } from "../lib/gateway_process.ts";
import { startOpcUaClient, type WireHistoryResult, type WireValue } from "../lib/opcua_client_process.ts";
import { requires } from "../lib/requires.ts";
import { chirpstackToken, site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

const second = 1_000_000;

const name = "an uplink reaches an OPC UA subscription, the history and the web page with its own time and status";

Deno.test({ name, ...requires("chromium"), fn: throughEverything });

async function throughEverything(): Promise<void> {
  await builtPage();
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-main-job-" });
  const simulator = await startSimulatedField(5);
  const [probe] = simulator.devices;
  assert.ok(probe);
  const place = site({ folder, chirpstackUrl: simulator.url, devices: simulator.devices });
  const gateway = await startGatewayProcess(place);
  try {
    await using client = await startOpcUaClient();
    const id = await client.connect(gateway.opcuaUrl);
    const node = `ns=2;s=${probe.devEui}/Soil temperature`;
    const moisture = `ns=2;s=${probe.devEui}/Soil moisture`;
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    await client.call("monitor", { id, subscription, nodes: [node, moisture], samplingMs: 0 });
    const received: WireValue[] = [];
    const next = (what: string, wanted: (value: WireValue) => boolean) =>
      waitFor(what, async () => {
        received.push(...await client.call<WireValue[]>("notifications", { id, node }));
        return received.find(wanted);
      });
    const first = await next("the first notification", () => true);
    assert.equal(first.status, Quality.BadWaitingForInitialData);

    // the vendor's object as the device's codec gives it: numbers as text
    const object = { temp_SOIL: "21.37", water_SOIL: "41.20", conduct_SOIL: 88, Bat: 3.6 };
    const timeUs = Math.floor(Date.now() / 1000) * second + 123_456 - 2 * second;
    simulator.sendUplink(probe.devEui, object, { timeUs });
    const live = await next("the value", (value) => value.value === 21.37);
    assert.deepEqual([live.status, live.sourceUs], [Quality.Good, timeUs]);
    assert.ok(live.serverUs !== null && live.serverUs >= timeUs);

    // garbage for one metric: its neighbour goes on, its own last good value stays
    const laterUs = timeUs + second;
    simulator.sendUplink(probe.devEui, { ...object, temp_SOIL: { raw: [1] }, water_SOIL: "42.00" }, {
      timeUs: laterUs,
    });
    const bad = await next("the decoding error", (value) => value.status === Quality.BadDecodingError);
    assert.equal(bad.sourceUs, laterUs);
    const [temperature, water] = await client.call<WireValue[]>("read", { id, nodes: [node, moisture] });
    assert.deepEqual([temperature?.status, water?.status, water?.value], [Quality.BadDecodingError, Quality.Good, 42]);

    const rows = await waitFor("both rows in the history", async () => {
      const [result] = await client.call<WireHistoryResult[]>("history", {
        id,
        nodes: [node],
        startMs: Math.floor(timeUs / 1000) - 1000,
        endMs: Math.ceil(laterUs / 1000) + 1000,
      });
      return result?.values.length === 2 ? result.values : null;
    });
    assert.deepEqual(rows.map((row) => [row.value, row.status, row.sourceUs]), [
      [21.37, Quality.Good, timeUs],
      [21.37, Quality.BadDecodingError, laterUs],
    ]);

    const url = `${gateway.webUrl}/api/v1/tags?group=${probe.devEui}`;
    const list = await (await fetch(url)).json() as {
      items: { name: string; value: unknown; quality: { name: string } }[];
    };
    const shown = list.items.find((tag) => tag.name === "Soil temperature");
    assert.deepEqual([shown?.value, shown?.quality.name], [21.37, "BadDecodingError"]);
    const status = await waitFor("the streams of the other devices", async () => {
      const found = await gateway.status();
      return found.sources[0]?.state === "connected" && found;
    });
    assert.ok(status.faults.some((fault) => fault.code === "device_decoding" && fault.subject.includes(probe.devEui)));

    await using browser = await TestBrowser.launch();
    const { page, context, complaints } = await browser.open(gateway.webUrl, { width: 1280, height: 800 });
    await page.goto(`${gateway.webUrl}/#/tags`);
    await page.getByRole("searchbox").fill("Soil temperature");
    const row = page.getByRole("row", { name: /Soil temperature/ });
    await row.getByText("21.37").waitFor();
    await row.getByText(/does not fit/).first().waitFor();
    simulator.sendUplink(probe.devEui, { ...object, temp_SOIL: "22.05" }, { timeUs: laterUs + second });
    await row.getByText("22.05").waitFor();
    assert.deepEqual(complaints, []);
    await context.close();

    await client.call("close", { id });
    assert.equal(await gateway.end("SIGTERM"), 0, gateway.output());
    assert.doesNotMatch(gateway.output(), new RegExp(chirpstackToken));
  } finally {
    await gateway.end("SIGKILL");
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
}
