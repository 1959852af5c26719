import assert from "node:assert/strict";
import { operations } from "../policy/operations.ts";
import { operationsPage } from "./operations_page.ts";

Deno.test("docs/operations.md is what the registry makes of it", async () => {
  const shipped = await Deno.readTextFile(new URL("../../docs/operations.md", import.meta.url));
  assert.equal(
    shipped,
    operationsPage(),
    "docs/operations.md is out of date: deno run -A src/operations/write_operations_page.ts",
  );
});

Deno.test("the page has a section for every operation, with its role, its address and its parameters", () => {
  const page = operationsPage();
  for (const [name, { role, http, debug }] of Object.entries(operations)) {
    const start = page.indexOf(`## \`${name}\``);
    assert.ok(start > 0, name);
    const section = page.slice(start, page.indexOf("\n## ", start + 1));
    assert.ok(section.includes(role === null ? "Anybody" : `Needs the role ${role}`), name);
    if (http !== null) assert.ok(section.includes(`${http.method.toUpperCase()} ${http.path}`), name);
    assert.equal(section.includes("debug operations open"), debug, name);
  }
  assert.match(page, /\| `minutes`\s+\| whole number 1 to 60\s+\| `15`/);
});
