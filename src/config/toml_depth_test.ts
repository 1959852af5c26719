import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig } from "./load.ts";
import { nestsDeeper } from "./toml_depth.ts";

const times = (count: number, text: string) => text.repeat(count);

Deno.test("brackets, braces and the dots of keys count as depth together", () => {
  const deep = [
    `a = ${times(33, "[")}${times(33, "]")}`,
    `${times(33, "a.")}a = 1`,
    `[${times(33, "a.")}a]`,
    `[[${times(33, "a.")}a]]`,
    `a = ${times(17, "{ b.c = ")}1${times(17, " }")}`,
    `a = ["""x"""", { ${times(33, "b.")}b = 1 }]`,
    `a = ['''x''''', { ${times(33, "b.")}b = 1 }]`,
    times(100_000, "["),
    `${times(100_000, "a.")}`,
  ];
  for (const text of deep) assert.equal(nestsDeeper(text), true, text.slice(0, 40));
});

Deno.test("what stands in texts and comments is no depth, nor is one thing after the other", () => {
  const flat = [
    `a = "${times(100, "[")}" # ${times(100, "{")}`,
    `a = '${times(100, ".")}'\nb = """\n${times(100, '[ "\n')}"""\nc = '''${times(100, "['\n")}'''`,
    `a = "\\"${times(100, "[")}"`,
    `a = [${times(1000, "1.5, ")}]`,
    times(1000, "[[application]]\n[a.b]\nc.d = { e = [1, 2] }\n"),
    `a = "${times(100, "[")}`,
    '"""',
    "]]]}}}",
  ];
  for (const text of flat) assert.equal(nestsDeeper(text), false, text.slice(0, 40));
});

async function load(text: string) {
  const file = "/plant/edgekeep.toml";
  return await loadConfig({
    path: file,
    env: {},
    cwd: "/plant",
    readFile: (path) => path === join(file) ? Promise.resolve(text) : Promise.reject(new Deno.errors.NotFound()),
  });
}

Deno.test("a file that nests deeper is refused before anybody looks for its places", async () => {
  const { ok, findings } = await load(`[${times(400_000, "a.")}a]\n`);
  assert.deepEqual([ok, findings.map(({ rule }) => rule)], [false, ["toml_depth"]]);
});

Deno.test("of very many findings the first are told, and how many there are", async () => {
  const { ok, findings } = await load(times(40_000, "[[application]]\na = 1\n"));
  assert.equal(ok, false);
  assert.equal(findings.length, 201);
  const last = findings.at(-1);
  assert.equal(last?.rule, "more_findings");
  assert.equal(last?.severity, "error");
  assert.match(last?.text ?? "", /^\d+ further findings/);
});
