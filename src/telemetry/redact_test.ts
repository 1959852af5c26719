import assert from "node:assert/strict";
import fc from "fast-check";
import { createRedactor, isSecretField } from "./redact.ts";

const secret = 's3cr3t/t0ken+with spaces&"quotes"';

Deno.test("A known secret is taken out of a text in every encoding", () => {
  const { text } = createRedactor([secret]);
  const bytes = new TextEncoder().encode(secret);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const forms = {
    raw: secret,
    json: JSON.stringify({ note: secret }),
    percent: encodeURIComponent(secret),
    query: new URLSearchParams({ q: secret }).toString(),
    base64: btoa(secret),
    base64url: btoa(secret).replaceAll("+", "-").replaceAll("/", "_"),
    hex,
    upperHex: hex.toUpperCase(),
  };
  for (const [name, form] of Object.entries(forms)) {
    const output = text(`before ${form} after`);
    assert.ok(!output.includes(form), `${name}: ${output}`);
    assert.match(output, /before .*\*\*\*.* after/, name);
  }
});

Deno.test("A known secret is found inside the base64 of a longer text, at every alignment", () => {
  const { text } = createRedactor(["abcdefghijkl"]);
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), fc.string({ unit: "binary-ascii" }), (before, after) => {
    const output = text(btoa(`${before}abcdefghijkl${after}`));
    assert.ok(output.includes("***"), output);
    const kept = output.split("***");
    for (const part of kept) assert.ok(!part.includes("Y2RlZmdo"), output);
  }));
});

Deno.test("No text that a property test can think of keeps the secret", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 6, maxLength: 40 }), fc.string(), fc.string(), (hidden, before, after) => {
      fc.pre(!"***".includes(hidden) && !before.includes(hidden) && !after.includes(hidden));
      const output = createRedactor([hidden]).text(before + hidden + after);
      assert.ok(!output.includes(hidden) || (before + "***" + after).includes(hidden), output);
    }),
  );
});

Deno.test("Shapes that are secrets are taken out without knowing them", () => {
  const { text } = createRedactor();
  const jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJjaGlycHN0YWNrIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
  const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIr\n-----END EC PRIVATE KEY-----";
  const cases: [string, string][] = [
    ["metadata authorization Bearer abc.def-123", "metadata authorization Bearer ***"],
    ["header Basic dXNlcjpwYXNz", "header Basic ***"],
    [`got ${jwt} back`, "got *** back"],
    [`key ${pem} end`, "key *** end"],
    [JSON.stringify({ api_token: "abc", port: 1 }), '{"api_token":"***","port":1}'],
    ["GET /x?token=abc&port=1", "GET /x?token=***&port=1"],
    ["opc.tcp://operator:hunter2@host:4840", "opc.tcp://operator:***@host:4840"],
    ["authorization: q1w2e3r4", "authorization: ***"],
    ["user_password=hunter2, user_name=operator", "user_password=***, user_name=operator"],
  ];
  for (const [input, expected] of cases) assert.equal(text(input), expected);
});

Deno.test("Prose about secrets stays readable", () => {
  const { text } = createRedactor(["verysecretvalue"]);
  for (
    const prose of [
      "ChirpStack refuses the API token: UNAUTHENTICATED",
      "Wrong password for user operator",
      "opc.tcp://host:4840",
    ]
  ) {
    assert.equal(text(prose), prose);
  }
});

Deno.test("A value becomes plain data with the values of secret fields taken out", () => {
  const { value } = createRedactor(["verysecretvalue"]);
  const error = Object.assign(new Error("Refused verysecretvalue", { cause: new Error("inner verysecretvalue") }), {
    metadata: new Map([["authorization", "whatever"]]),
    code: 16,
  });
  const cyclic: Record<string, unknown> = { name: "loop" };
  cyclic.self = cyclic;
  const output = value({
    apiToken: "unknown-to-the-redactor",
    nested: [{ user_password: "x" }, "verysecretvalue"],
    verysecretvalue: 1,
    error,
    cyclic,
    big: 12n,
    bytes: new TextEncoder().encode("verysecretvalue"),
    at: new Date(0),
    url: new URL("http://h/?q=verysecretvalue"),
    passwordSet: true,
    get broken() {
      throw new Error("no");
    },
  });
  const text = JSON.stringify(output);
  assert.ok(!text.includes("verysecretvalue"), text);
  assert.ok(!text.includes("unknown-to-the-redactor") && !text.includes("whatever"), text);
  const plain = output as Record<string, Record<string, unknown>>;
  assert.deepEqual(plain.nested, [{ user_password: "***" }, "***"]);
  assert.equal(plain.error?.message, "Refused ***");
  assert.equal(plain.error?.code, 16);
  assert.equal((plain.error?.cause as { message: string }).message, "inner ***");
  assert.deepEqual(plain.cyclic, { name: "loop", self: "[circular]" });
  assert.equal(plain.big, "12");
  assert.equal(plain.bytes, "[15 bytes]");
  assert.equal(plain.at, "1970-01-01T00:00:00.000Z");
  assert.equal(plain.passwordSet, true);
  assert.equal(plain.broken, "[unreadable]");
  structuredClone(output);
});

Deno.test("A value is bounded in depth and entries", () => {
  const { value } = createRedactor();
  let deep: unknown = "bottom";
  for (let level = 0; level < 100; level++) deep = { deep };
  assert.ok(JSON.stringify(value(deep)).includes("[deeper]"));
  const many = value(Array.from({ length: 1000 }, (_, index) => index)) as unknown[];
  assert.equal(many.length, 201);
  assert.equal(many.at(-1), "[800 more]");
});

Deno.test("A short secret does not maul the log", () => {
  assert.equal(createRedactor(["1"]).text("port 4211"), "port 4211");
});

Deno.test("Secret fields are known by their names", () => {
  for (
    const name of [
      "token",
      "apiToken",
      "user_password",
      "passwd",
      "Authorization",
      "api_key",
      "AppSKey",
      "nwk_key",
      "privateKey",
      "set-cookie",
    ]
  ) {
    assert.ok(isSecretField(name), name);
  }
  for (const name of ["name", "port", "monkey", "devEui", "event", "key"]) assert.ok(!isSecretField(name), name);
});
