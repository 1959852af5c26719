import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { TestBrowser } from "../lib/browser.ts";
import { requires } from "../lib/requires.ts";
import { installAxe, seriousFaults } from "./axe.ts";
import { guardedGateway, passwordOf } from "./guarded_gateway.ts";

const artifacts = new URL("../artifacts/", import.meta.url);

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(passwordOf(name));
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

for (const { width, height } of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  for (const colorScheme of ["light", "dark"] as const) {
    Deno.test({
      name: `alarms and commands are sound at ${width} px in ${colorScheme} colours`,
      ...requires("chromium"),
      async fn() {
        await Deno.mkdir(artifacts, { recursive: true });
        await using gateway = await guardedGateway({ users: { olga: "operator" } });
        await using browser = await TestBrowser.launch();
        const { page, complaints } = await browser.open(gateway.url, { width, height, colorScheme });
        await installAxe(page);
        const sound = async (name: string) => {
          await page.evaluate("scrollTo(0, 0), document.fonts.ready");
          const path = new URL(`${name}-${width}-${colorScheme}.png`, artifacts).pathname;
          await page.screenshot({ path, fullPage: true, animations: "disabled" });
          assert.deepEqual(await seriousFaults(page), []);
          const wide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
          assert(wide <= 0, `the page is ${wide} px wider than the screen`);
        };
        await page.goto(`${gateway.url}/#/alarms`);
        await logIn(page, "olga");
        await page.getByRole("row", { name: /power/ }).waitFor();
        await page.getByRole("button", { name: /^More about .*power/ }).click();
        await page.getByLabel("Comment").waitFor();
        await sound("alarms");
        await page.getByRole("button", { name: "Journal" }).click();
        await page.getByRole("table", { name: "Journal" }).waitFor();
        await sound("alarm-journal");
        await page.goto(`${gateway.url}/#/commands`);
        await page.getByLabel("Valve", { exact: true }).waitFor();
        await page.getByRole("form", { name: "Send Valve" }).getByRole("button", { name: "Send" }).click();
        await page.getByRole("table", { name: "Commands that were sent" }).getByText("waits here").waitFor();
        await sound("commands");
        assert.deepEqual(complaints, []);
      },
    });
  }
}

Deno.test({
  name: "an operator acknowledges what is active, writes a comment, and sees both in the journal",
  ...requires("chromium"),
  async fn() {
    await using gateway = await guardedGateway({ users: { olga: "operator" } });
    await using browser = await TestBrowser.launch();
    const { page, complaints } = await browser.open(gateway.url, { width: 1280, height: 800 });
    await page.goto(`${gateway.url}/#/alarms`);
    await logIn(page, "olga");
    const row = page.getByRole("row", { name: /power/ });
    await row.getByText("active, very high, not acknowledged").waitFor();
    await page.getByRole("navigation", { name: "Pages" }).getByText("1 not acknowledged").waitFor();
    await row.getByRole("button", { name: "Acknowledge" }).click();
    await row.getByText("active, very high, not confirmed").waitFor();
    await row.getByRole("button", { name: /^More about .*power/ }).click();
    await page.getByLabel("Comment").fill("Electrician is on the way");
    await page.getByRole("button", { name: "Write it down" }).click();
    await page.getByText("olga wrote:").waitFor();
    await page.getByRole("button", { name: "Shelve for an hour" }).click();
    await row.getByText(/shelved until/).waitFor();
    await page.getByRole("button", { name: "Journal" }).click();
    const journal = page.getByRole("table", { name: "Journal" });
    for (const what of ["shelved", "commented", "acknowledged"]) {
      await journal.getByRole("row", { name: new RegExp(`${what}.*olga`) }).waitFor();
    }
    const [alarm] = gateway.alarms.list().filter(({ active }) => active);
    assert.deepEqual([alarm?.acknowledged, alarm?.comment?.by, alarm?.shelving.kind], [true, "olga", "timed"]);
    const records = await gateway.audit.tail({ limit: 50 });
    assert.ok(records.some(({ operation, principal }) => operation === "alarms.ack" && principal === "olga"));
    assert.deepEqual(complaints, []);
  },
});

Deno.test({
  name: "a command is sent from a form made of its arguments, checked, followed and taken back; a viewer only looks",
  ...requires("chromium"),
  async fn() {
    await using gateway = await guardedGateway({ users: { olga: "operator", vera: "viewer" } });
    await using browser = await TestBrowser.launch();
    const { page, complaints } = await browser.open(gateway.url, { width: 1280, height: 800 });
    await page.goto(`${gateway.url}/#/commands`);
    await logIn(page, "olga");
    const form = page.getByRole("form", { name: "Send Water" });
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByText("Fill this in with a number.").waitFor();
    await form.getByLabel("position").fill("140");
    await form.getByRole("button", { name: "Send" }).click();
    await page.getByRole("alert").getByText(/100/).waitFor();
    await form.getByLabel("position").fill("40");
    await form.getByLabel("minutes").selectOption("15");
    await form.getByRole("button", { name: "Send" }).click();
    const sent = page.getByRole("table", { name: "Commands that were sent" });
    await sent.getByText("position = 40, minutes = 15").waitFor();
    await sent.getByText("waits here").waitFor();
    await sent.getByRole("button", { name: "Cancel" }).click();
    await sent.getByRole("group").getByRole("button", { name: "Cancel" }).first().click();
    await sent.getByText("taken back").waitFor();
    // the refusal of 140 is what the browser was told on purpose
    assert.deepEqual(complaints.filter((text) => !/40[09]|422/.test(text)), []);

    const other = await browser.open(gateway.url, { width: 1280, height: 800 });
    await other.page.goto(`${gateway.url}/#/commands`);
    await logIn(other.page, "vera");
    await other.page.getByText("Sending needs the role operator.").waitFor();
    assert.ok(await other.page.getByRole("button", { name: "Send" }).first().isDisabled());
    assert.deepEqual(other.complaints, []);
  },
});
