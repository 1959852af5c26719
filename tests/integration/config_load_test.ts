import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { type Finding, loadConfig, type LoadResult } from "../../src/config/load.ts";

/** A loader over files in memory. A file that is `Error` cannot be read. */
function load(
  files: Record<string, string | Error>,
  options: {
    env?: Record<string, string>;
    path?: string;
    project?: string;
    modes?: Record<string, number>;
  } = {},
): Promise<LoadResult> {
  const { env = {}, modes = {}, ...search } = options;
  return loadConfig({
    ...search,
    env,
    cwd: "/home",
    readFile: (path) => {
      const file = files[path];
      if (typeof file === "string") return Promise.resolve(file);
      return Promise.reject(file ?? new Deno.errors.NotFound(path));
    },
    fileMode: (path) => Promise.resolve(modes[path] ?? 0o600),
  });
}

/** One file at the place named by `--config`. */
function loadText(text: string, options: Parameters<typeof load>[1] = {}, more: Record<string, string | Error> = {}) {
  return load({ "/etc/gw/edgekeep.toml": text, ...more }, { path: "/etc/gw/edgekeep.toml", ...options });
}

function accepted(result: LoadResult) {
  assert.ok(result.ok, JSON.stringify(result.findings, null, 1));
  return result;
}

function find(findings: readonly Finding[], rule: string): Finding {
  const found = findings.find((finding) => finding.rule === rule);
  assert.ok(found, `${rule} in ${JSON.stringify(findings, null, 1)}`);
  return found;
}

const token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.Xq7Zp";
const source = `[chirpstack]\nserver_address = "https://chirpstack.test"\n`;

Deno.test("an empty file is a valid configuration: the gateway starts as not set up", async () => {
  const { config, findings, secrets, origins } = accepted(await loadText(""));
  assert.equal(config.chirpstack, undefined);
  assert.equal(config.opcua.host_port, 4840);
  assert.deepEqual(findings.map(({ rule, severity }) => [rule, severity]), [
    ["no_source", "warning"],
    ["opcua_without_user", "note"],
  ]);
  assert.deepEqual(secrets, []);
  assert.equal(origins.size, 0);
});

Deno.test("the file is looked for in the documented order", async () => {
  const name = (text: string) => `[gateway]\nname = "${text}"`;
  const files = {
    "/etc/edgekeep/edgekeep.toml": name("system"),
    "/home/config/edgekeep.toml": name("checkout"),
    "/home/mine.toml": name("named"),
    "/var/other.toml": name("environment"),
    "/home/one/edgekeep.toml": name("project"),
    "/home/two/runtime.toml": name("runtime"),
  };
  const nameOf = async (...args: Parameters<typeof load>) => accepted(await load(...args)).config.gateway.name;
  const env = { EDGEKEEP_CONFIG: "/var/other.toml" };
  assert.equal(await nameOf(files, { path: "mine.toml", env }), "named");
  assert.equal(await nameOf(files, { project: "one", env }), "project");
  assert.equal(await nameOf(files, { project: "two" }), "runtime");
  assert.equal(await nameOf(files, { env }), "environment");
  assert.equal(await nameOf(files), "system");
  assert.equal(await nameOf({ "/home/config/edgekeep.toml": name("checkout") }), "checkout");
});

Deno.test("a configuration that is missing, unreadable or named twice is a finding", async () => {
  const only = async (result: Promise<LoadResult>) => {
    const { ok, findings } = await result;
    assert.equal(ok, false);
    assert.equal(findings.length, 1);
    return findings[0]?.rule;
  };
  assert.equal(await only(load({})), "config_not_found");
  assert.equal(await only(load({ "/etc/edgekeep/edgekeep.toml": "" }, { path: "x.toml" })), "config_not_found");
  assert.equal(await only(load({}, { project: "p" })), "config_not_found");
  assert.equal(await only(loadText("", { project: "p" })), "config_ambiguous");
  const denied = new Deno.errors.PermissionDenied("denied");
  // an unreadable system file is not passed over for the next one
  const files = { "/etc/edgekeep/edgekeep.toml": denied, "/home/config/edgekeep.toml": "" };
  assert.equal(await only(load(files)), "config_unreadable");
});

Deno.test("later sources overrule earlier ones: file, environment, secret file, credential", async () => {
  const text = `${source}api_token = "from-file"\n`;
  const tokenOf = async (options: Parameters<typeof load>[1], addition = "", more: Record<string, string> = {}) => {
    const { config, origins, secrets } = accepted(await loadText(text + addition, options, more));
    assert.deepEqual(secrets, [config.chirpstack?.api_token]);
    return [config.chirpstack?.api_token, origins.get("chirpstack.api_token")];
  };
  const env = { EDGEKEEP_CHIRPSTACK__API_TOKEN: "from-env" };
  const files = { "/etc/gw/token": "from-reference\r\n", "/run/cred/chirpstack.api_token": "from-credential\n" };
  const reference = 'api_token_file = "token"\n';
  assert.deepEqual(await tokenOf({}), ["from-file", "file"]);
  assert.deepEqual(await tokenOf({ env }), ["from-env", "env"]);
  assert.deepEqual(await tokenOf({ env }, reference, files), ["from-reference", "file_reference"]);
  const all = { ...env, CREDENTIALS_DIRECTORY: "/run/cred" };
  assert.deepEqual(await tokenOf({ env: all }, reference, files), ["from-credential", "credential"]);
  const named = { EDGEKEEP_CHIRPSTACK__API_TOKEN_FILE: "/etc/gw/token" };
  assert.deepEqual(await tokenOf({ env: named }, "", files), ["from-reference", "file_reference"]);
});

Deno.test("paths become absolute: from the file's folder, or from data_dir", async () => {
  const defaults = accepted(await loadText("")).config;
  assert.equal(defaults.gateway.data_dir, "/etc/gw/data");
  assert.equal(defaults.storage.database_path, "/etc/gw/data/history.db");
  assert.equal(defaults.opcua.pki_dir, "/etc/gw/data/pki");
  assert.equal(defaults.logging.dir, undefined);
  const set = accepted(
    await loadText(`${source}api_token = "x"\nca_path = "ca.pem"
[gateway]\ndata_dir = "/var/lib/gw"
[storage]\ndatabase_path = "./here.db"
[opcua]\npki_dir = "keys/opcua"
[logging]\ndir = "../log"`),
  ).config;
  assert.equal(set.storage.database_path, "/etc/gw/here.db");
  assert.equal(set.opcua.pki_dir, "/var/lib/gw/keys/opcua");
  assert.equal(set.logging.dir, "/etc/log");
  assert.equal(set.chirpstack?.ca_path, "/etc/gw/ca.pem");
  const absolute = accepted(await loadText('[storage]\ndatabase_path = "/mnt/h.db"')).config;
  assert.equal(absolute.storage.database_path, "/mnt/h.db");
});

Deno.test("everything that is wrong is reported at once, each with its line and what to write", async () => {
  const result = await loadText(
    `[gateway]
nmae = "x"
[chirpstack]
server_address = "chirpstack:8080"
mode = "mqtt"

[opcua]
host_port = "4840"
user_name = "scada"
security_policies = [
  "Basic256Sha256",
  "Basic256",
]
max_connections = 0
[storage]
synchronous = "full"
[mqtt]
broker = "x"
[[application]]
application_id = "1"
application_name = "A"
[[application.device]]
device_id = "nope"
device_name = "D"
[[application.device.read_metric]]
metric_name = "M"
chirpstack_metric_name = "a b"
metric_type = "float"
[[application.device.read_metric]]
metric_name = "M"
chirpstack_metric_name = "b"
metric_type = "Bool"
range = [0, 1]
alarm = { hi = 1 }
`,
    { env: { EDGEKEEP_LOGGING__MAX_FILES: "many", EDGEKEEP_OPCUA__PROT: "1" } },
  );
  assert.equal(result.ok, false);
  const metric = "application[0].device[0].read_metric";
  assert.deepEqual(
    result.findings.filter(({ severity }) => severity === "error").map(({ line, path, rule }) => [line, path, rule]),
    [
      [2, "gateway.nmae", "unknown_key"],
      [3, "chirpstack.api_token", "missing"],
      [4, "chirpstack.server_address", "wrong_format"],
      [5, "chirpstack.mode", "not_allowed"],
      [7, "opcua.user_password", "opcua_user_incomplete"],
      [8, "opcua.host_port", "wrong_type"],
      [12, "opcua.security_policies[1]", "not_allowed"],
      [14, "opcua.max_connections", "out_of_range"],
      [16, "storage.synchronous", "not_allowed"],
      [17, "mqtt", "not_in_this_version"],
      [23, "application[0].device[0].device_id", "wrong_format"],
      [27, `${metric}[0].chirpstack_metric_name`, "value_path_syntax"],
      [28, `${metric}[0].metric_type`, "not_allowed"],
      [30, `${metric}[1].metric_name`, "duplicate_metric_name"],
      [33, `${metric}[1].range`, "range_without_number"],
      [34, `${metric}[1].alarm.hi`, "alarm_of_wrong_type"],
      [null, "EDGEKEEP_OPCUA__PROT", "env_unknown"],
      [null, "logging.max_files", "wrong_type"],
    ],
  );
  for (const finding of result.findings) {
    assert.ok(finding.text !== "" && finding.fix !== "", finding.rule);
    assert.equal(finding.file, finding.line === null ? null : "/etc/gw/edgekeep.toml");
  }
  const fixes = Object.fromEntries(result.findings.map(({ path, fix }) => [path, fix]));
  assert.equal(fixes["gateway.nmae"], "Did you mean name?");
  assert.equal(fixes["opcua.host_port"], "Remove the quotes");
  assert.equal(fixes["opcua.security_policies[1]"], 'Write "Basic256Sha256"');
  assert.equal(fixes["storage.synchronous"], 'Write "FULL"');
  assert.equal(fixes[`${metric}[0].metric_type`], 'Write "Float"');
  assert.equal(fixes[`${metric}[0].chirpstack_metric_name`], `For the key "a b" write '["a b"]'`);
  assert.match(fixes["chirpstack.api_token"] ?? "", /EDGEKEEP_CHIRPSTACK__API_TOKEN.*api_token_file/);
  assert.match(find(result.findings, "not_in_this_version").text, /This version of Edgekeep does not have MQTT/);
});

Deno.test("every key that only the wider product has is named as such", async () => {
  for (
    const text of [
      "[mqtt]",
      "[runtime.discovery]",
      "[runtime.mesh]",
    ]
  ) find((await loadText(text)).findings, "not_in_this_version");
});

Deno.test("a text that is not TOML is refused with its line, and none of its lines is repeated", async () => {
  const result = await loadText(`[chirpstack]\napi_token = ${token}\nx = "\n`);
  const finding = find(result.findings, "toml_syntax");
  assert.equal(finding.line, 2);
  assert.doesNotMatch(JSON.stringify(result), /Xq7Zp/);
});

Deno.test("a placeholder is refused with the variable to set, and nothing else is said of its key", async () => {
  const shipped = await Deno.readTextFile(new URL("../../config/edgekeep.toml", import.meta.url));
  const result = await loadText(shipped);
  const errors = result.findings.filter(({ severity }) => severity === "error");
  assert.deepEqual(errors.map(({ rule, path, line }) => [rule, path, line !== null]), [
    ["placeholder", "chirpstack.server_address", true],
    ["placeholder", "chirpstack.api_token", true],
    ["placeholder", "opcua.user_password", true],
  ]);
  assert.match(errors[0]?.fix ?? "", /EDGEKEEP_CHIRPSTACK__SERVER_ADDRESS/);
  assert.match(errors[1]?.fix ?? "", /EDGEKEEP_CHIRPSTACK__API_TOKEN/);
  const env = {
    EDGEKEEP_CHIRPSTACK__SERVER_ADDRESS: "https://chirpstack.test",
    EDGEKEEP_CHIRPSTACK__API_TOKEN: token,
    EDGEKEEP_OPCUA__USER_PASSWORD: "correct horse",
  };
  const { config, secrets, findings } = accepted(await loadText(shipped, { env }));
  assert.equal(config.chirpstack?.api_token, token);
  assert.deepEqual(secrets, [token, "correct horse"]);
  assert.deepEqual(findings.map(({ rule }) => rule), ["no_devices"]);
});

Deno.test("a secret's own file is judged: missing, empty, unreadable, readable by all, named beside a value", async () => {
  const text = `${source}api_token_file = "token"\n`;
  const rulesOf = async (file: string | Error | undefined, mode = 0o600, addition = "") => {
    const more: Record<string, string | Error> = file === undefined ? {} : { "/etc/gw/token": file };
    const result = await loadText(text + addition, { modes: { "/etc/gw/token": mode } }, more);
    const place = result.findings.filter(({ path }) => path.startsWith("chirpstack.api_token"));
    for (const { path, line } of place) assert.deepEqual([path, line], ["chirpstack.api_token_file", 3]);
    return place.map(({ rule, severity }) => `${rule} ${severity}`);
  };
  assert.deepEqual(await rulesOf(token), []);
  assert.deepEqual(await rulesOf(token, 0o640), []);
  assert.deepEqual(await rulesOf(token, 0o644), ["secret_file_mode warning"]);
  assert.deepEqual(await rulesOf(undefined), ["secret_file_unreadable error"]);
  assert.deepEqual(await rulesOf(new Deno.errors.PermissionDenied("x")), ["secret_file_unreadable error"]);
  assert.deepEqual(await rulesOf("\n"), ["secret_file_empty error"]);
  assert.deepEqual(await rulesOf(token, 0o600, 'api_token = "other"'), ["secret_twice warning"]);
  assert.deepEqual(await rulesOf(token, 0o600, 'api_token = "REPLACE_ME_WITH_X"'), []);
  const number = await loadText(`${source}api_token_file = 3`);
  assert.equal(find(number.findings, "wrong_type").path, "chirpstack.api_token_file");
  // whoever pastes the secret itself instead of a file's name does not read it in the message
  const pasted = await loadText(`${source}api_token_file = "${token}"`);
  assert.doesNotMatch(JSON.stringify(pasted.findings), /Xq7Zp/);
  const held = await loadText(text, {}, { "/etc/gw/token": "REPLACE_ME_WITH_X" });
  find(held.findings, "placeholder");
});

Deno.test("a secret in a configuration that every user can read is a warning", async () => {
  const text = `${source}api_token = "${token}"\n`;
  const open = { modes: { "/etc/gw/edgekeep.toml": 0o644 } };
  assert.equal(find(accepted(await loadText(text, open)).findings, "config_file_mode").path, "chirpstack.api_token");
  const env = { EDGEKEEP_CHIRPSTACK__API_TOKEN: token };
  const clean = accepted(await loadText(text, { ...open, env })).findings;
  assert.ok(!clean.some(({ rule }) => rule === "config_file_mode"));
});

Deno.test("a finding about a variable names the variable instead of a line", async () => {
  const result = await loadText("[opcua]\nhost_port = 4840\n", { env: { EDGEKEEP_OPCUA__HOST_PORT: "70000" } });
  const finding = find(result.findings, "out_of_range");
  assert.deepEqual([finding.path, finding.line, finding.file], ["opcua.host_port", null, null]);
  assert.match(finding.text, /EDGEKEEP_OPCUA__HOST_PORT/);
});

Deno.test("secrets are in no finding, whatever else is wrong", async () => {
  const mark = "Xq7ZpSECRET";
  const bad = fc.constantFrom<unknown>(0, -1, true, "", "text", [], {}, [1], { a: 1 }, 1.5, "REPLACE_ME_WITH_X");
  const secret = fc.constantFrom<unknown>(mark, [mark], { [`k`]: mark }, `${mark}\n`, `a ${mark}`, mark.repeat(100));
  const section = (name: string, keys: string[], secrets: string[]) =>
    fc.record(
      Object.fromEntries([
        ...keys.map((key) => [key, bad]),
        ...secrets.map((key) => [key, secret]),
        [`${name}_typo`, secret],
      ]),
      { requiredKeys: [] },
    );
  const document = fc.record({
    chirpstack: section("c", ["server_address", "mode", "timeout", "tenant_id"], ["api_token", "api_tokn", "ca_path"]),
    opcua: section("o", ["host_port", "security_policies", "user_name"], [
      "user_password",
      "userpassword",
      "host_ip_address",
    ]),
    gateway: section("g", ["name"], ["data_dir"]),
    mqtt: section("m", [], ["password"]),
  }, { requiredKeys: [] });
  const env = fc.dictionary(
    fc.constantFrom(
      "EDGEKEEP_CHIRPSTACK__API_TOKEN",
      "EDGEKEEP_OPCUA__USER_PASSWORD",
      "EDGEKEEP_CHIRPSTACK__APITOKEN",
      "EDGEKEEP_OPCUA__HOST_PORT",
    ),
    fc.constantFrom(mark, `${mark}\n`, `[${mark}`),
  );
  await fc.assert(fc.asyncProperty(document, env, fc.nat(), fc.nat(3), async (tables, variables, where, cut) => {
    const text = stringify(tables);
    const at = where % (text.length + 1);
    for (const toml of [text, text.slice(0, at) + text.slice(at + cut)]) {
      const result = await loadText(toml, { env: variables });
      assert.doesNotMatch(JSON.stringify(result.findings), /Xq7Zp/);
    }
  }));
});

Deno.test("any text is loaded or refused with findings, never with an exception", async () => {
  const line = fc.constantFrom(
    "[opcua]",
    "[chirpstack]",
    "[[application]]",
    "[[application.device]]",
    "[[application.device.read_metric]]",
    "[runtime]",
    "[runtime.web]",
    "application = 3",
    "host_port = 1",
    'metric_name = "a"',
    "range = [1]",
    "device = []",
    'device_id = "0011223344556677"',
    "opcua = 1",
    "web = []",
    "x.y.z = 1",
    "user_name = 1979-05-27",
    "'' = 1",
    "api_token_file = []",
    "constructor = 1",
    '"__proto__" = 1',
    "read_metric = [1]",
    "application = [[], {}]",
  );
  await fc.assert(fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
    const result = await loadText(lines.join("\n"));
    const errors = result.findings.filter(({ severity }) => severity === "error");
    assert.equal(result.ok, errors.length === 0);
    for (const { line: at, file } of errors) {
      assert.ok(at === null || (at >= 1 && at <= lines.length));
      assert.ok(file === null || file === "/etc/gw/edgekeep.toml");
    }
  }));
});
