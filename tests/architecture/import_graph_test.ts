import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { importFindings } from "./import_rules.ts";
import { type Import, type Module, readModules } from "./module_graph.ts";

const src = new URL("../../src/", import.meta.url);

Deno.test("imports run inwards, and only roots know where files lie", async () => {
  const modules = await readModules(src);
  assert.ok(modules.length > 20, `the graph has ${modules.length} modules`);
  assert.ok(modules.some(({ path, imports }) => path === "gateway.ts" && imports.length > 0), "the roots were read");
  assert.deepEqual(importFindings(modules), []);
});

/** A module that imports what it is told to. */
function sample(path: string, targets: readonly string[], more: Partial<Import> & { text?: string } = {}): Module {
  const { text = "", ...rest } = more;
  return {
    path,
    text,
    imports: targets.map((target) => ({ specifier: target, target, typeOnly: false, ...rest })),
  };
}

for (
  const { what, modules, finding } of [
    { what: "an arrow that runs outwards", modules: [sample("tags/a.ts", ["history/b.ts"])], finding: /outwards/ },
    {
      what: "an arrow that runs outwards for a type",
      modules: [sample("telemetry/a.ts", ["config/schema.ts"], { typeOnly: true })],
      finding: /outwards/,
    },
    {
      what: "an outer room that knows another",
      modules: [sample("opcua/a.ts", ["web/b.ts"])],
      finding: /neighbour 'web'/,
    },
    { what: "a room that imports a root", modules: [sample("history/a.ts", ["gateway.ts"])], finding: /root module/ },
    { what: "a shared module that imports a room", modules: [sample("version.ts", ["tags/a.ts"])], finding: /shared/ },
    { what: "a room without a rank", modules: [sample("attic/a.ts", [])], finding: /no rank/ },
    { what: "a file system in tags", modules: [sample("tags/a.ts", ["node:fs"])], finding: /does no I\/O/ },
    {
      what: "a package in policy",
      modules: [sample("policy/a.ts", ["npm:zod@4.6.7"], { specifier: "zod" })],
      finding: /does no I\/O/,
    },
    {
      what: "a global that does I/O in policy",
      modules: [sample("policy/a.ts", [], { text: "const text = await Deno.readTextFile(path);" })],
      finding: /uses Deno/,
    },
    {
      what: "a module that asks where it lies",
      modules: [sample("web/a.ts", [], { text: "const page = new URL('page.html', import.meta.url);" })],
      finding: /import\.meta\.url/,
    },
    {
      what: "a package that deno.json does not name",
      modules: [sample("web/a.ts", ["npm:left-pad@1.3.0"])],
      finding: /name the package in deno\.json/,
    },
    {
      what: "an import that leads nowhere",
      modules: [sample("web/a.ts", [""], { specifier: "left-pad", target: null })],
      finding: /does not resolve/,
    },
    {
      what: "a browser program that imports code of the server",
      modules: [sample("ui/a.ts", ["web/b.ts"])],
      finding: /more than types/,
    },
    {
      what: "a browser program that imports another room",
      modules: [sample("ui/a.ts", ["tags/b.ts"], { typeOnly: true })],
      finding: /browser program imports the room 'tags'/,
    },
    {
      what: "modules in a ring",
      modules: [sample("tags/a.ts", ["tags/b.ts"]), sample("tags/b.ts", ["tags/a.ts"])],
      finding: /ring: tags\/a\.ts → tags\/b\.ts → tags\/a\.ts/,
    },
  ]
) {
  Deno.test(`the import rules refuse ${what}`, () => {
    const findings = importFindings(modules);
    assert.equal(findings.length, 1, findings.join("\n"));
    assert.match(findings[0] ?? "", finding);
  });
}

Deno.test("the import rules accept what the house allows", () => {
  assert.deepEqual(
    importFindings([
      sample("main.ts", ["cli/a.ts", "opcua/a.ts"], { text: "import.meta.url" }),
      sample("cli/a.ts", ["supervisor/a.ts", "version.ts", "node:process"]),
      sample("opcua/a.ts", ["history/a.ts", "tags/a.ts", "telemetry/a.ts"]),
      sample("policy/a.ts", ["config/a.ts"], { text: "// Deno.env is read elsewhere, see https://example.org/" }),
      sample("ui/a.ts", ["web/a.ts"], { typeOnly: true }),
    ]),
    [],
  );
});

Deno.test("the graph is read from the files: types, re-exports, dynamic imports, but no tests", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files = {
      "src/tags/tag.ts": "export interface Tag { readonly id: string }\nexport const one = 1;\n",
      "src/tags/tag_test.ts": `import "../history/store.ts";\n`,
      "src/tags/again.ts": `export { one } from "./tag.ts";\n`,
      "src/tags/outwards.ts": `import type { Row } from "../history/store.ts";\nexport type Other = Row;\n`,
      "src/history/store.ts":
        `import { join } from "node:path";\nexport type Row = string;\nexport const late = () => import("../tags/tag.ts");\nexport { join };\n`,
    };
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
      await Deno.writeTextFile(join(folder, path), text);
    }
    const modules = await readModules(pathToFileURL(`${folder}/src/`));
    const importsOf = (path: string) => modules.find((module) => module.path === path)?.imports;
    assert.equal(importsOf("tags/tag_test.ts"), undefined);
    assert.deepEqual(importsOf("tags/again.ts"), [{ specifier: "./tag.ts", target: "tags/tag.ts", typeOnly: false }]);
    assert.deepEqual(importsOf("tags/outwards.ts"), [
      { specifier: "../history/store.ts", target: "history/store.ts", typeOnly: true },
    ]);
    assert.deepEqual(importsOf("history/store.ts")?.map(({ target }) => target).sort(), ["node:path", "tags/tag.ts"]);
    assert.deepEqual(importFindings(modules), [
      "tags/outwards.ts imports outwards, from 'history' (history/store.ts)",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
