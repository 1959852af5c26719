import assert from "node:assert/strict";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { removeTomlKey, setTomlKey, TomlEditError } from "./edit_toml.ts";
import { formatKeyPath, type KeyPath, parseKeyPath } from "./key_path.ts";

const set = (text: string, path: string, value: string) => setTomlKey(text, keys(path), value);
const remove = (text: string, path: string) => removeTomlKey(text, keys(path));

function keys(text: string): KeyPath {
  const path = parseKeyPath(text);
  assert.ok(path !== null, text);
  return path;
}

const sample = `# The plant's gateway
[logging]
# Least severity written.
#level = "info"
  format = 'text'   # people read it

[runtime]
web.listen = "127.0.0.1:8080"

[runtime.tls]
mode="disabled"

[opcua]
security_policies = [
  "Basic256Sha256", # the usual one
  "None",
]
limits = { a = 1,b = 2 }

# first
[[application]]
application_name = "A"
  # the probe
  [[application.device]]
  device_id = "x"
  # the meter
  [[application.device]]
  device_id = "y"
[[application]]
application_name = "B"
# the end
`;

/** Lines that are in one text alone. */
function changed(before: string, after: string): { gone: string[]; come: string[] } {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < a.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return { gone: a.slice(head, a.length - tail), come: b.slice(head, b.length - tail) };
}

const sets: readonly [string, string, string[], string[]][] = [
  ["logging.format", '"json"', ["  format = 'text'   # people read it"], ['  format = "json"   # people read it']],
  ["logging.level", '"debug"', [], ['level = "debug"']],
  ["logging.max_files", "7", [], ["  max_files = 7"]],
  ["runtime.web.listen", '"[::1]:1"', ['web.listen = "127.0.0.1:8080"'], ['web.listen = "[::1]:1"']],
  ["runtime.web.tls", "true", [], ["web.tls = true"]],
  ["runtime.tls.mode", '"provisioned"', ['mode="disabled"'], ['mode="provisioned"']],
  ["runtime.control.mode", '"debug"', [], ["[runtime.control]", 'mode = "debug"', ""]],
  ["opcua.security_policies[1]", '"X"', ['  "None",'], ['  "X",']],
  ["opcua.limits.b", "[3]", ["limits = { a = 1,b = 2 }"], ["limits = { a = 1,b = [3] }"]],
  ["opcua.limits.c", "3", ["limits = { a = 1,b = 2 }"], ["limits = { a = 1,b = 2, c = 3 }"]],
  ["application[0].device[1].device_id", '"z"', ['  device_id = "y"'], ['  device_id = "z"']],
  ["application[0].device[1].enabled", "false", [], ["  enabled = false"]],
  ["application[0].device[2].device_id", '"n"', [], ["", "  [[application.device]]", '  device_id = "n"']],
  ["application[0].device[0].read_metric[0].metric_name", '"m"', [], [
    "",
    "  [[application.device.read_metric]]",
    '  metric_name = "m"',
  ]],
  ["application[2].application_name", '"C"', [], ["[[application]]", 'application_name = "C"', ""]],
];
for (const [path, value, gone, come] of sets) {
  Deno.test(`setTomlKey changes nothing but ${path}`, () => {
    for (const lineEnd of ["\n", "\r\n"]) {
      const before = sample.replaceAll("\n", lineEnd);
      const after = set(before, path, value);
      assert.ok(!/[^\r]\n/.test(after) || lineEnd === "\n", "its line ends are those of the file");
      assert.deepEqual(changed(before.replaceAll("\r", ""), after.replaceAll("\r", "")), { gone, come });
    }
  });
}

const removals: readonly [string, string[]][] = [
  ["logging.format", ["  format = 'text'   # people read it"]],
  ["opcua.security_policies", [
    "security_policies = [",
    '  "Basic256Sha256", # the usual one',
    '  "None",',
    "]",
  ]],
  ["runtime.tls", ["[runtime.tls]", 'mode="disabled"', ""]],
  ["runtime.web", ['web.listen = "127.0.0.1:8080"']],
  ["application[0].device[0]", ["  [[application.device]]", '  device_id = "x"']],
  ["application[1]", ["[[application]]", 'application_name = "B"', "# the end"]],
  ["logging.nothing", []],
];
for (const [path, gone] of removals) {
  Deno.test(`removeTomlKey takes nothing away but ${path}`, () => {
    assert.deepEqual(changed(sample, remove(sample, path)), { gone, come: [] });
  });
}

Deno.test("removeTomlKey takes entries out of lists and inline tables with their commas", () => {
  assert.equal(remove("a = { b = 1, c = 2 }\n", "a.b"), "a = { c = 2 }\n");
  assert.equal(remove("a = { b = 1, c = 2 }\n", "a.c"), "a = { b = 1 }\n");
  assert.equal(remove("a = { b = 1 }\n", "a.b"), "a = {  }\n");
  assert.equal(remove("a = [1, 2, 3]\n", "a[1]"), "a = [1, 3]\n");
  assert.equal(remove("a = [\n  1,\n  2,\n]\n", "a[1]"), "a = [\n  1,\n]\n");
});

Deno.test("What cannot be written in place is refused, and no value is repeated", () => {
  const refused: readonly [string, string, string, RegExp][] = [
    [sample, "logging.level", "debug", /no TOML value: texts stand in quotes/],
    [sample, "logging.level", '"a"\nevil = "b"', /no TOML value/],
    [sample, "logging.level", '"a" # comment', /no TOML value/],
    [sample, "logging.format.deeper", "1", /logging\.format is no table/],
    [sample, "application[5].application_name", '"x"', /there is no application\[5\]/],
    [sample, "application[2].device[0].device_id", '"x"', /no \[\[application\]\] for it/],
    [sample, "opcua.security_policies[2]", '"x"', /set the whole list/],
    ["[a\n", "a.b", "1", /not TOML now/],
    ["a = [{ b = 1 }]\n", "a[1].b", "1", /Cannot change a\[1\]\.b in the way that the file is written/],
  ];
  for (const [text, path, value, reason] of refused) {
    assert.throws(
      () => set(text, path, value),
      (error) => error instanceof TomlEditError && reason.test(error.message),
    );
  }
});

Deno.test("setTomlKey puts a key where the shipped file shows it", async () => {
  const shipped = await Deno.readTextFile(new URL("../../config/edgekeep.toml", import.meta.url));
  for (
    const [path, value, shown] of [["logging.level", '"debug"', '#level = "info"'], [
      "opcua.host_port",
      "1",
      null,
    ]] as const
  ) {
    const after = set(shipped, path, value);
    const { gone, come } = changed(shipped, after);
    assert.ok(gone.length <= 1);
    assert.deepEqual(come.length, 1);
    if (shown !== null) assert.ok(after.includes(`${shown}\n${come[0]}\n`));
  }
});

Deno.test("parseKeyPath reads what formatKeyPath writes, and nothing else", () => {
  const segment = fc.oneof(fc.string(), fc.constantFrom("a", "b-c", "__proto__"), fc.nat({ max: 999_999 }));
  fc.assert(fc.property(fc.string(), fc.array(segment), (first, rest) => {
    assert.deepEqual(parseKeyPath(formatKeyPath([first, ...rest])), [first, ...rest]);
  }));
  for (const text of ["", ".", "a.", ".a", "a..b", "[0]", "a[-1]", "a[01]", "a b", "a]", 'a."', "a[x]"]) {
    assert.equal(parseKeyPath(text), null, text);
  }
});

/** Every place of a document that holds something that is no table. */
function leaves(value: unknown, path: KeyPath = []): KeyPath[] {
  if (Array.isArray(value) && value.length > 0) return value.flatMap((item, entry) => leaves(item, [...path, entry]));
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)) {
    return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
  }
  return path.length === 0 ? [] : [path];
}

const scalar = fc.oneof(fc.integer({ min: -1e9, max: 1e9 }), fc.boolean(), fc.string({ maxLength: 8 }));
const key = fc.oneof(fc.constantFrom("a", "b", "web", "listen"), fc.string({ minLength: 1, maxLength: 5 }));
const table = fc.dictionary(key, fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), { maxKeys: 4 });
const document = fc.dictionary(
  key,
  fc.oneof(scalar, table, fc.array(fc.dictionary(key, fc.oneof(scalar, table), { maxKeys: 3 }), { maxLength: 3 })),
  { maxKeys: 4 },
);
/** A text with comments and odd spacing between its lines, of which none lies inside a value. */
const written = fc.tuple(document, fc.array(fc.constantFrom("# note", "", "  # a = 1", "#b = 2"))).map((
  [value, noise],
) =>
  stringify(value).split("\n").map((line, index) => `${noise[index % (noise.length + 1)] ?? ""}\n${line}`).join("\n")
);

Deno.test("Setting any key of any document changes that value's characters alone", () => {
  fc.assert(
    fc.property(written, fc.nat(), scalar, (text, choice, value) => {
      const places = leaves(parse(text));
      const path = places[choice % Math.max(1, places.length)];
      if (path === undefined) return;
      const toml = JSON.stringify(value).replaceAll("\u007f", "\\u007f");
      const after = setTomlKey(text, path, toml);
      let head = 0;
      while (head < text.length && text[head] === after[head]) head++;
      let tail = 0;
      while (tail < Math.min(text.length, after.length) - head && text.at(-1 - tail) === after.at(-1 - tail)) tail++;
      const [gone, come] = [text.slice(head, text.length - tail), after.slice(head, after.length - tail)];
      assert.ok(toml.includes(come), `${come} is part of the new value`);
      assert.ok(!gone.includes("\n"), "no line came or went");
      assert.equal(setTomlKey(after, path, toml), after, "once more changes nothing");
    }),
    { numRuns: 500 },
  );
});

Deno.test("A new key adds one line, or a table at a list entry's or the text's end, and removing it leaves the rest", () => {
  fc.assert(
    fc.property(written, fc.nat(), (text, choice) => {
      const tables = [...new Set(leaves(parse(text)).map((path) => path.slice(0, -1)))]
        .filter((path) => typeof path.at(-1) !== "number" || text.includes("[["));
      const path = [...tables[choice % Math.max(1, tables.length)] ?? [], "brand_new"];
      let after: string;
      try {
        after = setTomlKey(text, path, "1");
      } catch (error) {
        // a list of plain values is no place for a key
        assert.ok(error instanceof TomlEditError);
        return;
      }
      const lines = text.split("\n");
      const kept = after.split("\n").filter((line) => !line.includes("brand_new"));
      assert.ok(kept.length >= lines.length - 1);
      assert.deepEqual(parse(removeTomlKey(after, path)), parse(text));
    }),
    { numRuns: 300 },
  );
});
