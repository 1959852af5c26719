import assert from "node:assert/strict";
import { configSchema } from "../config/schema.ts";
import { exposuresOf } from "./listeners.ts";

const tls = { mode: "self-managed", cert_path: "c.pem", key_path: "k.pem" };
const exposures = (change: Record<string, unknown>) => exposuresOf(configSchema.parse(change));
const only = (listener: string, change: Record<string, unknown>) =>
  exposures(change).find((exposure) => exposure.listener === listener);

Deno.test("a default configuration exposes three listeners to this machine alone", () => {
  assert.deepEqual(
    exposures({}).map(({ listener, address, port, protocol, reach, encryption, authentication }) => [
      listener,
      `${address}:${port}`,
      protocol,
      reach,
      encryption,
      authentication.join(" "),
    ]),
    [
      ["opcua", "127.0.0.1:4840", "opc.tcp", "loopback", "opcua", "opcua_password"],
      ["web", "127.0.0.1:8080", "http", "loopback", "none", "nothing_on_loopback login token"],
      ["control", "control.sock:null", "unix", "loopback", "none", "socket_peer"],
    ],
  );
});

Deno.test("the reach of a listener follows its address", () => {
  const reach = (listen: string) => only("web", { runtime: { web: { listen } } })?.reach;
  assert.equal(reach("0.0.0.0:1"), "any");
  assert.equal(reach("[::]:1"), "any");
  assert.equal(reach("192.168.1.20:1"), "lan");
  assert.equal(reach("gateway.plant:1"), "lan");
  assert.equal(reach("[::1]:1"), "loopback");
  assert.equal(reach("localhost:1"), "loopback");
});

Deno.test("TLS protects web where it asks for it, and control on TCP whenever it is on", () => {
  const control = { endpoint: "tcp://0.0.0.0:17777" };
  const off = exposures({ runtime: { control, web: { tls: true } } });
  assert.deepEqual(off.map(({ protocol }) => protocol), ["opc.tcp", "http", "tcp"]);
  const on = exposures({ runtime: { control, web: { tls: true }, tls } });
  assert.deepEqual(on.map(({ protocol, encryption }) => `${protocol} ${encryption}`), [
    "opc.tcp opcua",
    "https tls",
    "tls tls",
  ]);
  assert.equal(only("web", { runtime: { tls } })?.protocol, "http");
  assert.equal(only("opcua", { opcua: { security_policies: ["None", "Basic256Sha256"] } })?.encryption, "none");
});

Deno.test("what callers prove themselves with follows the configuration", () => {
  const web = (more: Record<string, unknown>, client_auth = "none") =>
    only("web", { runtime: { web: { tls: true, ...more }, tls: { ...tls, client_auth } } })?.authentication;
  assert.deepEqual(web({ auth: "token" }), ["login", "token"]);
  assert.deepEqual(web({ auth: "token" }, "optional"), ["login", "token", "client_certificate"]);
  assert.deepEqual(web({ auth: "token", tls: false }, "optional"), ["login", "token"]);
  assert.deepEqual(only("control", { runtime: { control: { require_token: true } } })?.authentication, ["token"]);
  assert.deepEqual(only("control", { runtime: { control: { endpoint: "tcp://127.0.0.1:1" } } })?.authentication, [
    "token",
  ]);
});

Deno.test("what a listener lets one do is said in words", () => {
  const lets = (listener: string, change: Record<string, unknown>) => only(listener, change)?.lets ?? "";
  assert.match(lets("control", { runtime: { control: { group: "plant" } } }), /as admin.*group plant/);
  assert.match(lets("control", { runtime: { control: { require_token: true } } }), /the token's role/);
  assert.match(lets("web", { runtime: { web: { health_remote: true } } }), /health answers everybody/);
  assert.match(lets("web", { runtime: { remote: { profile: "wan" } } }), /no changes from other machines$/);
  const remote = { profile: "wan", allow_write: ["tags.force:a/*"] };
  assert.match(lets("web", { runtime: { remote } }), /but tags\.force:a/);
  assert.match(lets("web", { runtime: { control: { mode: "debug", debug_enabled: true } } }), /debug operations too/);
  assert.match(
    lets("web", { runtime: { web: { tls: true }, tls: { ...tls, client_auth: "require" } } }),
    /nothing without a client certificate/,
  );
  assert.match(lets("opcua", { opcua: { trust_client_cert: true } }), /whatever their certificate/);
  assert.match(lets("opcua", { opcua: { security_modes: ["Sign"] } }), /signed but readable/);
  assert.match(lets("opcua", {}), /send commands and answer alarms as the user's role allows; changes from anywhere/);
  assert.match(lets("opcua", { runtime: { remote: { profile: "wan" } } }), /no changes from other machines/);
});

Deno.test("what is switched off is not exposed", () => {
  assert.deepEqual(
    exposures({ opcua: { enabled: false }, runtime: { web: { enabled: false }, control: { enabled: false } } }),
    [],
  );
});
