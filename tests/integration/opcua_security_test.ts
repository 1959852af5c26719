import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { captureLog } from "../lib/opcua_client_log.ts";
import { type ConnectParams, type OpcUaClientProcess, startOpcUaClient } from "../lib/opcua_client_process.ts";
import { startTestServer } from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";

interface Endpoint {
  readonly url: string;
  readonly mode: string;
  readonly policy: string;
  readonly applicationUri: string;
  readonly productUri: string;
  readonly tokens: readonly { readonly type: string; readonly policy: string }[];
}

function endpointsOf(client: OpcUaClientProcess, url: string, ask?: string): Promise<Endpoint[]> {
  const params: ConnectParams = { url, pki: client.pki, ...(ask === undefined ? {} : { ask }) };
  return client.call<Endpoint[]>("endpoints", params);
}

function files(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

Deno.test("logins and endpoints", async (t) => {
  await using log = await captureLog();
  await using server = await startTestServer();
  await using client = await startOpcUaClient();
  const port = Number(new URL(server.url.replace("opc.tcp", "http")).port);

  await t.step("only the configured endpoints are offered, and none without security", async () => {
    const endpoints = await endpointsOf(client, server.url);
    deepStrictEqual(endpoints.map(({ url, mode, policy }) => [url, mode, policy]), [
      [`opc.tcp://127.0.0.1:${port}`, "SignAndEncrypt", "Basic256Sha256"],
      [`opc.tcp://127.0.0.1:${port}`, "SignAndEncrypt", "Aes256_Sha256_RsaPss"],
    ]);
    ok(endpoints.every(({ tokens }) => tokens.every(({ type }) => type !== "Anonymous")));
    ok(endpoints.every(({ tokens }) => tokens.some(({ type }) => type === "UserName")));
    deepStrictEqual([endpoints[0]?.applicationUri, endpoints[0]?.productUri], [
      "urn:edgekeep:test-gateway",
      "urn:edgekeep:gateway",
    ]);
  });

  await t.step("a host that is not advertised is answered as it was asked", async () => {
    const asked = await endpointsOf(client, server.url, "opc.tcp://scada.example.com:14840/some/path");
    deepStrictEqual([...new Set(asked.map(({ url }) => url))], ["opc.tcp://scada.example.com:14840"]);
    strictEqual(asked.length, 2);
    for (const ask of ["opc.tcp://0.0.0.0:4840", "opc.tcp://[::]:4840", "opc.tcp://evil host", "nonsense"]) {
      const urls = (await endpointsOf(client, server.url, ask)).map(({ url }) => url);
      deepStrictEqual([...new Set(urls)], [`opc.tcp://127.0.0.1:${port}`], ask);
    }
  });

  await t.step("a session can be opened under a host that is not advertised", async () => {
    const id = await client.connect(`opc.tcp://localhost:${port}`);
    await client.call("close", { id });
  });

  await t.step("a wrong password, an unknown user and an anonymous client are refused and reported", async () => {
    await rejects(client.connect(server.url, { password: "wrong horse" }), /BadUserAccessDenied/);
    await rejects(
      client.connect(server.url, { user: "mallory\n\x1b[31mroot", password: "secret-1" }),
      /BadUserAccessDenied/,
    );
    const anonymous: ConnectParams = {
      url: server.url,
      pki: client.pki,
      policy: "Basic256Sha256",
      mode: "SignAndEncrypt",
    };
    await rejects(client.call("connect", anonymous), /anonymous|BadIdentityToken/i);
    const failures = log.of("opcua_auth_failed").map(({ properties }) => properties);
    ok(failures.some(({ user, source_ip }) => user === "operator" && source_ip === "127.0.0.1"));
    ok(failures.some(({ user }) => user === "mallory\\u{a}\\u{1b}[31mroot"));
    strictEqual(server.handle.status().rejectedLogins >= 2, true);
    for (const secret of ["wrong horse", "secret-1", "correct horse"]) ok(!log.text().includes(secret), secret);
  });

  await t.step("a good login is reported with its address and policy", async () => {
    const id = await client.connect(server.url, { policy: "Aes256_Sha256_RsaPss" });
    strictEqual(server.handle.status().sessions, 1);
    await client.call("close", { id });
    await waitFor("the session to end", () => server.handle.status().sessions === 0);
    const [opened] = log.of("opcua_session_opened").slice(-1);
    deepStrictEqual([opened?.properties.user, opened?.properties.source_ip, opened?.properties.security_policy], [
      "operator",
      "127.0.0.1",
      "Aes256_Sha256_RsaPss",
    ]);
    ok(log.of("opcua_session_closed").length > 0);
  });

  await t.step("a policy or mode that is not configured is refused", async () => {
    for (
      const params of [
        { policy: "Aes128_Sha256_RsaOaep", mode: "SignAndEncrypt" },
        { policy: "Basic256Sha256", mode: "Sign" },
        { policy: "None", mode: "None" },
      ] as const
    ) await rejects(client.connect(server.url, params));
    strictEqual(server.handle.status().sessions, 0);
  });
});

Deno.test("every configured policy and mode works, and passwords are encrypted even without a secure channel", async () => {
  const policies = ["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] as const;
  await using server = await startTestServer({
    config: { security_policies: [...policies], security_modes: ["Sign", "SignAndEncrypt"] },
  });
  await using client = await startOpcUaClient();
  const endpoints = await endpointsOf(client, server.url);
  strictEqual(endpoints.length, 7);
  const open = endpoints.find(({ mode }) => mode === "None");
  deepStrictEqual(open?.tokens, [
    { type: "UserName", policy: "Basic256Sha256" },
    { type: "Certificate", policy: "Basic256Sha256" },
  ]);
  for (const policy of policies) {
    for (const mode of policy === "None" ? ["None"] as const : ["Sign", "SignAndEncrypt"] as const) {
      const id = await client.connect(server.url, { policy, mode });
      await client.call("close", { id });
      await rejects(client.connect(server.url, { policy, mode, password: "no" }), /BadUserAccessDenied/);
    }
  }
  strictEqual(server.faults.list().length, 0, "loopback without security is no fault");
});

Deno.test("a server with no other policy than None still lets users in", async () => {
  await using server = await startTestServer({ config: { security_policies: ["None"] } });
  await using client = await startOpcUaClient();
  deepStrictEqual((await endpointsOf(client, server.url)).map(({ policy }) => policy), ["None"]);
  const id = await client.connect(server.url, { policy: "None", mode: "None" });
  await client.call("close", { id });
  await rejects(client.connect(server.url, { policy: "None", mode: "None", password: "no" }), /BadUserAccessDenied/);
});

Deno.test("an unknown client certificate is refused until a person trusts it, without a restart", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { trust_client_cert: false } });
  await using client = await startOpcUaClient();
  const store = `${server.pkiDir}/application`;
  await rejects(client.connect(server.url));
  await waitFor("the certificate in rejected/", () => files(`${store}/rejected`).length === 1);
  strictEqual(server.handle.status().sessions, 0);
  const [name] = files(`${store}/rejected`);
  const [told] = log.of("opcua_certificate_rejected");
  match(String(told?.properties.subject), /EdgekeepTest/);
  strictEqual(told?.properties.folder, `${store}/rejected`);
  ok(server.feed.since().some(({ event }) => event === "opcua_certificate_rejected"));
  await Deno.rename(`${store}/rejected/${name}`, `${store}/trusted/certs/${name}`);
  const id = await client.connect(server.url);
  await client.call("close", { id });
  await Deno.remove(`${store}/trusted/certs/${name}`);
  await rejects(client.connect(server.url));
});

Deno.test("a wildcard bind never advertises the wildcard", async () => {
  await using server = await startTestServer({ config: { host_ip_address: "0.0.0.0" } });
  await using client = await startOpcUaClient();
  ok(server.handle.endpoints.length > 0);
  for (const url of server.handle.endpoints) {
    ok(!/0\.0\.0\.0|\[::\]/.test(url), url);
    match(url, /^opc\.tcp:\/\/[^/]+:\d+$/);
  }
  const port = new URL((server.handle.endpoints[0] ?? "").replace("opc.tcp", "http")).port;
  const endpoints = await endpointsOf(client, `opc.tcp://127.0.0.1:${port}`);
  deepStrictEqual([...new Set(endpoints.map(({ url }) => url))], [`opc.tcp://127.0.0.1:${port}`]);
  const id = await client.connect(`opc.tcp://127.0.0.1:${port}`);
  await client.call("close", { id });
});

Deno.test("advertised hosts are those configured", async () => {
  await using server = await startTestServer({ config: { advertised_hosts: ["plant.example", "10.9.8.7"] } });
  deepStrictEqual(server.handle.endpoints.map((url) => url.replace(/:\d+$/, "")), [
    "opc.tcp://plant.example",
    "opc.tcp://10.9.8.7",
  ]);
});

Deno.test("a port that is taken is named by its code", async () => {
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    await rejects(startTestServer({ config: { host_port: holder.addr.port } }), { code: "EADDRINUSE" });
  } finally {
    holder.close();
  }
});

Deno.test("None on an address that others reach is a fault", async () => {
  await using server = await startTestServer({
    config: { host_ip_address: "0.0.0.0", security_policies: ["None", "Basic256Sha256"] },
  });
  deepStrictEqual(server.faults.list().map(({ code }) => code), ["opcua_none_remote"]);
});

Deno.test("each combination of policy and mode connects where it is configured, and every other is refused", async () => {
  const combinations = [
    { policy: "None", mode: "None" },
    ...(["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] as const).flatMap((policy) =>
      (["Sign", "SignAndEncrypt"] as const).map((mode) => ({ policy, mode }))
    ),
  ] as const;
  await using client = await startOpcUaClient();
  for (const offered of combinations) {
    await using server = await startTestServer({
      config: {
        security_policies: [offered.policy],
        ...(offered.mode === "None" ? {} : { security_modes: [offered.mode] }),
      },
    });
    const wanted = `${offered.policy} ${offered.mode}`;
    deepStrictEqual(
      (await endpointsOf(client, server.url)).map(({ policy, mode }) => `${policy} ${mode}`),
      [wanted],
    );
    const connected: string[] = [];
    for (const asked of combinations) {
      const id = await client.connect(server.url, asked).catch(() => null);
      if (id === null) continue;
      connected.push(`${asked.policy} ${asked.mode}`);
      await client.call("close", { id });
    }
    deepStrictEqual(connected, [wanted]);
  }
});
