import { startWeb } from "../../src/web/start_web.ts";
import { TestBrowser } from "../lib/browser.ts";
import { builtPage } from "../lib/built_page.ts";
import { requires } from "../lib/requires.ts";
import { StoredWorld } from "../lib/stored_world.ts";

const TEMPERATURE = "a840410000000001/temperature";

Deno.test({
  name: "the trend shows what a real history stored, hour by hour and as a week",
  ...requires("chromium"),
  async fn() {
    await using world = await StoredWorld.open();
    const nowUs = Date.now() * 1000;
    for (let minute = 5 * 1440; minute >= 0; minute--) {
      world.set({ [TEMPERATURE]: 10 + minute / 1440 }, 0, nowUs - minute * 60_000_000);
    }
    world.set({ "a840410000000001/state": "armed" }, 0, nowUs - 1_000_000);
    world.set({ "a840410000000001/state": "tripped" }, 0, nowUs);
    world.stored.writer.flush();
    const server = await startWeb(
      world.options({ history: world.stored.queries, assetsUrl: await builtPage() }),
    );
    try {
      await using browser = await TestBrowser.launch();
      const { page } = await browser.open(server.url, { width: 1440, height: 900 });
      await page.goto(`${server.url}/#/tags?tag=${encodeURIComponent(TEMPERATURE)}`);
      await page.getByRole("img", { name: /Trend of temperature: lowest 10 °C, highest 10\.2\d+ °C, last 10 °C/ })
        .waitFor();
      await page.getByRole("button", { name: "7 d" }).click();
      await page.getByRole("img", { name: /Trend of temperature: lowest 10 °C, highest 15 °C/ }).waitFor();
      await page.getByText("Line: mean of each 30 min.").waitFor();
      await page.getByRole("link", { name: "state" }).click();
      const changes = page.getByRole("list", { name: "Last changes" });
      await changes.getByText("tripped").waitFor();
      await changes.getByText("armed").waitFor();
    } finally {
      await server.stop();
    }
  },
});
