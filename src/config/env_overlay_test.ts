import assert from "node:assert/strict";
import fc from "fast-check";
import { overlayEnvironment, parseVariable } from "./env_overlay.ts";
import { variableOf } from "./key_path.ts";
import { Layers } from "./origin.ts";
import { configSchema } from "./schema.ts";
import { allValues } from "./schema_tree.ts";
import { valueAt } from "./schema_problems.ts";

function overlay(env: Record<string, string>, file: Record<string, unknown> = {}) {
  const layers = new Layers(file);
  const findings = overlayEnvironment(layers, env);
  return { document: layers.document, origins: layers.origins, findings, rules: findings.map(({ rule }) => rule) };
}

Deno.test("a variable is read as the type of its key", () => {
  const { document, findings } = overlay({
    EDGEKEEP_OPCUA__HOST_PORT: " 4841 ",
    EDGEKEEP_OPCUA__ENABLED: "false",
    EDGEKEEP_OPCUA__APPLICATION_NAME: "4841",
    EDGEKEEP_OPCUA__SECURITY_MODES: "Sign, SignAndEncrypt",
    EDGEKEEP_OPCUA__ADVERTISED_HOSTS: '["a,b", "c"]',
    EDGEKEEP_STORAGE__BACKUP_INTERVAL_HOURS: "0.5",
    EDGEKEEP_RUNTIME__WEB__LISTEN: "127.0.0.1:1",
    EDGEKEEP_CHIRPSTACK__API_TOKEN_FILE: "/run/token",
  });
  assert.deepEqual(findings, []);
  assert.deepEqual(document, {
    chirpstack: { api_token_file: "/run/token" },
    opcua: {
      advertised_hosts: ["a,b", "c"],
      application_name: "4841",
      enabled: false,
      host_port: 4841,
      security_modes: ["Sign", "SignAndEncrypt"],
    },
    runtime: { web: { listen: "127.0.0.1:1" } },
    storage: { backup_interval_hours: 0.5 },
  });
});

Deno.test("a variable overrules the file and leaves the rest of its section", () => {
  const file = { opcua: { host_port: 1, user_name: "a" } };
  const { document, origins } = overlay({ EDGEKEEP_OPCUA__HOST_PORT: "2" }, file);
  assert.deepEqual(document, { opcua: { host_port: 2, user_name: "a" } });
  assert.deepEqual([...origins], [["opcua.host_port", "env"], ["opcua.user_name", "file"]]);
  assert.equal(file.opcua.host_port, 1);
});

Deno.test("the short forms set the log's folder and level, the long form counts more", () => {
  assert.deepEqual(overlay({ EDGEKEEP_LOG_DIR: "/l", EDGEKEEP_LOG_LEVEL: "debug" }).document, {
    logging: { dir: "/l", level: "debug" },
  });
  const both = overlay({ EDGEKEEP_LOG_LEVEL: "debug", EDGEKEEP_LOGGING__LEVEL: "error" });
  assert.deepEqual(both.document, { logging: { level: "error" } });
  assert.deepEqual(both.rules, ["env_twice"]);
});

Deno.test("variables that set nothing are found out, others are left alone", () => {
  assert.deepEqual(overlay({ EDGEKEEP_CONFIG: "x", EDGEKEEP_REQUIRE_ALL: "1", PATH: "/", OPCUA__X: "1" }).findings, []);
  const typo = overlay({ EDGEKEEP_OPCUA__HOST_PROT: "1" });
  assert.deepEqual(typo.rules, ["env_unknown"]);
  assert.equal(typo.findings[0]?.severity, "error");
  assert.equal(typo.findings[0]?.fix, "Did you mean EDGEKEEP_OPCUA__HOST_PORT?");
  assert.deepEqual(typo.document, {});
  assert.deepEqual(overlay({ EDGEKEEP_NOPE__X: "1" }).rules, ["env_unknown"]);
  assert.deepEqual(overlay({ EDGEKEEP_RUNTIME__WEB: "1" }).rules, ["env_unknown"]);
  assert.deepEqual(overlay({ EDGEKEEP_OPCUA__HOST_PORT__X: "1" }).rules, ["env_unknown"]);
  assert.deepEqual(overlay({ EDGEKEEP_APPLICATION__0__APPLICATION_NAME: "1" }).rules, ["env_unknown"]);
  assert.deepEqual(overlay({ EDGEKEEP_OPCUA__HOST_PORT_FILE: "/x" }).rules, ["env_unknown"]);
  assert.deepEqual(overlay({ EDGEKEEP_RUNTIME__MESH__AUTH_TOKEN: "1" }).rules, ["not_in_this_version"]);
  const single = overlay({ EDGEKEEP_OPCUA_HOST_PORT: "1" });
  assert.equal(single.findings[0]?.severity, "warning");
  assert.match(single.findings[0]?.fix ?? "", /EDGEKEEP_OPCUA__HOST_PORT/);
  // what container platforms set for a service called edgekeep-opcua is not meant for the program
  assert.deepEqual(overlay({ EDGEKEEP_OPCUA_SERVICE_HOST: "10.0.0.1", EDGEKEEP_OPCUA_PORT: "tcp://x" }).findings, []);
  assert.deepEqual(overlay({ EDGEKEEP_OPCUA__HOST_PORT: "1" }, { opcua: 3 }).rules, ["env_unknown"]);
});

Deno.test("every key outside lists of tables has a variable that sets its default", () => {
  for (const { path, node, repeated } of allValues()) {
    if (repeated || node.preset === undefined) continue;
    const variable = variableOf(path);
    assert.ok(variable);
    const text = Array.isArray(node.preset) ? node.preset.join(",") : String(node.preset);
    const { document, findings } = overlay({ [variable]: text });
    assert.deepEqual(findings, []);
    assert.deepEqual(valueAt(document, path), node.preset, variable);
  }
});

const word = fc.constantFrom(
  "OPCUA",
  "HOST_PORT",
  "RUNTIME",
  "WEB",
  "LISTEN",
  "APPLICATION",
  "0",
  "__PROTO__",
  "X",
  "",
);
const variable = fc.array(word, { maxLength: 4 }).map((words) => `EDGEKEEP_${words.join("__")}`);

Deno.test("any environment is taken without an exception, repeats no value and never reaches a prototype", () => {
  fc.assert(fc.property(fc.dictionary(variable, fc.string()), (env) => {
    const marked = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, `${text}Xq7Zp`]));
    const { findings, document } = overlay(marked);
    assert.doesNotMatch(JSON.stringify(findings), /Xq7Zp/);
    assert.equal(Object.getPrototypeOf(document), Object.prototype);
    assert.equal(({} as Record<string, unknown>)["x"], undefined);
  }));
});

Deno.test("parseVariable reads what was written, and leaves what it cannot read for the schema to refuse", () => {
  fc.assert(fc.property(fc.boolean(), (value) => {
    assert.equal(parseVariable(String(value), { type: "boolean" }), value);
  }));
  fc.assert(fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), (value) => {
    assert.equal(parseVariable(String(value), { type: "whole" }), value);
  }));
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
    assert.equal(parseVariable(String(value), { type: "number" }), Object.is(value, -0) ? 0 : value);
  }));
  fc.assert(fc.property(fc.array(fc.string()), (value) => {
    assert.deepEqual(parseVariable(tomlList(value), { type: "texts" }), value);
  }));
  fc.assert(
    fc.property(fc.string(), fc.constantFrom("boolean", "whole", "number", "texts", "numbers"), (text, type) => {
      const value = parseVariable(text, { type });
      if (typeof value === "string") assert.equal(value, text.startsWith(value) ? value : text.trim());
      if (type === "whole" && typeof value === "number") assert.ok(Number.isSafeInteger(value));
    }),
  );
  assert.equal(parseVariable("1e3", { type: "whole" }), "1e3");
  assert.equal(parseVariable("0x10", { type: "number" }), "0x10");
  assert.equal(parseVariable("", { type: "number" }), "");
  assert.equal(parseVariable("yes", { type: "boolean" }), "yes");
  assert.deepEqual(parseVariable("", { type: "texts" }), []);
  assert.equal(parseVariable('["a"', { type: "texts" }), '["a"');
  const refused = configSchema.safeParse(overlay({ EDGEKEEP_OPCUA__HOST_PORT: "http" }).document);
  assert.equal(refused.success, false);
});

function tomlList(list: readonly string[]): string {
  return JSON.stringify(list).replaceAll("\u007f", "\\u007f");
}
