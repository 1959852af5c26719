import assert from "node:assert/strict";
import { itemText, resultText } from "./result_text.ts";

Deno.test("values stand beside their names, lists of objects in tables, longer texts as they are", () => {
  const text = resultText({
    name: "north",
    count: 3,
    none: null,
    hosts: ["a", "b"],
    empty: [],
    users: [{ name: "ann", role: "admin" }, { name: "bo", role: "viewer" }],
    file: "a = 1\nb = 2\n",
    inner: { ok: true },
  });
  assert.equal(
    text,
    `name:  north
count: 3
none:  -
hosts: a, b
empty: none
users:
  NAME  ROLE
  ann   admin
  bo    viewer
file:
  a = 1
  b = 2
inner:
  ok: true
`,
  );
  assert.equal(resultText({}), "done\n");
});

Deno.test("a table leaves out what is empty, and becomes a list where the terminal is too narrow for it", () => {
  const rows = {
    items: [{ text: "one two three", id: 1, none: null, hash: "ff" }, { text: "", id: 2, inner: { a: [{ b: 1 }] } }],
  };
  assert.equal(
    resultText(rows),
    `items:\n  ID  TEXT           INNER\n  1   one two three  -\n  2                  {"a":[{"b":1}]}\n`,
  );
  assert.equal(
    resultText(rows, 20),
    `items:
  - id:   1
    text: one two three
  - id: 2
    inner:
      a:
        B
        1
`,
  );
});

Deno.test("what a device sends cannot reach the terminal's controls", () => {
  const evil = "\x1b]0;owned\x07\x9b31m";
  for (const text of [resultText({ a: evil, [evil]: 1, list: [{ b: evil }] }), itemText({ a: evil }), itemText(evil)]) {
    assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}/u);
  }
});

Deno.test("a stream's item is one line", () => {
  assert.equal(
    itemText({ sequence: 1, time: "2026-01-01T00:00:00.000000Z", level: "info", event: "x", subject: "s", text: "t" }),
    "2026-01-01T00:00:00.000000Z  info     s  t\n",
  );
  assert.equal(
    itemText({
      changes: [{ id: "a/b", value: 1, quality: { name: "Good", severity: "good" }, sourceTime: null }],
      removed: ["c/d"],
    }),
    "-  a/b  1  Good\nremoved  c/d\n",
  );
});

Deno.test("tags, findings, records of the audit and changes have a form of their own", () => {
  const tag = {
    id: "a/b",
    device: "Probe",
    value: 1,
    unit: "%",
    quality: { code: 0, name: "Good", severity: "good", cause: "The value is current" },
    sourceTime: "2026-01-01T00:00:00.000000Z",
    forced: false,
  };
  assert.equal(
    resultText({ items: [tag, { ...tag, id: "a/c" }] }, 20),
    `items:
  ID   VALUE  UNIT  QUALITY  SOURCETIME
  a/b  1      %     Good     2026-01-01T00:00:00.000000Z
  a/c  1      %     Good     2026-01-01T00:00:00.000000Z
`,
  );
  const finding = {
    rule: "out_of_range",
    severity: "error",
    path: "a.b",
    file: "/e.toml",
    line: 7,
    text: "T",
    fix: "F",
  };
  assert.equal(
    resultText({ findings: [finding, { ...finding, file: null, line: null }] }),
    `findings:
  error:  /e.toml:7  a.b  [out_of_range]
    T
    → F
  error:  a.b  [out_of_range]
    T
    → F
`,
  );
  const record = {
    sequence: 3,
    time: "2026-01-01T00:00:00.000000Z",
    event: "operation",
    principal: "anna",
    role: "admin",
    credential: "user:anna",
    address: "192.0.2.7",
    transport: "https",
    operation: "users.add",
    target: "bo",
    decision: "allowed",
    rule: "role",
    outcome: "ok",
    fields: { new_role: "viewer" },
    previous: "00",
    hash: "ff",
  };
  const process = { ...record, event: "process_started", principal: null, role: null, operation: null, target: null };
  assert.equal(
    resultText({ records: [record, { ...process, address: "local", transport: "cli", fields: {} }] }, 40),
    `records:
  2026-01-01T00:00:00.000000Z 3 operation users.add bo: ok, by anna (admin) from 192.0.2.7 (https) new_role=viewer
  2026-01-01T00:00:00.000000Z 3 process_started: ok from local (cli)
`,
  );
  assert.equal(
    resultText({ versions: [{ version: 2, changes: [{ path: "a.b", before: "1", after: null }] }] }),
    `versions:\n  VERSION  CHANGES\n  2        a.b 1 → -\n`,
  );
});

Deno.test("alarms and their journal are one line each, whatever their width: when, which, how it is, what it says", () => {
  const alarm = {
    id: "a84041ffff000001/level/$alarm",
    kind: "limit",
    enabled: true,
    active: true,
    acknowledged: false,
    confirmed: false,
    shelving: { kind: "timed", until: "2026-01-02T00:00:00.000000Z" },
    retain: true,
    severity: 500,
    message: "Tank 1 level is 190.5 cm: high limit 180 cm, and it has been above it for a long while",
    time: "2026-01-01T00:00:00.000000Z",
  };
  const { id, time, message } = alarm;
  const quiet = { ...alarm, active: false, acknowledged: true, shelving: { kind: "unshelved", until: null } };
  const listed = resultText({ items: [alarm, quiet, { ...alarm, enabled: false }] }, 80).split("\n");
  assert.match(listed[1] ?? "", /ID +SEVERITY +TIME +STATE +MESSAGE/);
  assert.equal(listed[2], `  ${id}  500       ${time}  active, not acknowledged, shelved  ${message}`);
  assert.match(listed[3] ?? "", /inactive, not confirmed {2}/);
  assert.match(listed[4] ?? "", /Z {2}disabled {2}/);
  assert.equal(listed.length, 6);

  const journal = resultText({ items: [{ sequence: 7, cause: "acknowledged", by: "anna", alarm }] }, 80).split("\n");
  assert.match(journal[1] ?? "", /SEQUENCE +TIME +CAUSE +BY +ALARM +MESSAGE/);
  assert.equal(journal[2], `  7         ${time}  acknowledged  anna  ${id}  ${message}`);
});
