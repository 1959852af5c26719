import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { formatKeyPath } from "./key_path.ts";
import { checkRules, rules } from "./rules.ts";
import { salvage } from "./salvage.ts";
import { configSchema } from "./schema.ts";

interface Fixture {
  /** Breaks the rule, and at these keys. */
  readonly fail: string;
  readonly at: readonly string[];
  /** As close to `fail` as a configuration gets that keeps the rule. */
  readonly pass: string;
}

const chirpstack = (lines = "") =>
  `[chirpstack]\nserver_address = "https://chirpstack.test"\napi_token = "token"\n${lines}\n`;
const device = (id = "0011223344556677", name = "Probe") =>
  `[[application.device]]\ndevice_id = "${id}"\ndevice_name = "${name}"\n`;
const application = (id = "1") => `[[application]]\napplication_name = "App"\napplication_id = "${id}"\n`;
const metric = (lines = "", name = "Temperature", path = "temperature", type = "Float") =>
  `[[application.device.read_metric]]\nmetric_name = "${name}"\nchirpstack_metric_name = '${path}'\n` +
  `metric_type = "${type}"\n${lines}\n`;
const metrics = (...all: string[]) => application() + device() + all.join("");
/** A device with these commands; each is the lines of one. */
const commands = (...all: string[]) =>
  application() + device() +
  all.map((lines, n) =>
    "[[application.device.command]]\n" + (/command_id/.test(lines) ? "" : `command_id = ${n}\n`) +
    (/command_name/.test(lines) ? "" : `command_name = "C${n}"\n`) + `command_port = 10\n${lines}\n`
  ).join("");
const argument = (lines: string) => `\n[[application.device.command.argument]]\n${lines}\n`;
const bytes = (template: string) => `payload = { bytes = "${template}" }`;
const atCommand = (key: string, entry = 0) => [`application[0].device[0].command[${entry}].${key}`];
const at = (key: string, entry = 0) => [`application[0].device[0].read_metric[${entry}].${key}`];
const manyDevices = (count: number) =>
  application() + Array.from({ length: count }, (_, n) => device(n.toString(16).padStart(16, "0"), `D${n}`)).join("");

const fixtures: Record<string, Fixture> = {
  no_source: { fail: "", at: ["chirpstack"], pass: chirpstack() },
  no_devices: { fail: chirpstack() + application(), at: ["application"], pass: chirpstack() + metrics(metric()) },
  empty_application: { fail: application(), at: ["application[0]"], pass: metrics(metric()) },
  empty_device: { fail: metrics(), at: ["application[0].device[0]"], pass: metrics(metric()) },
  duplicate_application_id: {
    fail: application("1") + application("1"),
    at: ["application[1].application_id"],
    pass: application("1") + application("2"),
  },
  duplicate_device_id: {
    fail: application("1") + device("00112233AABBCCDD", "A") + application("2") + device("00112233aabbccdd", "B"),
    at: ["application[1].device[0].device_id"],
    pass: application("1") + device("00112233aabbccdd", "A") + application("2") + device("00112233aabbccde", "B"),
  },
  duplicate_device_name: {
    fail: application() + device("0000000000000001", "A") + device("0000000000000002", "A"),
    at: ["application[0].device[1].device_name"],
    pass: application("1") + device("0000000000000001", "A") + application("2") + device("0000000000000002", "A"),
  },
  duplicate_metric_name: {
    fail: metrics(metric("", "A", "a"), metric("", "A", "b")),
    at: at("metric_name", 1),
    pass: metrics(metric("", "A", "a"), metric("", "B", "b")) + device("0000000000000001", "Other") + metric("", "A"),
  },
  duplicate_alias: {
    fail: metrics(metric('alias = "Tank"', "A", "a")) + device("0000000000000001", "Other") + metric('alias = "Tank"'),
    at: ["application[0].device[1].read_metric[0].alias"],
    pass: metrics(metric('alias = "Tank"', "A", "a")) + device("0000000000000001", "Other") + metric('alias = "tank"'),
  },
  duplicate_value_path: {
    fail: metrics(metric("", "A", "a.b"), metric("", "B", '["a"].b')),
    at: at("chirpstack_metric_name", 1),
    pass: metrics(metric("", "A", "a.b"), metric("", "B", '["a.b"]')),
  },
  value_path_syntax: {
    fail: metrics(metric("", "A", "Battery Status")),
    at: at("chirpstack_metric_name"),
    pass: metrics(metric("", "A", '["Battery Status"]')),
  },
  data_type_mismatch: {
    fail: metrics(metric('data_type = "Int32"')),
    at: at("data_type"),
    pass: metrics(metric('data_type = "Double"')),
  },
  range_without_number: {
    fail: metrics(metric("range = [0, 1]", "A", "a", "Bool")),
    at: at("range"),
    pass: metrics(metric("range = [0, 1]", "A", "a", "Int")),
  },
  range_beyond_type: {
    fail: metrics(metric('data_type = "Int16"\nrange = [0, 32768]', "A", "a", "Int")),
    at: at("range"),
    pass: metrics(metric('data_type = "Int16"\nrange = [0, 32767]', "A", "a", "Int")),
  },
  scaling_without_number: {
    fail: metrics(metric("scale = 2\noffset = 1\ndeadband = 1", "A", "a", "String")),
    at: [...at("scale"), ...at("offset"), ...at("deadband")],
    pass: metrics(metric("scale = 1", "A", "a", "String"), metric("scale = 2\ndeadband = 1", "B", "b", "Float")),
  },
  scaling_of_integer: {
    fail: metrics(metric("scale = 0.1\noffset = 0.5", "A", "a", "Int")),
    at: [...at("scale"), ...at("offset")],
    pass: metrics(metric("scale = 10", "A", "a", "Int"), metric("scale = 0.1", "B", "b", "Float")),
  },
  duplicate_command_id: {
    fail: commands("command_id = 1", "command_id = 1"),
    at: atCommand("command_id", 1),
    pass: commands("command_id = 1", "command_id = 2") + device("0000000000000001", "Other") +
      '[[application.device.command]]\ncommand_id = 1\ncommand_name = "A"\ncommand_port = 10\n',
  },
  duplicate_command_name: {
    fail: commands('command_name = "A"', 'command_name = "A"'),
    at: atCommand("command_name", 1),
    pass: commands('command_name = "A"', 'command_name = "a"'),
  },
  duplicate_argument_name: {
    fail: commands(bytes("{a:u8}") + argument('name = "a"') + argument('name = "a"')),
    at: atCommand("argument[1].name"),
    pass: commands(bytes("{a:u8}{b:u8}") + argument('name = "a"') + argument('name = "b"')),
  },
  command_payload_twice: {
    fail: commands('class = "byte"\npayload = { bytes = "{value:u8}", object = { v = "{value}" } }'),
    at: [...atCommand("class"), ...atCommand("payload.object")],
    pass: commands('class = "byte"', bytes("{value:u8}"), 'payload = { object = { v = "{value}" } }'),
  },
  command_arguments_twice: {
    fail: commands(`type = "Int"\nmin = 1\nmax = 2\nenum = [1]\n${bytes("{a:u8}")}` + argument('name = "a"')),
    at: ["type", "min", "max", "enum"].flatMap((key) => atCommand(key)),
    pass: commands(bytes("{a:u8}") + argument('name = "a"\ntype = "Int"\nmin = 1\nmax = 2\nenum = [1]')),
  },
  command_template: {
    fail: commands(bytes("0g"), 'payload = { object = { v = "{value" } }', "payload = { object = { v = 2026-01-01 } }"),
    at: [...atCommand("payload.bytes"), ...atCommand("payload.object", 1), ...atCommand("payload.object", 2)],
    pass: commands(bytes("0f {value:u8}"), 'payload = { object = { v = "{{{value}}}", n = [1, true] } }'),
  },
  command_argument_unknown: {
    fail: commands(bytes("{a:u8}{value:u8}"), 'payload = { object = { v = ["{value} {b}"] } }'),
    at: [...atCommand("payload.bytes"), ...atCommand("payload.object", 1)],
    pass: commands(bytes("{value:u8}"), 'payload = { object = { v = ["{value} {{b}}"] } }'),
  },
  command_argument_unused: {
    fail: commands(bytes("01"), bytes("{a:u8}") + argument('name = "a"') + argument('name = "b"'), "argument = []"),
    at: [...atCommand("payload.bytes"), ...atCommand("argument[1].name", 1), ...atCommand("argument", 2)],
    pass: commands(`${bytes("01")}\nargument = []`, bytes("{a:u8}") + argument('name = "a"'), 'class = "valve"'),
  },
  command_argument_type: {
    fail: commands(
      `type = "String"\n${bytes("{value:u8}")}`,
      `type = "Int"\n${bytes("{value:bool}")}`,
      `type = "Bool"\n${bytes("{value:f32be}")}`,
      'class = "valve"\ntype = "Int"',
      'type = "Float"',
    ),
    at: [0, 1, 2, 3, 4].flatMap((entry) => atCommand("type", entry)),
    pass: commands(
      `type = "String"\n${bytes("{value:utf8}")}`,
      `type = "Bool"\n${bytes("{value:bool}")}`,
      `type = "Bool"\n${bytes("{value:u8}")}`,
      'class = "valve"\ntype = "Bool"',
      `type = "Float"\n${bytes("{value:i16be*10}")}`,
    ),
  },
  command_range: {
    fail: commands(
      "min = 2\nmax = 1",
      'class = "valve"\nmax = 1',
      "max = 1.5",
      `type = "String"\nmin = -1\n${bytes("{value:utf8}")}`,
    ),
    at: [...atCommand("min"), ...atCommand("max", 1), ...atCommand("max", 2), ...atCommand("min", 3)],
    pass: commands("min = 1\nmax = 1", `type = "Float"\nmax = 1.5\n${bytes("{value:f32be}")}`),
  },
  command_values: {
    fail: commands('enum = [1, "2", 3.5, 4, 1]\nmax = 3', 'class = "valve"\nenum = [1]'),
    at: [...[1, 2, 3, 4].flatMap((entry) => atCommand(`enum[${entry}]`)), ...atCommand("enum[0]", 1)],
    pass: commands("enum = [1, 3]\nmax = 3", `type = "String"\nenum = ["on", "off"]\n${bytes("{value:ascii}")}`),
  },
  command_beyond_payload: {
    fail: commands(
      "min = -1\nmax = 256\nenum = [255, 256]",
      `type = "Float"\nmax = 25.6\nenum = [0.05, 25.5]\n${bytes("{value:u8*10}")}`,
      `type = "String"\nmax = 5\nenum = ["é", "12345", "1234"]\n${bytes("{value:ascii[4]}")}`,
    ),
    at: [
      ...atCommand("min"),
      ...atCommand("max"),
      ...atCommand("enum[1]"),
      ...atCommand("max", 1),
      ...atCommand("enum[0]", 1),
      ...atCommand("max", 2),
      ...atCommand("enum[0]", 2),
      ...atCommand("enum[1]", 2),
    ],
    pass: commands(
      "min = 0\nmax = 255\nenum = [255, 0]",
      `type = "Float"\nmax = 25.5\nenum = [0.1, 25.5]\n${bytes("{value:u8*10}")}`,
      `type = "String"\nmax = 4\nenum = ["e", "1234"]\n${bytes("{value:ascii[4]}")}`,
    ),
  },
  command_too_long: {
    fail: commands(
      `type = "String"\nmax = 222\n${bytes("01{value:utf8}")}`,
      bytes("{value:u8}".repeat(100) + "00".repeat(123)),
    ),
    at: [...atCommand("payload.bytes"), ...atCommand("payload.bytes", 1)],
    pass: commands(
      `type = "String"\nmax = 221\n${bytes("01{value:utf8}")}`,
      bytes("{value:u8}".repeat(100) + "00".repeat(122)),
    ),
  },
  bad_before_stale: {
    fail: metrics(metric("stale_after_seconds = 60\nbad_after_seconds = 60")),
    at: at("stale_after_seconds"),
    pass: metrics(metric("stale_after_seconds = 60\nbad_after_seconds = 61")),
  },
  stale_before_poll: {
    fail: chirpstack('mode = "poll"') + metrics(metric("stale_after_seconds = 7199")),
    at: at("stale_after_seconds"),
    pass: chirpstack('mode = "poll"') + metrics(metric("stale_after_seconds = 7200")),
  },
  many_devices: {
    fail: chirpstack() + manyDevices(501),
    at: ["chirpstack.mode"],
    pass: chirpstack() + manyDevices(500),
  },
  unprintable_name: {
    fail: '[gateway]\nname = "a\\u0007b"\nsite = " x"\n' + metrics(metric("", "A\\u202Eb")),
    at: ["gateway.name", "gateway.site", ...at("metric_name")],
    pass: '[gateway]\nname = "Wasserwerk Süd"\n' + metrics(metric("", "Température °C")),
  },
  alarm_without_condition: {
    fail: metrics(metric("alarm = { deadband = 1 }")),
    at: at("alarm"),
    pass: metrics(metric("alarm = { hi = 30 }"), metric("alarm = { normal = false }", "B", "b", "Bool")),
  },
  alarm_of_wrong_type: {
    fail: metrics(
      metric("alarm = { lo = 0, hi = 1 }", "A", "a", "Bool"),
      metric("alarm = { hihi = 1 }", "B", "b", "String"),
      metric("alarm = { normal = true }", "C", "c", "Int"),
    ),
    at: [...at("alarm.lo"), ...at("alarm.hi"), ...at("alarm.hihi", 1), ...at("alarm.normal", 2)],
    pass: metrics(
      metric("alarm = { normal = true }", "A", "a", "Bool"),
      metric("alarm = { hihi = 1 }", "B", "b", "Int"),
      metric("alarm = { lolo = 1 }", "C", "c", "Float"),
    ),
  },
  alarm_limits_and_normal: {
    fail: metrics(metric("alarm = { hi = 30, normal = true }")),
    at: at("alarm.normal"),
    pass: metrics(metric("alarm = { hi = 30 }")),
  },
  alarm_limit_order: {
    fail: metrics(
      metric("alarm = { lolo = 5, lo = 0, hi = 10, hihi = 10 }"),
      metric("alarm = { lo = 3, hihi = 2 }", "B", "b"),
    ),
    at: [...at("alarm.lo"), ...at("alarm.hihi"), ...at("alarm.hihi", 1)],
    pass: metrics(
      metric("alarm = { lolo = -5, lo = 0, hi = 10, hihi = 10.5 }"),
      metric("alarm = { lo = 1, hihi = 2 }", "B", "b"),
    ),
  },
  alarm_deadband_too_wide: {
    fail: metrics(metric("alarm = { lo = 0, hi = 10, hihi = 12, deadband = 2 }")),
    at: at("alarm.deadband"),
    pass: metrics(
      metric("alarm = { lo = 0, hi = 10, hihi = 12, deadband = 1.9 }"),
      metric("alarm = { hi = 1, deadband = 9 }", "B", "b"),
    ),
  },
  alarm_limit_out_of_range: {
    fail: metrics(metric("range = [0, 50]\nalarm = { lo = -1, hi = 50, hihi = 51 }")),
    at: [...at("alarm.lo"), ...at("alarm.hihi")],
    pass: metrics(metric("range = [0, 50]\nalarm = { lo = 0, hi = 49, hihi = 50 }")),
  },
  chirpstack_address_parts: {
    fail: '[chirpstack]\nserver_address = "https://user:hunter22@host:8080"\napi_token = "x"',
    at: ["chirpstack.server_address"],
    pass: '[chirpstack]\nserver_address = "https://host:8080/"\napi_token = "x"',
  },
  chirpstack_plain_text: {
    fail: '[chirpstack]\nserver_address = "http://10.0.0.1:8080"\napi_token = "x"',
    at: ["chirpstack.server_address"],
    pass: '[chirpstack]\nserver_address = "http://[::1]:9090"\napi_token = "x"',
  },
  chirpstack_ca_unused: {
    fail: '[chirpstack]\nserver_address = "http://10.0.0.1:8080"\napi_token = "x"\nca_path = "ca.pem"',
    at: ["chirpstack.ca_path"],
    pass: '[chirpstack]\nserver_address = "https://10.0.0.1:8080"\napi_token = "x"\nca_path = "ca.pem"',
  },
  chirpstack_token_characters: {
    fail: '[chirpstack]\nserver_address = "https://h"\napi_token = "abc\\ndef"',
    at: ["chirpstack.api_token"],
    pass: '[chirpstack]\nserver_address = "https://h"\napi_token = "eyJ0.e30.AbC_-"',
  },
  opcua_user_incomplete: {
    fail: '[opcua]\nuser_name = "a"',
    at: ["opcua.user_password"],
    pass: '[opcua]\nuser_name = "a"\nuser_password = "b"',
  },
  opcua_without_user: {
    fail: "[opcua]",
    at: ["opcua.user_name"],
    pass: "[opcua]\nenabled = false",
  },
  opcua_password_characters: {
    fail: '[opcua]\nuser_name = "a"\nuser_password = "one\\ntwo"',
    at: ["opcua.user_password"],
    pass: '[opcua]\nuser_name = "a"\nuser_password = "one two é"',
  },
  opcua_advertised_wildcard: {
    fail: '[opcua]\nadvertised_hosts = ["plc.plant", "::"]',
    at: ["opcua.advertised_hosts[1]"],
    pass: '[opcua]\nadvertised_hosts = ["plc.plant", "::2"]',
  },
  opcua_discovery_own_endpoint: {
    fail: '[opcua]\nhost_ip_address = "0.0.0.0"\ndiscovery_server_url = "opc.tcp://localhost"',
    at: ["opcua.discovery_server_url"],
    pass: '[opcua]\nhost_ip_address = "0.0.0.0"\ndiscovery_server_url = "opc.tcp://localhost:4841"',
  },
  opcua_discovery_lists_loopback: {
    fail: '[opcua]\ndiscovery_server_url = "opc.tcp://lds.plant:4840"',
    at: ["opcua.discovery_server_url"],
    pass: '[opcua]\nadvertised_hosts = ["gw.plant"]\ndiscovery_server_url = "opc.tcp://lds.plant:4840"',
  },
  opcua_message_beyond_chunks: {
    fail: "[opcua]\nmax_message_size = 65537\nmax_chunk_count = 1",
    at: ["opcua.max_message_size"],
    pass: "[opcua]\nmax_message_size = 65536\nmax_chunk_count = 1",
  },
  opcua_address_share_unused: {
    fail: "[opcua]\nmax_connections = 10",
    at: ["opcua.max_connections_per_address"],
    pass: "[opcua]\nmax_connections = 20",
  },
  hub_url_missing: { fail: "[hub]", at: ["hub.url"], pass: '[hub]\nurl = "https://hub.plant:8443"' },
  hub_url_not_https: {
    fail: '[hub]\nurl = "http://hub.plant:8443"',
    at: ["hub.url"],
    pass: '[hub]\nurl = "https://hub.plant:8443"',
  },
  hub_cidr_not_private: {
    fail: '[hub]\nmesh_cidr = "100.128.0.0/16"',
    at: ["hub.mesh_cidr"],
    pass: '[hub]\nmesh_cidr = "100.127.0.0/16"',
  },
  hub_cidr_too_small: {
    fail: '[hub]\nmesh_cidr = "10.1.0.0/30"',
    at: ["hub.mesh_cidr"],
    pass: '[hub]\nmesh_cidr = "10.1.0.0/29"',
  },
  hub_observer_ports_equal: {
    fail: "[hub]\nobserver_ports = [3478, 3478]",
    at: ["hub.observer_ports"],
    pass: "[hub]\nobserver_ports = [3478, 3480]",
  },
  hub_relay_beyond_ports: {
    fail: "[hub]\nrelay_first_port = 65533\nrelay_sessions = 2",
    at: ["hub.relay_first_port"],
    pass: "[hub]\nrelay_first_port = 65532\nrelay_sessions = 2",
  },
  repeated_entry: {
    fail: '[opcua]\nsecurity_modes = ["Sign", "Sign"]',
    at: ["opcua.security_modes[1]"],
    pass: '[opcua]\nsecurity_modes = ["Sign", "SignAndEncrypt"]',
  },
  port_of_chirpstack: {
    fail: '[chirpstack]\nserver_address = "http://localhost:8080"\napi_token = "x"\n' +
      '[runtime.control]\nendpoint = "tcp://127.0.0.1:8080"',
    at: ["runtime.web.listen", "runtime.control.endpoint"],
    pass: '[chirpstack]\nserver_address = "http://10.0.0.9:8080"\napi_token = "x"',
  },
  nothing_served: {
    fail: "[opcua]\nenabled = false\n[runtime.web]\nenabled = false",
    at: ["opcua.enabled"],
    pass: "[opcua]\nenabled = false",
  },
  rollups_shorter_than_samples: {
    fail: "[storage]\nretention_days = 400\nrollup_retention_days = 399",
    at: ["storage.rollup_retention_days"],
    pass: "[storage]\nretention_days = 400\nrollup_retention_days = 400",
  },
  home_in_path: {
    fail: '[gateway]\ndata_dir = "~/data"\n[logging]\ndir = "~"\n[runtime.control]\nendpoint = "unix://~/c.sock"',
    at: ["gateway.data_dir", "logging.dir", "runtime.control.endpoint"],
    pass: '[gateway]\ndata_dir = "./~data"',
  },
};

function broken(rule: string, text: string): string[] {
  return checkRules(salvage(configSchema, parse(text))).filter((problem) => problem.rule === rule)
    .map(({ at }) => formatKeyPath(at));
}

for (const { id } of rules) {
  Deno.test(`rule ${id} tells a configuration that breaks it from one that keeps it`, () => {
    const fixture = fixtures[id];
    assert.ok(fixture, "a rule needs a fixture");
    assert.deepEqual(broken(id, fixture.fail), fixture.at);
    assert.deepEqual(broken(id, fixture.pass), []);
    // what passes must be a configuration that the schema takes, or it would prove nothing
    const parsed = configSchema.safeParse(parse(fixture.pass));
    assert.ok(parsed.success, String(parsed.error));
  });
}

Deno.test("rules have ids of their own, and every fixture has a rule", () => {
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
  assert.deepEqual(Object.keys(fixtures).sort(), rules.map(({ id }) => id).sort());
});

Deno.test("texts of rules hold no secret", () => {
  const secrets = { api_token: "tok en\n-Xq7Zp", user_password: "pass\nwd-Xq7" };
  const config = {
    chirpstack: { server_address: "http://user:Xq7Zp-inURL@host/path", api_token: secrets.api_token },
    opcua: { host_ip_address: "0.0.0.0", user_name: "a", user_password: secrets.user_password },
  };
  const problems = checkRules(salvage(configSchema, config));
  for (const rule of ["chirpstack_token_characters", "opcua_password_characters", "chirpstack_address_parts"]) {
    assert.ok(problems.some((problem) => problem.rule === rule), rule);
  }
  assert.doesNotMatch(JSON.stringify(problems), /Xq7/);
});
