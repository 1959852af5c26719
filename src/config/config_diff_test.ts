import assert from "node:assert/strict";
import { configValues, diffConfig, sectionOf } from "./config_diff.ts";
import { formatKeyPath } from "./key_path.ts";
import { type Config, configSchema } from "./schema.ts";

const metric = (name: string, more = {}) => ({
  metric_name: name,
  chirpstack_metric_name: name,
  metric_type: "Float",
  ...more,
});
const device = (id: string, more = {}) => ({
  device_id: id.repeat(16),
  device_name: id,
  read_metric: [metric("t")],
  ...more,
});

function config(devices: unknown[], more: Record<string, unknown> = {}): Config {
  return configSchema.parse({
    application: [{ application_name: "A", application_id: "a", device: devices }],
    ...more,
  });
}

function diff(before: Config, after: Config) {
  return diffConfig(before, after).map(({ path, before, after }) => [formatKeyPath(path), before, after]);
}

Deno.test("Equal configurations differ in nothing", () => {
  assert.deepEqual(diffConfig(config([device("1")]), config([device("1")])), []);
});

Deno.test("Values are shown as TOML, and secrets never", () => {
  const before = config([], { opcua: { user_name: "a", user_password: "old-secret" } });
  const after = config([], {
    opcua: { host_port: 4841, user_name: "a", user_password: "new-secret", advertised_hosts: ["x", "y"] },
    runtime: { control: { auth_token: "token-secret" } },
  });
  assert.deepEqual(diff(before, after), [
    ["opcua.host_port", "4840", "4841"],
    ["opcua.advertised_hosts", "[]", '["x", "y"]'],
    ["opcua.user_password", '"***"', '"***"'],
    ["runtime.control.auth_token", null, '"***"'],
  ]);
});

Deno.test("A device that comes in between changes none of the others", () => {
  const before = config([device("1"), device("2")]);
  const after = config([device("1"), device("3"), device("2", { device_name: "two" })]);
  const [added, renamed, ...others] = diff(before, after);
  assert.deepEqual(others, []);
  assert.equal(added?.[0], "application[0].device[1]");
  assert.equal(added?.[1], null);
  assert.match(added?.[2] ?? "", /^\{ device_id = "3333333333333333", device_name = "3", .*metric_name = "t"/);
  assert.deepEqual(renamed, ["application[0].device[2].device_name", '"2"', '"two"']);
});

Deno.test("What went is named by where it was, and a changed order is a change", () => {
  const before = config([device("1"), device("2"), device("3")]);
  const gone = diff(before, config([device("2"), device("3")]));
  assert.deepEqual(gone.map(([path, , after]) => [path, after]), [["application[0].device[0]", null]]);
  assert.deepEqual(diff(before, config([device("3"), device("1"), device("2")])).map(([path]) => path), [
    "application[0].device",
  ]);
});

Deno.test("A section that is new or gone is all of its keys", () => {
  const chirpstack = { server_address: "http://h:1", api_token: "secret" };
  const [before, after] = [config([]), config([], { chirpstack })];
  const come = diff(before, after);
  assert.deepEqual(come.slice(0, 2), [
    ["chirpstack.server_address", null, '"http://h:1"'],
    ["chirpstack.api_token", null, '"***"'],
  ]);
  assert.deepEqual(diff(after, before).map(([path]) => path), come.map(([path]) => path));
});

Deno.test("Every value has its path", () => {
  const values = new Map(
    [...configValues(config([device("1")]))].map(({ path, value }) => [formatKeyPath(path), value]),
  );
  assert.equal(values.get("application[0].device[0].read_metric[0].metric_name"), "t");
  assert.equal(values.get("opcua.host_port"), 4840);
  assert.ok(!values.has("chirpstack.mode"));
});

Deno.test("Keys are counted by their section", () => {
  assert.equal(sectionOf(["runtime", "web", "listen"]), "runtime.web");
  assert.equal(sectionOf(["application", "device", "device_name"]), "application");
});
