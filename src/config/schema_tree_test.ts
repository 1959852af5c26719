import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { Layers } from "./origin.ts";
import { configSchema } from "./schema.ts";
import { toml, valueAt } from "./schema_problems.ts";
import { allValues, nodeAt, schemaTree, type TableNode } from "./schema_tree.ts";
import { secretPaths } from "./secrets.ts";
import { shippedFiles } from "./shipped_files.ts";

const all = allValues();

Deno.test("every key says what it is for, and what it takes where it has no default", () => {
  assert.ok(all.length > 50);
  for (const { path, node } of all) {
    assert.match(node.description, /^.{8,}\.$/, path.join("."));
    assert.notEqual(node.expected, "");
    if (!node.required && node.preset === undefined) assert.notEqual(node.unset, "", path.join("."));
    if (node.preset === undefined && path.join(".") !== "chirpstack.api_token") {
      assert.notEqual(node.example, undefined, path.join("."));
    }
  }
  const tables = (table: TableNode): TableNode[] =>
    [...table.children.values()].flatMap((child) => child.kind === "table" ? [child, ...tables(child)] : []);
  for (const table of tables(schemaTree())) {
    if ([...table.children.values()].some((child) => child.kind === "value")) assert.notEqual(table.description, "");
  }
});

Deno.test("the secrets are the ones that are known", () => {
  const secret = all.filter(({ node }) => node.secret).map(({ path }) => path.join("."));
  assert.deepEqual(secret, ["chirpstack.api_token", "opcua.user_password", "runtime.control.auth_token"]);
});

Deno.test("nodeAt follows keys and positions, and nothing else", () => {
  assert.equal(nodeAt(["opcua", "host_port"])?.kind, "value");
  assert.equal(nodeAt(["application", 3, "device", 0, "read_metric"])?.kind, "table");
  for (const path of [["opcua", 0], ["opcua", "nope"], ["opcua", "host_port", "x"], ["constructor"], ["__proto__"]]) {
    assert.equal(nodeAt(path), null, path.join("."));
  }
});

// A file made from the schema, with every section switched on and every key set to what its line shows.
function switchedOn(text: string): string {
  return text.split("\n").map((line) => {
    const off = (text: string) => text.startsWith("##") || text.startsWith("#[") ? text.slice(1) : text;
    // a section that is off, a table in it that is off, a key that is not set
    return off(off(line === "#" ? "" : line)).replace(/^#(?=\w+ = )/, "");
  }).join("\n");
}

Deno.test("the shipped file shows every key once, with the schema's default where there is one", () => {
  const text = shippedFiles()["edgekeep.toml"] ?? "";
  const document = parse(switchedOn(text));
  for (const { path, node } of all) {
    const at = path.flatMap((key) =>
      ["application", "device", "read_metric", "command", "argument"].includes(key) ? [key, 0] : [key]
    );
    const shown = valueAt(document, at);
    assert.notEqual(shown, undefined, path.join("."));
    // the one key that is stricter than its default: a default would break configurations that are in use
    const expected = path.join(".") === "runtime.tls.require_remote" ? true : node.preset;
    if (node.preset !== undefined) assert.deepEqual(shown, expected, path.join("."));
    // the text below proves that nothing is shown twice under one header, which TOML refuses
    assert.ok(text.includes(`${node.key} = `), path.join("."));
  }
});

Deno.test("what the shipped file shows is a configuration that the schema takes", () => {
  const layers = new Layers(parse(switchedOn(shippedFiles()["edgekeep.toml"] ?? "")));
  for (const path of secretPaths()) {
    assert.equal(typeof layers.take([...path.slice(0, -1), `${path.at(-1)}_file`]), "string");
  }
  layers.set(["chirpstack", "server_address"], "http://chirpstack.test:8080", "file");
  const result = configSchema.safeParse(layers.document);
  assert.ok(result.success, String(result.error));
});

Deno.test("the files in config/ are what the schema makes of them", async () => {
  for (const [name, text] of Object.entries(shippedFiles())) {
    const shipped = await Deno.readTextFile(new URL(`../../config/${name}`, import.meta.url));
    assert.equal(shipped, text, `config/${name} is out of date: deno run -A src/config/write_shipped_files.ts`);
  }
});

Deno.test("the reference page has a row for every key, with its default", () => {
  const page = shippedFiles()["README.md"] ?? "";
  for (const { path, node } of all) {
    const row = page.split("\n").find((line) =>
      line.startsWith(`| \`${node.key}\``) && line.includes(node.description)
    );
    assert.ok(row, path.join("."));
    if (node.preset !== undefined) assert.ok(row.includes(`\`${toml(node.preset)}\``), row);
  }
});
