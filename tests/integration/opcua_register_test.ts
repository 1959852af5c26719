import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { stringify } from "smol-toml";
import { startGatewayProcess } from "../lib/gateway_process.ts";
import { type DiscoveryServer, startDiscoveryServer } from "../lib/discovery_server.ts";
import { captureLog } from "../lib/opcua_client_log.ts";
import { type OpcUaClientProcess, type ServiceAnswer, startOpcUaClient } from "../lib/opcua_client_process.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../lib/opcua_client_gateway.ts";
import { freePort } from "../../src/cli/free_port.ts";
import { waitFor } from "../lib/wait_for.ts";

const GATEWAY = "urn:edgekeep:test-gateway";
const FAULT = "discovery_server_unreachable";
/** Whoever takes longer waits for somebody who never answers. */
const HANG_MS = 30_000;

interface Described {
  readonly applicationUri: string;
  readonly productUri: string;
  readonly applicationType: number;
  readonly applicationName: { readonly text: string };
  readonly discoveryUrls: readonly string[];
}

/** A folder for keys and certificates that goes with the test. */
async function pkiFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "edgekeep-register-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Copies a discovery server's certificate to those that the gateway trusts. */
async function trust(lds: DiscoveryServer, pkiDir: string): Promise<void> {
  await Deno.mkdir(`${pkiDir}/application/trusted/certs`, { recursive: true });
  await Deno.copyFile(lds.certificateFile, `${pkiDir}/application/trusted/certs/discovery.pem`);
}

/** A gateway that registers ten times a second, so that a test waits for what happens and not for the minute. */
function gatewayFor(url: string, pkiDir: string, more: TestServerOptions["config"] = {}): Promise<TestServer> {
  return startTestServer({
    pkiDir,
    config: { discovery_server_url: url, discovery_register_seconds: 0.1, ...more },
  });
}

/** What the discovery server lists of the gateway. */
async function listed(client: OpcUaClientProcess, lds: DiscoveryServer): Promise<Described | undefined> {
  const id = await client.call<number>("open", { url: lds.url, pki: client.pki, policy: "None", mode: "None" });
  try {
    const answer = await client.call<ServiceAnswer>("service", {
      id,
      service: "FindServers",
      fields: { endpointUrl: lds.url },
    });
    return (answer.servers as Described[] | null)?.find(({ applicationUri }) => applicationUri === GATEWAY);
  } finally {
    await client.call("closeChannel", { id });
  }
}

const faultOf = (gateway: TestServer) => gateway.faults.list().find(({ code }) => code === FAULT);

Deno.test("the gateway registers over a secured channel, is found and reached, and takes it back at its end", async () => {
  await using log = await captureLog();
  await using pki = await pkiFolder();
  await using lds = await startDiscoveryServer();
  await using client = await startOpcUaClient();
  await trust(lds, pki.path);
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(
    await gatewayFor(lds.url, pki.path, {
      host_ip_address: "0.0.0.0",
      advertised_hosts: ["127.0.0.1", "gateway.plant.example"],
      application_name: "Edgekeep of line 4",
      product_uri: "urn:edgekeep:test-product",
    }),
  );
  await waitFor("several registrations", () => lds.of("registered").length >= 3);
  const [first, second] = lds.of("registered");
  const port = gateway.url.split(":").at(-1);
  deepStrictEqual({ ...first }, {
    event: "registered",
    first: true,
    serverUri: GATEWAY,
    productUri: "urn:edgekeep:test-product",
    names: ["Edgekeep of line 4"],
    serverType: 0,
    discoveryUrls: [`opc.tcp://127.0.0.1:${port}`, `opc.tcp://gateway.plant.example:${port}`],
    semaphoreFilePath: null,
  });
  strictEqual(second?.first, false, "the same registration is renewed");
  for (const { service, mode, policy } of lds.of("asked")) {
    deepStrictEqual([service, mode, policy], ["RegisterServer2", "SignAndEncrypt", "Basic256Sha256"]);
  }
  strictEqual(faultOf(gateway), undefined);
  strictEqual(log.of("opcua_discovery_registered").length, 1, "renewals are not told");

  const found = await listed(client, lds);
  deepStrictEqual([found?.productUri, found?.applicationType, found?.applicationName.text], [
    "urn:edgekeep:test-product",
    0,
    "Edgekeep of line 4",
  ]);
  const session = await client.connect(found?.discoveryUrls[0] ?? "");
  await client.call("close", { id: session });

  const beganMs = performance.now();
  await gateway.handle.stop();
  ok(performance.now() - beganMs < HANG_MS);
  const [gone] = await waitFor("the end", () => lds.of("unregistered").length > 0 && lds.of("unregistered"));
  deepStrictEqual([gone?.serverUri, gone?.forced], [GATEWAY, false]);
  strictEqual(await listed(client, lds), undefined);
  strictEqual(log.of("opcua_discovery_unregistered").length, 1);
});

Deno.test("a discovery server of before RegisterServer2 gets RegisterServer, over the strongest policy it has", async () => {
  await using pki = await pkiFolder();
  await using lds = await startDiscoveryServer({
    withoutRegister2: true,
    policies: ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"],
    modes: ["Sign", "SignAndEncrypt"],
  });
  await trust(lds, pki.path);
  await using gateway = await gatewayFor(lds.url, pki.path);
  await waitFor("a registration", () => lds.of("registered").length > 0);
  deepStrictEqual(lds.of("asked").slice(0, 2).map(({ service, mode, policy }) => [service, mode, policy]), [
    ["RegisterServer2", "SignAndEncrypt", "Aes256_Sha256_RsaPss"],
    ["RegisterServer", "SignAndEncrypt", "Aes256_Sha256_RsaPss"],
  ]);
  await waitFor("no fault", () => faultOf(gateway) === undefined);
});

Deno.test("a discovery server that signs alone is registered with, one without security is not", async () => {
  await using pki = await pkiFolder();
  await using signing = await startDiscoveryServer({ modes: ["Sign"] });
  await using open = await startDiscoveryServer({ policies: [], modes: [] });
  await trust(signing, pki.path);
  {
    await using _gateway = await gatewayFor(signing.url, pki.path);
    await waitFor("a registration", () => signing.of("registered").length > 0);
    strictEqual(signing.of("asked")[0]?.mode, "Sign");
  }
  await using gateway = await gatewayFor(open.url, pki.path);
  const fault = await waitFor("the fault", () => faultOf(gateway));
  match(fault.detail, /no endpoint/);
  deepStrictEqual(open.of("asked"), []);
});

Deno.test("a discovery server that is away delays nothing, is reported, and is registered with once it comes and comes again", async () => {
  await using log = await captureLog();
  await using pki = await pkiFolder();
  await using ldsPki = await pkiFolder();
  await using client = await startOpcUaClient();
  const port = freePort("127.0.0.1", 0);
  const beganMs = performance.now();
  await using gateway = await gatewayFor(`opc.tcp://127.0.0.1:${port}`, pki.path);
  ok(performance.now() - beganMs < HANG_MS);
  const fault = await waitFor("the fault", () => faultOf(gateway));
  strictEqual(fault.severity, "warning");
  ok(fault.detail.includes(`opc.tcp://127.0.0.1:${port}`), fault.detail);
  const session = await client.connect(gateway.url);
  await client.call("close", { id: session });
  {
    await using lds = await startDiscoveryServer({ port, pki: ldsPki.path });
    await trust(lds, pki.path);
    await waitFor("a registration", () => lds.of("registered").length > 0);
    await waitFor("the end of the fault", () => faultOf(gateway) === undefined);
    await lds.kill();
  }
  await waitFor("the fault again", () => faultOf(gateway));
  {
    await using lds = await startDiscoveryServer({ port, pki: ldsPki.path });
    await waitFor("a registration with the one that restarted", () => lds.of("registered")[0]?.first === true);
    await waitFor("the end of the fault", () => faultOf(gateway) === undefined);
    ok(await listed(client, lds));
  }
  ok(log.of("opcua_discovery_failed").length >= 2);
  ok(log.of("opcua_discovery_failed").length < 20, "a server that stays away is not told at each try");
});

Deno.test("a discovery server that is not trusted is told nothing, filed, reported, and registered with once it is trusted", async () => {
  await using log = await captureLog();
  await using pki = await pkiFolder();
  await using lds = await startDiscoveryServer();
  // whoever trusts every client does not trust every server
  await using gateway = await gatewayFor(lds.url, pki.path, { trust_client_cert: true });
  const fault = await waitFor("the fault", () => faultOf(gateway));
  match(fault.detail, /BadCertificateUntrusted/);
  await waitFor("tries", () => log.of("opcua_discovery_failed").length > 0);
  deepStrictEqual(lds.of("asked"), []);
  strictEqual(log.of("opcua_certificate_rejected").length, 1);
  const certificates = gateway.handle.clientCertificates();
  const [rejected] = (await certificates.list("application")).rejected;
  ok(rejected !== undefined);
  ok(fault.detail.includes(rejected.fingerprint), "the fault names what to trust");
  await certificates.trust("application", rejected.fingerprint);
  await waitFor("a registration", () => lds.of("registered").length > 0);
  await waitFor("the end of the fault", () => faultOf(gateway) === undefined);
});

Deno.test("a discovery server that does not trust the gateway is reported so", async () => {
  await using pki = await pkiFolder();
  await using lds = await startDiscoveryServer({ trustsEverybody: false });
  await trust(lds, pki.path);
  await using gateway = await gatewayFor(lds.url, pki.path);
  const fault = await waitFor("the fault", () => faultOf(gateway));
  match(fault.detail, /trust this gateway's certificate/);
  deepStrictEqual(lds.of("registered"), []);
});

Deno.test("a discovery server that is silent does not hold the stop up", async () => {
  await using pki = await pkiFolder();
  await using lds = await startDiscoveryServer({ silent: true });
  await trust(lds, pki.path);
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await gatewayFor(lds.url, pki.path));
  await waitFor("a registration that waits", () => lds.of("asked").length > 0);
  const beganMs = performance.now();
  await gateway.handle.stop();
  ok(performance.now() - beganMs < HANG_MS, `${performance.now() - beganMs} ms`);
});

Deno.test("whatever answers at the address of the discovery server, the gateway goes on and stops", async (t) => {
  const answers: Record<string, (connection: Deno.Conn) => Promise<void>> = {
    "nothing": () => Promise.resolve(),
    "an end": (connection) => Promise.resolve(connection.close()),
    "noise": async (connection) => {
      await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    },
    "an acknowledge cut short": async (connection) => {
      await connection.write(new Uint8Array([0x41, 0x43, 0x4b, 0x46, 28, 0, 0, 0, 0, 0]));
    },
  };
  for (const [name, answer] of Object.entries(answers)) {
    await t.step(name, async () => {
      await using pki = await pkiFolder();
      const connections: Deno.Conn[] = [];
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = (async () => {
        for await (const connection of listener) {
          connections.push(connection);
          await answer(connection).catch(() => {});
        }
      })();
      try {
        await using stack = new AsyncDisposableStack();
        const gateway = stack.use(await gatewayFor(`opc.tcp://127.0.0.1:${listener.addr.port}`, pki.path));
        await waitFor("a try", () => connections.length > 0);
        const beganMs = performance.now();
        await gateway.handle.stop();
        ok(performance.now() - beganMs < HANG_MS, `${performance.now() - beganMs} ms`);
      } finally {
        listener.close();
        for (const connection of connections) {
          try {
            connection.close();
          } catch { /* closed by the answer */ }
        }
        await serving;
      }
    });
  }
});

Deno.test("the gateway in its sandbox takes up a discovery server at a reload, reaches it by name, and leaves at SIGTERM", async () => {
  await using folder = await pkiFolder();
  await using lds = await startDiscoveryServer();
  const [opcuaPort, webPort] = [freePort("127.0.0.1", 0), freePort("127.0.0.1", 0)];
  await Deno.mkdir(`${folder.path}/data`);
  await trust(lds, `${folder.path}/data/pki`);
  const config = {
    gateway: { data_dir: "data" },
    opcua: { host_port: opcuaPort, user_name: "operator", user_password: "correct horse battery" },
    logging: { format: "json" },
    runtime: { web: { listen: `127.0.0.1:${webPort}` } },
  };
  const gateway = await startGatewayProcess({ folder: folder.path, opcuaPort, webPort, config: stringify(config) });
  try {
    const url = `opc.tcp://localhost:${lds.port}`;
    const opcua = { ...config.opcua, discovery_server_url: url };
    await Deno.writeTextFile(`${folder.path}/edgekeep.toml`, stringify({ ...config, opcua }));
    Deno.kill(gateway.pid, "SIGHUP");
    await waitFor("a registration", () => lds.of("registered").length > 0, { deadlineMs: 60_000 });
    await waitFor("the word of it", () => gateway.output().includes('"effect":"worker"'));
    deepStrictEqual(lds.of("registered")[0]?.discoveryUrls, [`opc.tcp://127.0.0.1:${opcuaPort}`]);
    await waitFor("the event", () => gateway.output().includes("opcua_discovery_registered"));
    strictEqual(await gateway.end("SIGTERM"), 0, gateway.output());
    await waitFor("the end of the registration", () => lds.of("unregistered").length > 0);
  } finally {
    await gateway.end("SIGKILL");
  }
});

Deno.test("answers that make no sense end their try alone, and are told once", async () => {
  await using log = await captureLog();
  await using pki = await pkiFolder();
  const ROUNDS = 150;
  const kinds = ["OPNF", "MSGF", "ERRF", "CLOF", "OPNC"];
  const policy = new TextEncoder().encode("http://opcfoundation.org/UA/SecurityPolicy#None");
  const acknowledge = new Uint8Array(28);
  acknowledge.set(new TextEncoder().encode("ACKF"));
  const limits = new DataView(acknowledge.buffer);
  limits.setUint32(4, acknowledge.length, true);
  for (const at of [12, 16]) limits.setUint32(at, 65_535, true);
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  /** A chunk of random bytes with a right header, every other one also with a right security header. */
  const nonsense = (round: number): Uint8Array => {
    const bytes = Uint8Array.from({ length: 12 + random(300) }, () => random(256));
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode(kinds[round % kinds.length]));
    view.setUint32(4, round % 7 === 0 ? 0x7fffffff : bytes.length, true);
    if (round % 2 === 1 && bytes.length > 24 + policy.length) {
      view.setInt32(12, policy.length, true);
      bytes.set(policy, 16);
      view.setInt32(16 + policy.length, -1, true);
      view.setInt32(20 + policy.length, -1, true);
    }
    return bytes;
  };
  let rounds = 0;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering: Promise<void>[] = [];
  const answer = async (connection: Deno.Conn, round: number) => {
    const buffer = new Uint8Array(65_536);
    try {
      await connection.read(buffer);
      await connection.write(acknowledge);
      await connection.read(buffer);
      await connection.write(nonsense(round));
      await connection.closeWrite();
      await connection.read(buffer);
    } catch { /* the gateway has hung up */ }
    connection.close();
  };
  const serving = (async () => {
    for await (const connection of listener) answering.push(answer(connection, rounds++));
  })();
  try {
    await using stack = new AsyncDisposableStack();
    const url = `opc.tcp://127.0.0.1:${listener.addr.port}`;
    const gateway = stack.use(await gatewayFor(url, pki.path, { discovery_register_seconds: 0.01 }));
    await waitFor("all of them", () => rounds >= ROUNDS, { deadlineMs: 180_000 });
    ok(faultOf(gateway));
    const reasons = new Set(log.of("opcua_discovery_failed").map(({ properties }) => properties.reason));
    ok(reasons.size < 30, [...reasons].join("\n"));
  } finally {
    listener.close();
    await serving;
    await Promise.all(answering);
  }
});

/** Whether this machine has an IPv6 loopback address. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("a discovery server is reached by its IPv6 address", { ignore: !hasIpv6() }, async () => {
  await using pki = await pkiFolder();
  await using lds = await startDiscoveryServer();
  await trust(lds, pki.path);
  await using _gateway = await gatewayFor(`opc.tcp://[::1]:${lds.port}`, pki.path);
  await waitFor("a registration", () => lds.of("registered").length > 0);
});
