import assert from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { startWeb } from "../../src/web/start_web.ts";
import { TestBrowser } from "../lib/browser.ts";
import { builtPage } from "../lib/built_page.ts";
import { PausableProxy } from "../lib/pausable_proxy.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { WebWorld } from "../lib/web_world.ts";

const TEMPERATURE = "a840410000000001/temperature";
const look = { width: 1280, height: 800 };

Deno.test({
  name: "a gateway that falls silent without closing the connection counts as lost",
  ...requires("chromium"),
  async fn() {
    const world = new WebWorld();
    world.set({ [TEMPERATURE]: 21.5 });
    const server = await startWeb(world.options({ assetsUrl: await builtPage() }));
    try {
      await using proxy = new PausableProxy(Number(new URL(server.url).port));
      await using browser = await TestBrowser.launch();
      const url = `http://127.0.0.1:${proxy.port}`;
      const { page } = await browser.open(url, look);
      await page.clock.install();
      await page.goto(`${url}/#/tags`);
      await page.getByRole("row", { name: /21.5/ }).waitFor();
      proxy.pause();
      await page.clock.fastForward(14_000);
      await page.getByRole("alert").getByText("No connection to the gateway").waitFor();
      world.set({ [TEMPERATURE]: 30.5 }, Quality.Good, Date.now() * 1000);
      proxy.resume();
      await page.clock.fastForward(6_000);
      await page.getByRole("row", { name: /30.5/ }).waitFor();
      await page.getByText("Live", { exact: true }).waitFor();
    } finally {
      await server.stop();
    }
  },
});

Deno.test({
  name: "a page that nobody sees gives its stream back, and takes it up when seen again",
  ...requires("chromium"),
  async fn() {
    const world = new WebWorld();
    world.set({ [TEMPERATURE]: 21.5 });
    const server = await startWeb(world.options({ assetsUrl: await builtPage() }));
    const streams = async () => /^edgekeep_web_streams (\d+)$/m.exec(await world.metrics.metrics())?.[1];
    try {
      await using browser = await TestBrowser.launch();
      const { page, complaints } = await browser.open(server.url, look);
      await page.clock.install();
      await page.goto(`${server.url}/#/tags`);
      await page.getByRole("row", { name: /21.5/ }).waitFor();
      await waitFor("the stream", async () => await streams() === "1");
      const show = (state: string) =>
        page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));`);
      await show("hidden");
      await page.clock.fastForward(61_000);
      await waitFor("the stream to be given back", async () => await streams() === "0");
      world.set({ [TEMPERATURE]: 30.5 }, Quality.Good, Date.now() * 1000);
      await show("visible");
      await page.getByRole("row", { name: /30.5/ }).waitFor();
      await waitFor("the stream", async () => await streams() === "1");
      assert.deepEqual(complaints, []);
    } finally {
      await server.stop();
    }
  },
});
