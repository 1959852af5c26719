import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { startWeb } from "../../src/web/start_web.ts";
import { TestBrowser } from "../lib/browser.ts";
import { builtPage } from "../lib/built_page.ts";
import { requires } from "../lib/requires.ts";
import { installAxe, seriousFaults } from "./axe.ts";
import { fieldWorld } from "./field_world.ts";

const artifacts = new URL("../artifacts/", import.meta.url);
const widths = [{ width: 1440, height: 900 }, { width: 390, height: 844 }] as const;
const schemes = ["light", "dark"] as const;

/** What is looked at: how to get there, and what must be seen then. */
const sights: readonly { name: string; visit: (page: Page, url: string) => Promise<void> }[] = [
  {
    name: "overview",
    visit: async (page, url) => {
      await page.goto(`${url}/`);
      await page.getByRole("heading", { level: 1, name: "Working, but needs attention" }).waitFor();
      await page.getByText("opc.tcp://127.0.0.1:4840").waitFor();
      await page.getByText("Nothing heard for 3 h").waitFor();
    },
  },
  {
    name: "tags",
    visit: async (page, url) => {
      await page.goto(`${url}/#/tags`);
      await page.getByRole("row", { name: /active energy/ }).first().waitFor();
    },
  },
  {
    name: "not-good",
    visit: async (page, url) => {
      await page.goto(`${url}/#/tags?show=not_good&diagnostics=1`);
      await page.getByRole("row", { name: /Sensor failure/ }).waitFor();
    },
  },
  {
    name: "detail",
    visit: async (page, url) => {
      await page.goto(`${url}/#/tags?search=soil+temperature+probe+1`);
      await page.getByRole("link", { name: "soil temperature" }).first().click();
      await page.getByRole("img", { name: /Trend of soil temperature: lowest/ }).waitFor();
    },
  },
  {
    name: "week",
    visit: async (page, url) => {
      await page.goto(`${url}/#/tags?search=power+feed-in`);
      await page.getByRole("link", { name: "power" }).first().click();
      await page.getByRole("button", { name: "7 d" }).click();
      await page.getByText("Line: mean of each").waitFor();
    },
  },
];

for (const { width, height } of widths) {
  for (const colorScheme of schemes) {
    Deno.test({
      name: `every page is sound at ${width} px in ${colorScheme} colours`,
      ...requires("chromium"),
      async fn(test) {
        await Deno.mkdir(artifacts, { recursive: true });
        const server = await startWeb(fieldWorld().options({ assetsUrl: await builtPage() }));
        try {
          await using browser = await TestBrowser.launch();
          for (const { name, visit } of sights) {
            await test.step(name, async () => {
              const { page, context, complaints } = await browser.open(server.url, { width, height, colorScheme });
              await installAxe(page);
              await visit(page, server.url);
              await page.evaluate("document.fonts.ready");
              const path = new URL(`${name}-${width}-${colorScheme}.png`, artifacts).pathname;
              await page.screenshot({ path, fullPage: name === "overview", animations: "disabled" });
              assert.deepEqual(await seriousFaults(page), []);
              const wide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
              assert(wide <= 0, `the page is ${wide} px wider than the screen`);
              assert.deepEqual(complaints, []);
              await context.close();
            });
          }
        } finally {
          await server.stop();
        }
      },
    });
  }
}
