import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Quality } from "../../src/tags/quality.ts";
import { startWeb, type WebHandle } from "../../src/web/start_web.ts";
import { type Look, TestBrowser } from "../lib/browser.ts";
import { builtPage } from "../lib/built_page.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { webConfig, WebWorld } from "../lib/web_world.ts";
import { installAxe, seriousFaults } from "./axe.ts";

const TEMPERATURE = "a840410000000001/temperature";
const desk: Look = { width: 1280, height: 800 };

/** A page of the small world at an address, with what a test needs to move things behind it. */
interface Stage {
  readonly world: WebWorld;
  readonly page: Page;
  readonly url: string;
  readonly complaints: string[];
  /** Stops the server, as a crash or a pulled plug does for the page. */
  readonly stopServer: () => Promise<void>;
  /** Starts it again at the same address, as another process: positions in its stream mean nothing there. */
  readonly startServer: () => Promise<void>;
}

function browserTest(name: string, path: string, run: (stage: Stage) => Promise<void>, look: Look = desk): void {
  Deno.test({
    name,
    ...requires("chromium"),
    async fn() {
      const world = new WebWorld();
      world.set({ [TEMPERATURE]: 21.5, "a840410000000002/open": true, "a840410000000002/cycles": 3 });
      const assetsUrl = await builtPage();
      let server: WebHandle | null = await startWeb(world.options({ assetsUrl, timings: { statusMs: 200 } }));
      const { url } = server;
      const listen = new URL(url).host;
      try {
        await using browser = await TestBrowser.launch();
        const { page, complaints } = await browser.open(url, look);
        await installAxe(page);
        await page.goto(`${url}/${path}`);
        await run({
          world,
          page,
          url,
          complaints,
          stopServer: async () => {
            await server?.stop();
            server = null;
          },
          startServer: async () => {
            server = await startWeb(
              world.options({ assetsUrl, config: webConfig({ listen }), timings: { statusMs: 200 } }),
            );
          },
        });
      } finally {
        await server?.stop();
      }
    },
  });
}

browserTest(
  "values, qualities and ages move on the page as they do in the gateway",
  "#/tags",
  async ({ world, page }) => {
    const row = page.getByRole("row", { name: /temperature/ });
    await row.getByText("21.5").waitFor();
    await row.getByText("Good").waitFor();
    world.set({ [TEMPERATURE]: 22.75 }, Quality.Good, Date.now() * 1000);
    await row.getByText("22.75").waitFor();
    await row.getByText(/^([2-9]|\d\d) s ago$/).waitFor();
    world.set({ [TEMPERATURE]: null }, Quality.BadSensorFailure, Date.now() * 1000);
    await row.getByText("Sensor failure").waitFor();
    await row.getByText("The device reports that its sensor has failed.").waitFor();
    await row.getByText("22.75").waitFor();
    assert.match(await row.getAttribute("class") ?? "", /standing-bad/);
  },
);

browserTest("an open tag goes on live, with its trend", `#/tags?tag=${TEMPERATURE}`, async ({ world, page }) => {
  const nowUs = Date.now() * 1000;
  world.history.rows.set(TEMPERATURE, [{ timeUs: nowUs - 60_000_000, value: 19, quality: 0 }]);
  const detail = page.getByRole("complementary", { name: "Details of temperature" });
  await detail.getByText("21.5").waitFor();
  await page.reload();
  await detail.getByRole("img", { name: /lowest 19 °C, highest 19 °C/ }).waitFor();
  world.set({ [TEMPERATURE]: 27.25 }, Quality.Good, Date.now() * 1000);
  await detail.getByRole("img", { name: /lowest 19 °C, highest 27.25 °C, last 27.25 °C/ }).waitFor();
  world.set({ [TEMPERATURE]: 28 }, Quality.UncertainLastUsableValue, Date.now() * 1000);
  await detail.getByText("No new value for longer than expected. This is the last one received.").waitFor();
  await page.keyboard.press("Escape");
  await detail.waitFor({ state: "detached" });
});

browserTest("a fault and an event appear on the overview, and the fault goes", "#/", async ({ world, page }) => {
  await page.getByRole("heading", { level: 1, name: "All is well" }).waitFor();
  world.faults.raise("source_unreachable", "connect ECONNREFUSED 127.0.0.1:8081");
  world.feed.add("error", "source_disconnected", "gateway", "Lost ChirpStack");
  await page.getByRole("heading", { level: 1, name: "Not working as it should" }).waitFor();
  await page.getByText("connect ECONNREFUSED 127.0.0.1:8081").waitFor();
  await page.getByText("the cable and the firewall").waitFor();
  await page.getByText("Lost ChirpStack").waitFor();
  await waitFor("the title to warn", async () => (await page.title()).startsWith("⚠ "));
  world.faults.clear("source_unreachable");
  await page.getByRole("heading", { level: 1, name: "All is well" }).waitFor();
});

browserTest(
  "tags that a new configuration brings appear, and what it drops goes",
  "#/tags",
  async ({ world, page }) => {
    await page.getByRole("row", { name: /temperature/ }).waitFor();
    const definitions = [...world.tags.list()].map(({ definition }) => definition)
      .filter(({ id }) => id !== TEMPERATURE)
      .map((definition) => definition.name === "cycles" ? { ...definition, unit: "strokes" } : definition);
    world.tags.define(definitions);
    await page.getByRole("row", { name: /temperature/ }).waitFor({ state: "detached" });
    await page.getByRole("row", { name: /cycles.*strokes/ }).waitFor();
  },
);

browserTest("a lost gateway is announced, values turn stale, and all comes back by itself", "#/tags", async (stage) => {
  const { world, page, complaints } = stage;
  await page.getByRole("row", { name: /21.5/ }).waitFor();
  assert.deepEqual(complaints, []);
  await stage.stopServer();
  const alert = page.getByRole("alert");
  await alert.getByText("No connection to the gateway since").waitFor();
  await alert.getByText("not the present").waitFor();
  await waitFor("the title to warn", async () => (await page.title()).startsWith("⚠ Connection lost"));
  await page.getByText("Connection lost", { exact: true }).waitFor();
  const style = await page.evaluate<string>("getComputedStyle(document.querySelector('.row .value')).fontStyle");
  assert.equal(style, "italic", "a stale value does not look like a live one");
  assert.deepEqual(await seriousFaults(page), []);
  world.set({ [TEMPERATURE]: 30.5 }, Quality.Good, Date.now() * 1000);
  await stage.startServer();
  await page.getByRole("row", { name: /30.5/ }).waitFor();
  await alert.getByText("No connection").waitFor({ state: "detached" });
  world.set({ [TEMPERATURE]: 31.5 }, Quality.Good, Date.now() * 1000);
  await page.getByRole("row", { name: /31.5/ }).waitFor();
});

browserTest("on a phone the header and the banner fit, whatever they say", "#/", async ({ page, stopServer }) => {
  await page.getByLabel("Language").selectOption("de");
  const apart = async () => {
    const [name, tools] = await Promise.all([
      page.locator(".identity-name").boundingBox(),
      page.locator(".tools").boundingBox(),
    ]);
    assert(name !== null && tools !== null && name.x + name.width <= tools.x, "the name runs into the tools");
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
  };
  await page.getByText("north-field").waitFor();
  await apart();
  await stopServer();
  await page.getByRole("alert").getByText("Keine Verbindung zum Gateway").waitFor();
  await apart();
}, { width: 390, height: 844 });

browserTest("the banner's button tries at once", "#/", async (stage) => {
  const { page } = stage;
  await page.clock.install();
  await page.reload();
  await page.getByRole("heading", { level: 1 }).waitFor();
  await stage.stopServer();
  const button = page.getByRole("button", { name: "Try now" });
  await button.waitFor();
  // the page's own next attempt would come some time, and the button go: its clock stands until the button has tried
  await page.clock.pauseAt(Date.now() + 60_000);
  await stage.startServer();
  const asked = page.waitForResponse((answer) => answer.url().includes("/tags/stream") && answer.ok());
  await button.click();
  await asked;
  await page.clock.resume();
  await button.waitFor({ state: "detached" });
  await page.getByText("Live", { exact: true }).waitFor();
});

browserTest("everything can be reached and used with the keyboard", "#/tags", async ({ page }) => {
  await page.getByRole("row", { name: /temperature/ }).waitFor();
  const focused = () => page.evaluate<string>("document.activeElement.textContent");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "content");
  await page.keyboard.press("/");
  await page.keyboard.type("soil");
  await page.getByText("3 of 6 tags").waitFor();
  await waitFor("the address to follow", () => page.url().includes("search=soil"));
  await page.getByRole("link", { name: "moisture" }).focus();
  await page.keyboard.press("ArrowDown");
  await waitFor("the next row", async () => await focused() === "state");
  await page.keyboard.press("ArrowDown");
  await waitFor("the row after", async () => await focused() === "temperature");
  await page.keyboard.press("ArrowUp");
  await waitFor("the row before", async () => await focused() === "state");
  await page.keyboard.press("Enter");
  await page.getByRole("complementary", { name: "Details of state" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("complementary").waitFor({ state: "detached" });
  await page.goBack();
  await page.getByRole("complementary", { name: "Details of state" }).waitFor();
});

browserTest("theme and language are chosen, and remembered", "#/", async ({ page }) => {
  await page.getByRole("button", { name: "Switch to the dark theme" }).click();
  const ground = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
  const dark = await ground();
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { level: 1, name: "Alles in Ordnung" }).waitFor();
  await page.getByText("warten auf ihren ersten Wert").waitFor();
  assert.equal(await page.evaluate("document.documentElement.lang"), "de");
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Alles in Ordnung" }).waitFor();
  assert.equal(await ground(), dark);
  await page.getByRole("button", { name: "Zum hellen Erscheinungsbild wechseln" }).click();
  assert.notEqual(await ground(), dark);
});

browserTest("the endpoint URL is copied", "#/", async ({ page, url }) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
  await page.getByRole("button", { name: "Copy Endpoint" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate("navigator.clipboard.readText()"), "opc.tcp://127.0.0.1:4840");
});

browserTest("on a phone a device is chosen from a list, and details take the screen", "#/tags", async ({ page }) => {
  await page.getByRole("combobox", { name: "Device" }).selectOption({ label: "Valve 2" });
  await page.getByText("2 tags").waitFor();
  await page.getByRole("link", { name: "cycles" }).click();
  const detail = page.getByRole("complementary", { name: "Details of cycles" });
  await detail.getByText("ns=2;s=a840410000000002/cycles").waitFor();
  assert.equal(await page.getByRole("table").isVisible(), false);
  await detail.getByRole("button", { name: "Close" }).click();
  await page.getByRole("table").waitFor();
}, { width: 390, height: 844 });

Deno.test({
  name: "five thousand tags draw no more rows than fifty, and the last can be reached",
  ...requires("chromium"),
  async fn() {
    const device = Array.from({ length: 50 }, (_, index) => ({
      device_id: (0xa000_0000_0000_0000n + BigInt(index)).toString(16),
      device_name: `Device ${index}`,
      read_metric: Array.from({ length: 100 }, (_, metric) => ({
        metric_name: `metric ${metric}`,
        chirpstack_metric_name: `m${metric}`,
        metric_type: "Int",
      })),
    }));
    const world = new WebWorld({ application: [{ application_name: "Plant", application_id: "plant", device }] });
    const server = await startWeb(world.options({ assetsUrl: await builtPage() }));
    try {
      await using browser = await TestBrowser.launch();
      const { page, complaints } = await browser.open(server.url, desk);
      await page.goto(`${server.url}/#/tags`);
      await page.getByText("5,000 tags").waitFor();
      const drawn = await page.getByRole("row").count();
      assert(drawn < 60, `${drawn} rows are drawn`);
      assert.equal(await page.getByRole("table").getAttribute("aria-rowcount"), "5001");
      await page.evaluate("document.querySelector('.table-body').scrollTo(0, 1e9)");
      await page.getByRole("row", { name: /metric 99 Device 49/ }).waitFor();
      const ids = [...world.tags.list()].filter(({ definition }) => !definition.name.startsWith("$")).map(({ id }) =>
        id
      );
      world.set(Object.fromEntries(ids.map((id) => [id, 4711])));
      await page.getByRole("row", { name: /metric 99 Device 49 4,711/ }).waitFor();
      assert.deepEqual(complaints, []);
    } finally {
      await server.stop();
    }
  },
});
