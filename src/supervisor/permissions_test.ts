import assert from "node:assert/strict";
import { withAbsolutePaths } from "../config/paths.ts";
import { type Config, configSchema } from "../config/schema.ts";
import { agentSchema } from "../config/mesh_schema.ts";
import { bakedFlags } from "./baked_flags.ts";
import { codePaths } from "./code_paths.ts";
import {
  agentGrants,
  denoFlags,
  gatewayGrants,
  gatewayPermissions,
  hubGrants,
  permissionsOf,
  simulatorPermissions,
} from "./permissions.ts";
import manifest from "../../deno.json" with { type: "json" };

const facts = { codePaths: ["/opt/edgekeep/src"] };
/** Where the control endpoint's socket is looked for and made. */
const socket = ["unix:/data/control.sock", "unix:/data/control.sock.new/s"];

function config(change: Record<string, unknown> = {}): Config {
  return withAbsolutePaths(configSchema.parse({ gateway: { data_dir: "/data" }, ...change }), "/etc/gw");
}

Deno.test("A default configuration may listen on loopback, use its data directory, and nothing else", () => {
  assert.deepEqual(gatewayPermissions(config(), facts), {
    net: ["127.0.0.1:4840", "127.0.0.1:8080", ...socket],
    read: ["/data", "/opt/edgekeep/src"],
    write: ["/data"],
    env: ["TMPDIR", "TMP", "TEMP"],
    sys: ["networkInterfaces", "homedir", "hostname", "uid"],
    run: false,
    ffi: false,
    import: false,
  });
});

Deno.test("ChirpStack's address is the only one that may be connected to", () => {
  const cases = [
    ["http://chirpstack.local:8080", "chirpstack.local:8080"],
    ["https://chirpstack.example", "chirpstack.example:443"],
    ["http://192.168.1.5", "192.168.1.5:80"],
    ["http://[fd00::1]:8080", "[fd00::1]:8080"],
  ];
  for (const [address, expected] of cases) {
    const chirpstack = { server_address: address, api_token: "x", ca_path: "/etc/ca.pem" };
    const { net, read } = gatewayPermissions(config({ chirpstack }), facts);
    assert.deepEqual(net, [expected, "127.0.0.1:4840", "127.0.0.1:8080", ...socket]);
    assert.deepEqual(read, ["/etc/ca.pem", "/data", "/opt/edgekeep/src"]);
  }
});

Deno.test("The discovery server's address may be connected to while OPC UA is on", () => {
  const cases = [
    ["opc.tcp://lds.plant:4841/UADiscovery", "lds.plant:4841"],
    ["opc.tcp://lds.plant", "lds.plant:4840"],
    ["opc.tcp://[fd00::1]:4840", "[fd00::1]:4840"],
  ];
  for (const [url, expected] of cases) {
    const opcua = { discovery_server_url: url };
    assert.deepEqual(gatewayPermissions(config({ opcua }), facts).net, [
      "127.0.0.1:4840",
      expected,
      "127.0.0.1:8080",
      ...socket,
    ]);
    assert.deepEqual(gatewayPermissions(config({ opcua: { ...opcua, enabled: false } }), facts).net, [
      "127.0.0.1:8080",
      ...socket,
    ]);
  }
});

Deno.test("A listener on every address may also use every IPv6 address", () => {
  const opcua = { host_ip_address: "0.0.0.0", host_port: 4841 };
  const runtime = { web: { listen: "[::1]:9000" } };
  assert.deepEqual(gatewayPermissions(config({ opcua, runtime }), facts).net, [
    "0.0.0.0:4841",
    "[::]:4841",
    "[::1]:9000",
    ...socket,
  ]);
});

Deno.test("What is switched off needs no permission", () => {
  const runtime = { web: { enabled: false }, control: { enabled: false } };
  const off = config({ opcua: { enabled: false }, runtime });
  const { net, sys } = gatewayPermissions(off, facts);
  assert.deepEqual(net, []);
  assert.deepEqual(sys, ["homedir", "hostname", "uid"]);
});

Deno.test("A database and a PKI outside the data directory add their folders", () => {
  const outside = config({ opcua: { pki_dir: "/srv/pki" } });
  const { write } = gatewayPermissions(
    { ...outside, storage: { ...outside.storage, database_path: "/ssd/edgekeep/history.db" } },
    facts,
  );
  assert.deepEqual(write, ["/data", "/ssd/edgekeep", "/srv/pki"]);
  const inside = config({ opcua: { pki_dir: "/data/keys" } });
  assert.deepEqual(gatewayPermissions(inside, facts).write, ["/data"]);
  const beside = config({ opcua: { pki_dir: "/data-pki" } });
  assert.deepEqual(gatewayPermissions(beside, facts).write, ["/data", "/data-pki"]);
});

Deno.test("A control endpoint on TCP is a listener; a socket outside the data directory adds its folder", () => {
  const tcp = gatewayPermissions(config({ runtime: { control: { endpoint: "tcp://0.0.0.0:17777" } } }), facts);
  assert.deepEqual(tcp.net, ["127.0.0.1:4840", "127.0.0.1:8080", "0.0.0.0:17777", "[::]:17777"]);
  assert.deepEqual(tcp.write, ["/data"]);
  const control = { endpoint: "unix:///run/edgekeep/control.sock", group: "plant" };
  const outside = gatewayPermissions(config({ runtime: { control } }), facts);
  assert.deepEqual(outside.net, [
    "127.0.0.1:4840",
    "127.0.0.1:8080",
    "unix:/run/edgekeep/control.sock",
    "unix:/run/edgekeep/control.sock.new/s",
  ]);
  assert.deepEqual(outside.write, ["/run/edgekeep", "/data"]);
  assert.deepEqual(outside.read, ["/run/edgekeep", "/etc/group", "/data", "/opt/edgekeep/src"]);
  const beside = config({ runtime: { control: { endpoint: "unix://./control.sock" } } });
  assert.deepEqual(gatewayPermissions(beside, facts).write, ["/etc/gw", "/data"]);
});

Deno.test("The files of the server certificate may be read, and only when TLS is on", () => {
  const tls = { mode: "self-managed", cert_path: "tls/cert.pem", key_path: "tls/key.pem", ca_path: "/etc/ca.pem" };
  const read = (change: Record<string, unknown>) => {
    const { read, write } = gatewayPermissions(config({ runtime: { tls: { ...tls, ...change } } }), facts);
    assert.deepEqual(write, ["/data"]);
    return read;
  };
  const own = ["/data", "/opt/edgekeep/src"];
  assert.deepEqual(read({ mode: "disabled" }), own);
  assert.deepEqual(read({}), ["/etc/gw/tls/cert.pem", "/etc/gw/tls/key.pem", "/etc/ca.pem", ...own]);
  assert.deepEqual(read({ ca_path: undefined }), ["/etc/gw/tls/cert.pem", "/etc/gw/tls/key.pem", ...own]);
});

Deno.test("The simulator may listen, and nothing else", () => {
  const options = { hostname: "127.0.0.1", port: 0, apiToken: "t", devices: 1, intervalMs: 1 };
  assert.deepEqual(simulatorPermissions(options, facts), {
    net: ["127.0.0.1:0"],
    read: ["/opt/edgekeep/src"],
    write: [],
    env: [],
    sys: [],
    run: false,
    ffi: false,
    import: false,
  });
});

Deno.test("Every grant says why, and no permission is granted whole", () => {
  for (const grant of gatewayGrants(config({ chirpstack: { server_address: "http://h:1", api_token: "x" } }), facts)) {
    assert.ok(grant.why.length > 5);
    assert.ok(grant.value.length > 1);
  }
  const nothing = permissionsOf([]);
  assert.deepEqual(Object.values(nothing).flat(), [false, false, false]);
});

Deno.test("The grants can be written as flags, commas doubled", () => {
  assert.deepEqual(
    denoFlags([
      { kind: "net", value: "127.0.0.1:4840", why: "" },
      { kind: "read", value: "/a,b", why: "" },
      { kind: "read", value: "/c", why: "" },
      { kind: "read", value: "/c", why: "" },
    ]),
    ["--allow-net=127.0.0.1:4840", "--allow-read=/a,,b,/c"],
  );
});

Deno.test("The program's own files are found in a checkout and in a bundle", () => {
  assert.deepEqual(codePaths("file:///opt/ek/src/main.ts"), ["/opt/ek/src", "/opt/ek/static", "/opt/ek/node_modules"]);
  assert.deepEqual(codePaths("file:///tmp/packed/src/main.js"), ["/tmp/packed"]);
});

Deno.test("The task of the checkout runs with the flags that the executable has compiled in", () => {
  assert.equal(manifest.tasks.edgekeep, `deno run ${bakedFlags.join(" ")} src/main.ts`);
});

Deno.test("The process can run the agent's programs alone, and cannot load native libraries or import code", () => {
  const allowed = bakedFlags.filter((flag) => flag.startsWith("--allow-")).map((flag) => flag.split("=")[0]);
  assert.deepEqual(allowed, [
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
    "--allow-sys",
    "--allow-run",
  ]);
  assert.ok(bakedFlags.includes("--no-prompt"));
});

Deno.test("A hub may listen and, to relay, send anywhere; it runs no program and knows no ChirpStack", () => {
  const chirpstack = { server_address: "http://192.168.1.5", api_token: "x" };
  const hub = { listen: "192.0.2.1:8443", relay_sessions: 0 };
  const { net, run, env, write } = permissionsOf(hubGrants(config({ hub, chirpstack }), facts));
  assert.deepEqual(net, ["192.0.2.1:8443", "192.0.2.1:3478", "192.0.2.1:3479", "127.0.0.1:8080", ...socket]);
  assert.deepEqual([run, env, write], [false, [], ["/data"]]);
  const relaying = hubGrants(config({ hub: { ...hub, relay_sessions: 1 } }), facts);
  assert.equal(permissionsOf(relaying).net, true);
  assert.equal(denoFlags(relaying)[0], "--allow-net");
});

Deno.test("An agent may reach its hub, run the programs of this machine that it needs, and write into its folder", () => {
  const agent = agentSchema.parse({ dir: "/agent", interface: "mesh1" });
  const grants = agentGrants(agent, {
    ...facts,
    hub: "hub.example:8443",
    meshCidr: "10.100.0.0/16",
    programs: ["/usr/sbin/nft"],
  });
  const { net, run, write } = permissionsOf(grants);
  assert.deepEqual(net, [
    "hub.example:8443",
    "10.100.0.0/16:51819",
    "unix:/agent/agent.sock",
    "unix:/agent/agent.sock.new/s",
    "unix:/var/run/wireguard/mesh1.sock",
    "unix:/run/wireguard/mesh1.sock",
  ]);
  assert.deepEqual(run, ["/usr/sbin/nft"]);
  assert.deepEqual(write, ["/var/run/wireguard/mesh1.sock", "/run/wireguard/mesh1.sock", "/agent"]);
  assert.deepEqual(denoFlags(grants).at(-1), "--allow-run=/usr/sbin/nft");
  assert.deepEqual(permissionsOf(agentGrants(agent, { ...facts, hub: null, meshCidr: null, programs: [] })).run, false);
});
