import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { conformancePage } from "./conformance_page.ts";
import { suites } from "./suites.ts";
import { type UnitName, units } from "./units.ts";

const cases = suites.flatMap((suite) => suite.cases.map((one) => ({ ...one, suite: suite.name })));
const names = Object.keys(units) as UnitName[];

Deno.test("each test belongs to a unit that is offered", () => {
  const strangers = cases.filter(({ unit }) => !(unit in units) || units[unit].claim.status === "not offered");
  deepStrictEqual(strangers.map(({ unit, title }) => `${unit}: ${title}`), []);
});

Deno.test("each unit that is offered has a test", () => {
  const tested = new Set<string>(cases.map(({ unit }) => unit));
  const untested = names.filter((name) => units[name].claim.status !== "not offered" && !tested.has(name));
  deepStrictEqual(untested, []);
});

Deno.test("each unit that is not offered whole says why", () => {
  for (const name of names) {
    const { claim } = units[name];
    if (claim.status !== "passed") ok(claim.reason.length > 20, name);
  }
});

Deno.test("a profile's demand that is met with limits is known, and none is not met", () => {
  const unmet = names.filter((name) => !units[name].optional && units[name].claim.status !== "passed");
  deepStrictEqual(unmet, ["UA Secure Conversation"]);
});

Deno.test("there are three hundred tests and more, and no two are the same", () => {
  const titles = cases.map(({ suite, unit, title }) => `${suite}: ${unit}: ${title}`);
  strictEqual(new Set(titles).size, titles.length);
  ok(titles.length >= 300, String(titles.length));
});

Deno.test("the page of the documentation is that of the table", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/opcua-conformance.md", import.meta.url));
  const words = (text: string) => text.replaceAll(/-+/g, "-").replaceAll(/[ \t]+/g, " ").replaceAll(/\s*\n\s*/g, "\n");
  strictEqual(words(page), words(conformancePage(suites)));
});
