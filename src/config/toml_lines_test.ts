import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { formatKey, formatKeyPath, type KeyPath } from "./key_path.ts";
import { indexTomlLines, lineOf } from "./toml_lines.ts";

Deno.test("indexTomlLines finds keys in tables, lists of tables, dotted keys and inline tables", () => {
  const index = indexTomlLines(`# comment = 1
a = 1 # b = 2
[opcua]
host_port = 4840

"odd key".x = { y = 1, z = [ { w = "}" } ] }
text = """
[not]
a table = 1 \\"""
"""
after = ''' '' ''''
[[application]]
application_id = "1"
  [[application.device]]
  device_id = "x"
  [[application.device]]

  device_id = "y"
    [[application.device.read_metric]]
    range = [
      0, # low
      1,
    ]
[[application]]
[[application.device]]
device_id = "z"
[application.extra.more]
`);
  const expected: Record<string, number> = {
    "a": 2,
    "opcua": 3,
    "opcua.host_port": 4,
    'opcua."odd key"': 6,
    'opcua."odd key".x': 6,
    'opcua."odd key".x.y': 6,
    'opcua."odd key".x.z': 6,
    'opcua."odd key".x.z[0]': 6,
    'opcua."odd key".x.z[0].w': 6,
    "opcua.text": 7,
    "opcua.after": 11,
    "application": 12,
    "application[0]": 12,
    "application[0].application_id": 13,
    "application[0].device": 14,
    "application[0].device[0]": 14,
    "application[0].device[0].device_id": 15,
    "application[0].device[1]": 16,
    "application[0].device[1].device_id": 18,
    "application[0].device[1].read_metric": 19,
    "application[0].device[1].read_metric[0]": 19,
    "application[0].device[1].read_metric[0].range": 20,
    "application[0].device[1].read_metric[0].range[0]": 21,
    "application[0].device[1].read_metric[0].range[1]": 22,
    "application[1]": 24,
    "application[1].device": 25,
    "application[1].device[0]": 25,
    "application[1].device[0].device_id": 26,
    "application[1].extra": 27,
    "application[1].extra.more": 27,
  };
  assert.deepEqual(Object.fromEntries(index), expected);
});

Deno.test("lineOf answers the closest table around a key that is missing", () => {
  const index = indexTomlLines("\n[opcua]\n[runtime.web]\n");
  assert.equal(lineOf(index, ["opcua", "user_name"]), 2);
  assert.equal(lineOf(index, ["runtime", "web", "listen"]), 3);
  assert.equal(lineOf(index, ["storage", "flush_ms"]), null);
});

Deno.test("indexTomlLines counts lines the same with Windows line ends", () => {
  assert.equal(indexTomlLines("a = 1\r\n[b]\r\nc = 2\r\n").get("b.c"), 3);
});

/** Writes a document in many styles and notes the line of each key as it goes. */
class Writer {
  readonly lines = new Map<string, number>();
  text = "";
  #styles: number[];
  constructor(styles: number[]) {
    this.#styles = styles;
  }

  pick(count: number): number {
    return (this.#styles.shift() ?? 0) % count;
  }

  note(path: KeyPath): void {
    const key = formatKeyPath(path);
    if (!this.lines.has(key)) this.lines.set(key, this.text.split("\n").length);
  }

  table(table: Record<string, unknown>, path: KeyPath): void {
    const later: [string, unknown][] = [];
    for (const [key, value] of Object.entries(table)) {
      if (this.pick(3) === 0) this.text += ["# note = [1]\n", "\n", "  # ''' \"\"\"\n"][this.pick(3)];
      if (isTable(value) || (Array.isArray(value) && value.length > 0 && value.every(isTable))) {
        if (this.pick(2) === 0) {
          later.push([key, value]);
          continue;
        }
      }
      this.note([...path, key]);
      this.text += `${this.key(key)} = `;
      this.value(value, [...path, key]);
      this.text += ["\n", " # x = 1\n"][this.pick(2)];
    }
    for (const [key, value] of later) {
      const here = [...path, key];
      for (const [entry, item] of (Array.isArray(value) ? value : [value]).entries()) {
        const many = Array.isArray(value);
        const name = here.filter((segment) => typeof segment === "string").map((name) => this.key(name)).join(" . ");
        this.note(here);
        if (many) this.note([...here, entry]);
        this.text += many ? `[[${name}]]\n` : `[ ${name} ]\n`;
        this.table(item as Record<string, unknown>, many ? [...here, entry] : here);
      }
    }
  }

  key(key: string): string {
    if (this.pick(3) === 0) return formatKey(key);
    if (this.pick(2) === 0 && !/['\p{Cc}]/u.test(key)) return `'${key}'`;
    return basic(key);
  }

  value(value: unknown, path: KeyPath): void {
    if (typeof value === "string") {
      if (this.pick(2) === 0) this.text += basic(value);
      else if (!/'|[^\P{Cc}\n\t]/u.test(value)) this.text += `'''\n${value}'''`;
      else this.text += `"""\n${basic(value).slice(1, -1).replaceAll("\\n", "\n").replaceAll('\\"', '"\\u0022')}"""`;
    } else if (Array.isArray(value)) {
      this.text += "[";
      for (const [entry, item] of value.entries()) {
        this.text += ["", " ", "\n", " # ]\n"][this.pick(4)];
        this.note([...path, entry]);
        this.value(item, [...path, entry]);
        this.text += [",", " ,", "\n,", "# ]\n,"][this.pick(4)];
      }
      this.text += ["]", "\n]"][this.pick(2)];
    } else if (isTable(value)) {
      this.text += "{";
      let first = true;
      for (const [key, item] of Object.entries(value)) {
        this.text += first ? " " : ", ";
        first = false;
        this.note([...path, key]);
        this.text += `${this.key(key)} = `;
        this.value(item, [...path, key]);
      }
      this.text += " }";
    } else this.text += String(value);
  }
}

function basic(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const key = fc.oneof(fc.constantFrom("a", "b", "c-1", "1"), fc.string({ maxLength: 5 }))
  .filter((text) => text !== "__proto__");
const tree = fc.letrec<{ table: Record<string, unknown>; value: unknown }>((tie) => ({
  table: fc.dictionary(key, tie("value"), { maxKeys: 4, depthIdentifier: "toml" }),
  value: fc.oneof(
    { depthIdentifier: "toml", maxDepth: 4 },
    fc.oneof(fc.boolean(), fc.integer(), fc.string(), fc.constantFrom("]\n[x]", '"""', "'''", "a = 1\nb = 2", "\\")),
    fc.array(tie("value"), { maxLength: 3, depthIdentifier: "toml" }),
    fc.array(tie("table"), { minLength: 1, maxLength: 3, depthIdentifier: "toml" }),
    tie("table"),
  ),
}));
const styles = fc.array(fc.nat(11), { minLength: 200, maxLength: 200 });

Deno.test("indexTomlLines places every key of any document, however it is written", () => {
  fc.assert(
    fc.property(tree.table, styles, (document, chosen) => {
      const writer = new Writer(chosen);
      writer.table(document, []);
      parse(writer.text);
      assert.deepEqual(new Map(indexTomlLines(writer.text)), writer.lines, writer.text);
    }),
    { numRuns: 400 },
  );
});

Deno.test("indexTomlLines survives any text, and places every key of an edited text that a parser still accepts", () => {
  const piece = fc.constantFrom(
    ..."[]{}=.,#\"'\\\n\r\t ab1".split(""),
    "[[",
    "]]",
    '"""',
    "'''",
    "a = ",
    "[a.b]\n",
    "é",
    "\ufeff",
  );
  const noise = fc.oneof(fc.string({ unit: "binary" }), fc.array(piece, { maxLength: 40 }).map((all) => all.join("")));
  fc.assert(fc.property(noise, (text) => {
    for (const line of indexTomlLines(text).values()) assert.ok(line >= 1 && line <= text.split("\n").length);
  }));
  fc.assert(fc.property(tree.table, styles, fc.nat(), fc.nat(4), piece, (document, chosen, where, cut, insert) => {
    const writer = new Writer(chosen);
    writer.table(document, []);
    const at = where % (writer.text.length + 1);
    const edited = writer.text.slice(0, at) + insert + writer.text.slice(at + cut);
    const index = indexTomlLines(edited);
    let parsed: unknown;
    try {
      parsed = parse(edited);
    } catch {
      return;
    }
    const walk = (value: unknown, path: KeyPath) => {
      if (path.length > 0) assert.ok(index.has(formatKeyPath(path)), `${formatKeyPath(path)} in\n${edited}`);
      if (Array.isArray(value)) value.forEach((item, entry) => walk(item, [...path, entry]));
      else if (isTable(value)) { for (const [name, item] of Object.entries(value)) walk(item, [...path, name]); }
    };
    walk(parsed, []);
  }));
});
