import assert from "node:assert/strict";
import { withAbsolutePaths } from "../../src/config/paths.ts";
import { configSchema } from "../../src/config/schema.ts";
import { allValues } from "../../src/config/schema_tree.ts";
import { roleOf } from "../../src/policy/configured_role.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import { judgeCall } from "../../src/policy/judge_call.ts";
import { operations } from "../../src/policy/operations.ts";
import { roles } from "../../src/policy/roles.ts";
import { agentGrants, configuredGrants } from "../../src/supervisor/permissions.ts";
import { plainFacts } from "./fixture.ts";

type Table = Readonly<Record<string, unknown>>;

const cert = { cert_path: "cert.pem", key_path: "key.pem" };
const tls = { mode: "self-managed", ...cert };
const tcp = { endpoint: "tcp://0.0.0.0:17777" };
const remoteWeb = { listen: "0.0.0.0:8080" };
const user = { user_name: "scada", user_password: "r4GzvQ1kXo0pLw" };
const strong = "9f3c5c1a7be04d2f8a6d1e0b4c7f92a35d8e6b1c0f4a7392";

/**
 * Keys whose value changes what the policy finds, exposes or decides, or what the gateway may touch: two configurations
 * that differ in this key alone.
 */
const outcomes: Readonly<Record<string, readonly [Table, Table]>> = {
  "opcua.enabled": [{}, { opcua: { enabled: false } }],
  "opcua.host_ip_address": [{}, { opcua: { host_ip_address: "0.0.0.0" } }],
  "opcua.host_port": [{}, { opcua: { host_port: 4841 } }],
  "opcua.security_policies": [{}, { opcua: { security_policies: ["None"] } }],
  "opcua.security_modes": [{}, { opcua: { security_modes: ["Sign"] } }],
  "opcua.trust_client_cert": [{}, { opcua: { trust_client_cert: true } }],
  "opcua.user_name": [
    { opcua: { ...user, host_ip_address: "0.0.0.0" } },
    { opcua: { ...user, host_ip_address: "0.0.0.0", user_name: user.user_password } },
  ],
  "opcua.user_password": [{ opcua: user }, { opcua: { ...user, user_password: "password" } }],
  "opcua.discovery_server_url": [{}, { opcua: { discovery_server_url: "opc.tcp://lds.plant" } }],
  "opcua.pki_dir": [{}, { opcua: { pki_dir: "/srv/pki" } }],

  "runtime.control.enabled": [{}, { control: { enabled: false } }],
  "runtime.control.endpoint": [{}, { control: tcp }],
  "runtime.control.group": [{}, { control: { group: "plant" } }],
  "runtime.control.auth_token": [{ control: tcp }, { control: { ...tcp, auth_token: strong } }],
  "runtime.control.require_token": [{}, { control: { require_token: true } }],
  "runtime.control.mode": [{ control: { debug_enabled: true } }, { control: { debug_enabled: true, mode: "debug" } }],
  "runtime.control.debug_enabled": [{ control: { mode: "debug" } }, {
    control: { debug_enabled: true, mode: "debug" },
  }],

  "runtime.web.enabled": [{}, { web: { enabled: false } }],
  "runtime.web.listen": [{}, { web: remoteWeb }],
  "runtime.web.auth": [{}, { web: { auth: "token" } }],
  "runtime.web.tls": [{ tls }, { tls, web: { tls: true } }],
  "runtime.web.allowed_hosts": [{}, { web: { allowed_hosts: ["gw.plant.example"] } }],
  "runtime.web.allowed_origins": [{}, { web: { allowed_origins: ["https://gw.plant.example"] } }],
  "runtime.web.health_remote": [{}, { web: { health_remote: true } }],

  "runtime.tls.mode": [{ tls: cert }, { tls }],
  "runtime.tls.cert_path": [{ tls }, { tls: { ...tls, cert_path: undefined } }],
  "runtime.tls.key_path": [{ tls }, { tls: { ...tls, key_path: undefined } }],
  "runtime.tls.ca_path": [{ tls }, { tls: { ...tls, ca_path: "ca.pem" } }],
  "runtime.tls.require_remote": [{ web: remoteWeb }, { web: remoteWeb, tls: { require_remote: true } }],
  "runtime.tls.client_auth": [
    { tls: { ...tls, ca_path: "ca.pem" }, web: { tls: true } },
    { tls: { ...tls, ca_path: "ca.pem", client_auth: "require" }, web: { tls: true } },
  ],

  "hub.url": [{ hub: { listen: "127.0.0.1:8443" } }, {
    hub: { listen: "127.0.0.1:8443", url: "https://hub.plant.example:8443" },
  }],
  "hub.listen": [{ hub: {} }, { hub: { listen: "192.168.1.20:8443" } }],
  "hub.observer_ports": [{ hub: {} }, { hub: { observer_ports: [3480, 3481] } }],
  "hub.relay_first_port": [{ hub: {} }, { hub: { relay_first_port: 52000 } }],
  "hub.relay_sessions": [{ hub: {} }, { hub: { relay_sessions: 0 } }],
  "agent.dir": [{ agent: {} }, { agent: { dir: "/srv/agent" } }],
  "agent.interface": [{ agent: {} }, { agent: { interface: "mesh1" } }],
  "agent.listen_port": [{ agent: {} }, { agent: { listen_port: 51821 } }],

  "runtime.remote.profile": [{}, { remote: { profile: "wan" } }],
  "runtime.remote.allow_write": [
    { remote: { profile: "wan" } },
    { remote: { profile: "wan", allow_write: ["tags.force:a/*"] } },
  ],
};

/** Keys whose effect only a running part shows: the test that shows it, which names the key, or the part's own `name`. */
const behaviours: Readonly<Record<string, { readonly test: string; readonly name?: string }>> = {
  "opcua.max_connections": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_connections_per_address": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_subscriptions_per_session": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_monitored_items_per_sub": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_queued_notifications": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_pending_publish_requests": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.min_sampling_interval_ms": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_keep_alive_count": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.discovery_register_seconds": { test: "tests/integration/opcua_register_test.ts" },
  "opcua.require_crl": { test: "tests/integration/opcua_trust_test.ts" },
  "opcua.max_message_size": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_chunk_count": { test: "tests/integration/opcua_limits_test.ts" },
  "opcua.max_history_data_results_per_node": { test: "tests/integration/opcua_history_test.ts" },
  "runtime.control.max_connections": { test: "tests/faults/control_drill_test.ts" },
  "runtime.control.idle_timeout_seconds": { test: "tests/faults/control_drill_test.ts" },
  "runtime.web.auth_realm": { test: "src/web/access_guard_test.ts" },
  "runtime.web.requests_per_minute": { test: "src/web/rate_limit_test.ts" },
  "hub.mesh_cidr": { test: "tests/integration/hub_process_test.ts" },
  "hub.address": { test: "tests/integration/mesh_settings_test.ts" },
  "hub.psk": { test: "tests/integration/hub_process_test.ts" },
  "hub.key_rotation_days": { test: "tests/integration/mesh_settings_test.ts" },
  "agent.backend": { test: "src/agent/wireguard/open_device_test.ts" },
  "agent.static_endpoints": { test: "src/agent/paths/local_endpoints_test.ts", name: "staticEndpoints" },
  "agent.lan_endpoints": { test: "src/agent/paths/local_endpoints_test.ts", name: "lan: false" },
  "agent.max_offline_hours": { test: "tests/integration/mesh_settings_test.ts" },
  "runtime.web.session_idle_minutes": { test: "tests/integration/config_session_idle_test.ts" },
};

/** Keys of [opcua] that describe the server and guard nothing. */
const harmless: readonly string[] = [
  "opcua.application_name",
  "opcua.application_uri",
  "opcua.product_uri",
  "opcua.advertised_hosts",
  "opcua.diagnostics_enabled",
  "opcua.stale_threshold_seconds",
];

/** Everything that the program decides by the configuration alone, as text. */
function outcome({ opcua, hub, agent, ...runtime }: Table): string {
  const sections = Object.fromEntries(Object.entries({ opcua, hub, agent }).filter(([, section]) => section));
  const config = withAbsolutePaths(configSchema.parse({ ...sections, runtime }), "/etc/gw");
  const role = roleOf(config);
  const { remote, control } = config.runtime;
  const decisions = Object.entries(operations).flatMap(([operation, rule]) =>
    roles.flatMap((role) =>
      ["local", "192.168.1.9"].map((address) =>
        judgeCall({
          operation,
          rule,
          role,
          address,
          debugOpen: control.mode === "debug" && control.debug_enabled,
          remote,
          target: "a/b",
        }).allowed
      )
    )
  );
  const grants = configuredGrants(role, config, { codePaths: [] });
  const agentMay = config.agent === undefined
    ? []
    : agentGrants(config.agent, { codePaths: [], hub: null, meshCidr: null, programs: [] });
  return JSON.stringify({ ...evaluate(config, { ...plainFacts, role }), decisions, grants, agentMay });
}

Deno.test("every key that guards something is on one of the lists, once", () => {
  const guarding = allValues().map(({ path }) => path.join("."))
    .filter((path) => /^(runtime|opcua|hub|agent)\./.test(path));
  assert.deepEqual(
    [...Object.keys(outcomes), ...Object.keys(behaviours), ...harmless].sort(),
    guarding.sort(),
    "a key that is new needs an effect, and this test must know where it shows",
  );
});

for (const [path, [one, other]] of Object.entries(outcomes)) {
  Deno.test(`${path} changes what is found, exposed, decided or granted`, () => {
    assert.notEqual(outcome(one), outcome(other));
  });
}

Deno.test("the keys whose effect a running part shows have their tests", async () => {
  for (const [path, { test, name = path.split(".").at(-1) ?? "" }] of Object.entries(behaviours)) {
    const text = await Deno.readTextFile(new URL(`../../${test}`, import.meta.url));
    assert.ok(text.includes(name), `${test} does not name ${name}`);
  }
});
