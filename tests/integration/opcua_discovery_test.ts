import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Verdict } from "../../src/telemetry/status.ts";
import { TagStore } from "../../src/tags/tag_store.ts";
import {
  type OpcUaClientProcess,
  type ServiceAnswer,
  startOpcUaClient,
  type WireValue,
} from "../lib/opcua_client_process.ts";
import {
  startTestServer,
  testDevice,
  type TestServerOptions,
  testStatus,
  testTag,
} from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";
import { passwordPrincipal } from "../lib/password_principal.ts";

const DEV = "0102030405060708";
const BINARY = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";

interface Described {
  readonly applicationUri: string;
  readonly applicationType: number;
  readonly applicationName: { readonly text: string; readonly locale: string | null };
  readonly gatewayServerUri: string | null;
  readonly discoveryProfileUri: string | null;
  readonly discoveryUrls: readonly string[];
}

interface Endpoint {
  readonly endpointUrl: string;
  readonly securityPolicyUri: string;
  readonly securityMode: number;
  readonly server: Described;
}

/** A viewer `operator` and an `engineer`, both with the password of the kit. */
const twoUsers: NonNullable<TestServerOptions["access"]> = {
  password: (name, password) =>
    Promise.resolve(
      password === "correct horse"
        ? {
          ok: true,
          principal: passwordPrincipal(name, name === "engineer" ? "engineer" : "viewer"),
        }
        : { ok: false, reason: "password_mismatch" },
    ),
  certificate: () => ({ ok: false, reason: "certificate_unknown" }),
  presented: () => ({ waitMs: 0, proved() {} }),
  revoked: () => new AbortController().signal,
};

/** Asks a discovery service over a channel without security and without a session. */
async function discover(client: OpcUaClientProcess, url: string, service: string, fields: Record<string, unknown>) {
  const id = await client.call<number>("open", { url, pki: client.pki, policy: "None", mode: "None" });
  try {
    return await client.call<ServiceAnswer>("service", { id, service, fields });
  } finally {
    await client.call("closeChannel", { id });
  }
}

Deno.test("a client finds the server under the address that it reached, and nothing else", async (t) => {
  await using server = await startTestServer({
    config: { host_ip_address: "0.0.0.0", advertised_hosts: ["gateway.plant.example", "10.9.8.7"] },
  });
  await using client = await startOpcUaClient();
  const port = Number(new URL(server.url.replace("opc.tcp:", "http:")).port);
  // not the advertised name: like a client on the far side of a port forwarding
  const reached = `opc.tcp://127.0.0.1:${port}`;
  const find = async (fields: Record<string, unknown>) =>
    (await discover(client, reached, "FindServers", fields)).servers as Described[] | null;
  const get = async (fields: Record<string, unknown>) =>
    (await discover(client, reached, "GetEndpoints", fields)).endpoints as Endpoint[] | null;
  const hostsOf = (urls: readonly string[]) => [...new Set(urls.map((url) => url.split("//")[1]?.split(":")[0]))];

  await t.step("FindServers gives one entry, reachable by who asked", async () => {
    for (
      const [asked, urls] of [
        [reached, [reached]],
        [`opc.tcp://scada-nat.example:14840`, ["opc.tcp://scada-nat.example:14840"]],
        [`opc.tcp://10.9.8.7:${port}`, [`opc.tcp://10.9.8.7:${port}`]],
        [null, [`opc.tcp://gateway.plant.example:${port}`, `opc.tcp://10.9.8.7:${port}`]],
        [`opc.tcp://0.0.0.0:${port}`, [`opc.tcp://gateway.plant.example:${port}`, `opc.tcp://10.9.8.7:${port}`]],
        ["http://nonsense and more", [`opc.tcp://gateway.plant.example:${port}`, `opc.tcp://10.9.8.7:${port}`]],
      ] as const
    ) {
      const servers = await find({ endpointUrl: asked });
      strictEqual(servers?.length, 1, String(asked));
      deepStrictEqual(servers?.[0]?.discoveryUrls, urls, String(asked));
    }
    const [entry] = await find({ endpointUrl: reached, localeIds: ["de", "en"] }) ?? [];
    deepStrictEqual([
      entry?.applicationUri,
      entry?.applicationType,
      entry?.gatewayServerUri || null,
      entry?.discoveryProfileUri || null,
    ], [
      "urn:edgekeep:test-gateway",
      0,
      null,
      null,
    ]);
    deepStrictEqual(entry?.applicationName.locale, "en", "the name is not in German, whoever asks for it");
    strictEqual((await find({ endpointUrl: reached, serverUris: ["urn:edgekeep:test-gateway"] }))?.length, 1);
    deepStrictEqual(await find({ endpointUrl: reached, serverUris: ["urn:somebody:else"] }) ?? [], []);
  });

  await t.step("GetEndpoints gives each security setting once, under the asked host", async () => {
    for (
      const [asked, hosts] of [
        [reached, ["127.0.0.1"]],
        ["opc.tcp://scada-nat.example:14840", ["scada-nat.example"]],
        [`opc.tcp://gateway.plant.example:${port}`, ["gateway.plant.example"]],
        [null, ["gateway.plant.example", "10.9.8.7"]],
        [`opc.tcp://0.0.0.0:${port}`, ["gateway.plant.example", "10.9.8.7"]],
      ] as const
    ) {
      const endpoints = await get({ endpointUrl: asked }) ?? [];
      deepStrictEqual(
        hostsOf(endpoints.map(({ endpointUrl }) => endpointUrl)).sort(),
        [...hosts].sort(),
        String(asked),
      );
      const settings = endpoints.map((e) => `${e.endpointUrl} ${e.securityPolicyUri} ${e.securityMode}`);
      strictEqual(new Set(settings).size, settings.length, "no endpoint twice");
      ok(endpoints.every(({ securityMode }) => securityMode > 1), "the endpoint for discovery alone is not offered");
      if (asked === reached) {
        for (const { server: described } of endpoints) {
          deepStrictEqual(hostsOf(described.discoveryUrls), ["127.0.0.1"], "the description leads there too");
        }
      }
    }
    ok((await get({ endpointUrl: reached, profileUris: [BINARY] }) ?? []).length > 0);
    deepStrictEqual(await get({ endpointUrl: reached, profileUris: ["http://opcfoundation.org/nothing"] }) ?? [], []);
  });

  await t.step("a session is made with the endpoint that was found", async () => {
    const id = await client.connect(reached);
    const [namespaces] = await client.call<WireValue[]>("read", { id, nodes: ["i=2255"] });
    strictEqual(namespaces?.statusName, "Good");
  });

  await t.step("registering other servers here is not offered", async () => {
    for (const service of ["RegisterServer", "RegisterServer2", "FindServersOnNetwork"]) {
      const answer = await discover(client, reached, service, {});
      strictEqual(answer.responseHeader.serviceResult, "BadServiceUnsupported", service);
    }
  });
});

Deno.test("the server's own nodes tell the truth about it", async (t) => {
  let verdict: Verdict = "ok";
  const tags = new TagStore({ nowUs: () => Date.now() * 1000 });
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "a")],
    config: { max_connections: 7, max_subscriptions_per_session: 3, max_monitored_items_per_sub: 5 },
    access: twoUsers,
    status: () => ({ ...testStatus(Date.now() * 1000, Date.now() * 1000, tags, undefined), verdict }),
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const read = async (...nodes: string[]) => await client.call<WireValue[]>("read", { id, nodes });
  const values = async (...nodes: string[]) => (await read(...nodes)).map(({ value }) => value);

  await t.step("the service level follows the gateway's verdict", async () => {
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    await client.call("monitor", { id, subscription, nodes: ["i=2267"], samplingMs: 100 });
    const told: unknown[] = [];
    for (const [next, level] of [["ok", 255], ["attention", 200], ["failed", 100], ["not_set_up", 1]] as const) {
      verdict = next;
      await waitFor(`the level ${level}`, async () => (await values("i=2267"))[0] === level);
      await waitFor(`the news of ${level}`, async () => {
        told.push(...(await client.call<WireValue[]>("notifications", { id, node: "i=2267" })).map((v) => v.value));
        return told.at(-1) === level;
      });
    }
    deepStrictEqual(told, [255, 200, 100, 1]);
    await client.call("close", { id: await client.connect(server.url) });
  });

  await t.step("server and namespaces", async () => {
    const [servers, namespaces, state, start, now] = await values("i=2254", "i=2255", "i=2259", "i=2257", "i=2258");
    deepStrictEqual(servers, ["urn:edgekeep:test-gateway"]);
    deepStrictEqual((namespaces as string[]).slice(1), ["urn:edgekeep:test-gateway", "urn:edgekeep:gateway"]);
    strictEqual(state, 0);
    ok(Date.parse(String(start)) <= Date.parse(String(now)));
    ok(Math.abs(Date.parse(String(now)) - Date.now()) < 60_000);
  });

  await t.step("limits are those that are applied", async () => {
    // MaxSessions, MaxSubscriptionsPerSession, MaxMonitoredItemsPerSubscription
    deepStrictEqual(await values("i=24095", "i=24098", "i=24104"), [7, 3, 5]);
    const [perRead, perItems] = await values("i=11705", "i=11714") as number[];
    ok(perRead !== undefined && perItems !== undefined);
    const nodesToRead = (count: number) => Array.from({ length: count }, () => ({ nodeId: "i=2258", attributeId: 13 }));
    const answer = async (count: number) =>
      (await client.call<ServiceAnswer>("service", {
        id,
        service: "Read",
        fields: { nodesToRead: nodesToRead(count), timestampsToReturn: 3 },
      })).responseHeader.serviceResult;
    deepStrictEqual([await answer(perRead), await answer(perRead + 1)], ["Good", "BadTooManyOperations"]);
  });

  await t.step("the diagnostics summary counts sessions, subscriptions and refusals", async () => {
    const summary = async () => {
      const [value] = await values("i=2275");
      return value as Record<string, number>;
    };
    const before = await summary();
    deepStrictEqual(await values("i=2294"), [true]);
    const other = await client.connect(server.url);
    await client.call("subscribe", { id: other, publishingMs: 100 });
    await client.connect(server.url, { password: "wrong" }).then(() => ok(false), () => {});
    const during = await summary();
    strictEqual(during.currentSessionCount, (before.currentSessionCount ?? 0) + 1, JSON.stringify({ before, during }));
    strictEqual(during.currentSubscriptionCount, (before.currentSubscriptionCount ?? 0) + 1);
    ok((during.cumulatedSessionCount ?? 0) > (before.cumulatedSessionCount ?? 0));
    ok((during.securityRejectedSessionCount ?? 0) > (before.securityRejectedSessionCount ?? 0), JSON.stringify(during));
    ok((during.rejectedSessionCount ?? 0) > (before.rejectedSessionCount ?? 0));
    await client.call("close", { id: other });
    await waitFor("the counts to fall", async () => {
      const after = await summary();
      return after.currentSessionCount === before.currentSessionCount &&
        after.currentSubscriptionCount === before.currentSubscriptionCount;
    });
    // who else is connected is for engineers to know
    strictEqual((await read("i=3707"))[0]?.statusName, "BadUserAccessDenied");
    const engineer = await client.connect(server.url, { user: "engineer" });
    const [sessions] = await client.call<WireValue[]>("read", { id: engineer, nodes: ["i=3707"] });
    strictEqual(sessions?.statusName, "Good", "SessionDiagnosticsArray is there");
    strictEqual((sessions?.value as unknown[]).length, 2);
  });
});

Deno.test("a client takes back Publish requests that wait", async () => {
  await using server = await startTestServer({ devices: [testDevice(DEV)], tags: [testTag(DEV, "a")] });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url, { keepAlive: false });
  const call = (service: string, fields: Record<string, unknown>) =>
    client.call<ServiceAnswer>("service", { id, service, fields });
  await call("CreateSubscription", {
    requestedPublishingInterval: 1000,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 300,
    publishingEnabled: true,
  });
  const publish = () => call("Publish", { subscriptionAcknowledgements: [] });
  // a new subscription answers its first request with a keep-alive; after that it has nothing to say for minutes
  const first = await publish();
  strictEqual(first.responseHeader.serviceResult, "Good");
  const waiting = [publish(), publish(), publish()];
  // the client's library counts the handles of its requests
  const handle = first.responseHeader.requestHandle;
  const cancel = async (requestHandle: number) => {
    const answer = await call("Cancel", { requestHandle });
    return [answer.responseHeader.serviceResult, answer.cancelCount];
  };
  deepStrictEqual(await cancel(99_999), ["Good", 0]);
  deepStrictEqual(await cancel(handle + 2), ["Good", 1]);
  const taken = await waiting[1];
  deepStrictEqual(
    [taken?.responseHeader.serviceResult, taken?.responseHeader.requestHandle],
    ["BadRequestCancelledByClient", handle + 2],
  );
  deepStrictEqual(await cancel(handle + 2), ["Good", 0]);

  // another session's requests are not its to take back
  const other = await client.connect(server.url);
  const foreign = await client.call<ServiceAnswer>("service", {
    id: other,
    service: "Cancel",
    fields: { requestHandle: handle + 1 },
  });
  strictEqual(foreign.cancelCount, 0);
  for (const [place, next] of [[0, handle + 1], [2, handle + 3]] as const) {
    deepStrictEqual(await cancel(next), ["Good", 1]);
    strictEqual((await waiting[place])?.responseHeader.serviceResult, "BadRequestCancelledByClient");
  }
});
