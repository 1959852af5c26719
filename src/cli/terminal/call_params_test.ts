import assert from "node:assert/strict";
import { ParameterError, parametersOf, readParameters } from "./call_params.ts";

const files: Readonly<Record<string, string>> = { "new.toml": "[gateway]\n", "-": "from stdin" };
const readText = (path: string) => {
  const text = files[path];
  return text === undefined ? Promise.reject(new Error("no such file")) : Promise.resolve(text);
};
const read = (operation: string, ...words: string[]) => readParameters(operation, words, readText);

Deno.test("words become what the operation's schema says", async () => {
  assert.deepEqual(await read("tags.list", "pattern=a84041*", "limit=5", "forced=true"), {
    pattern: "a84041*",
    limit: 5,
    forced: true,
  });
  assert.deepEqual(await read("tags.read", "ids=a/b,c/d"), { ids: ["a/b", "c/d"] });
  assert.deepEqual(await read("tokens.create", "label=7", "role=viewer", "days=null"), {
    label: "7",
    role: "viewer",
    days: null,
  });
  assert.deepEqual(await read("history.query", "tag=a/b", "from=2026-01-01T00:00:00Z", "limit=1e3"), {
    tag: "a/b",
    from: "2026-01-01T00:00:00Z",
    limit: 1000,
  });
});

Deno.test("a value that may be of several types is the most particular one, and := says which", async () => {
  for (
    const [word, value] of [
      ["value=12.5", 12.5],
      ["value=-3", -3],
      ["value=true", true],
      ["value=open", "open"],
      ['value:="12"', "12"],
      ["value=", ""],
      ["value=a=b", "a=b"],
    ] as const
  ) {
    assert.deepEqual(await read("tags.force", "id=a/b", word), { id: "a/b", value });
  }
});

Deno.test("a parameter can come from a file or from standard input", async () => {
  assert.deepEqual(await read("config.apply", "text=@new.toml"), { text: "[gateway]\n" });
  assert.deepEqual(await read("users.add", "name=ann", "role=viewer", "password=@-"), {
    name: "ann",
    role: "viewer",
    password: "from stdin",
  });
  assert.deepEqual(await read("users.password", "old=@@home", "next=b"), { old: "@home", next: "b" });
  await assert.rejects(read("config.apply", "text=@missing"), ParameterError);
});

Deno.test("keys of the configuration become TOML", async () => {
  const words = [
    "runtime.web.listen=127.0.0.1:9000",
    "gateway.name=north",
    "runtime.web.tls=true",
    "opcua.host_port:=4841",
  ];
  assert.deepEqual(await read("config.set", ...words, "runtime.control.group:=null", 'gateway.site="A 1"'), {
    set: {
      "runtime.web.listen": '"127.0.0.1:9000"',
      "gateway.name": '"north"',
      "runtime.web.tls": "true",
      "opcua.host_port": "4841",
      "runtime.control.group": null,
      "gateway.site": '"A 1"',
    },
  });
  assert.deepEqual(await read("config.diff", 'set:={"a":"1"}', "b=2"), { set: { a: "1", b: "2" } });
});

Deno.test("words that fit nothing are named", async () => {
  await assert.rejects(read("tags.list", "limit"), /'limit' is no parameter/);
  await assert.rejects(read("tags.list", "limt=5"), /did you mean limit/);
  await assert.rejects(read("status", "x=1"), /status takes no parameters/);
  await assert.rejects(read("tags.list", "limit=1", "limit=2"), /given twice/);
  await assert.rejects(read("tags.list", "limit:=x"), /is not JSON/);
  await assert.rejects(read("tags.list", "__proto__=1"), ParameterError);
  assert.deepEqual(Object.keys(await read("future.operation", "a=1", "__proto__=x")), ["a", "__proto__"]);
});

Deno.test("help knows forms, what is required and what is secret", () => {
  assert.deepEqual(
    parametersOf("users.add")?.map(({ name, form, required, secret }) => [name, form, required, secret]),
    [
      ["name", "text", true, false],
      ["password", "text", true, true],
      ["role", "viewer|operator|engineer|admin", true, false],
    ],
  );
  assert.equal(parametersOf("no.such"), null);
});
