import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, publicEncrypt, X509Certificate } from "node:crypto";
import { networkInterfaces } from "node:os";
import { configSchema } from "../../src/config/schema.ts";
import { startTestServer, testDevice } from "../lib/opcua_client_gateway.ts";
import {
  type OpcUaClientProcess,
  type ServiceAnswer,
  startOpcUaClient,
  type WireValue,
} from "../lib/opcua_client_process.ts";
import { OperationsWorld, PASSWORD, testValve } from "../lib/operations_world.ts";
import { smallConfig } from "../lib/web_world.ts";
import { waitFor } from "../lib/wait_for.ts";

const DEV = testValve.devEui;
const VALVE = `${DEV}/${testValve.name}`;
const TEXT = 12;
const roles = ["viewer", "operator", "engineer", "admin"] as const;
/** An address of this machine that others reach. */
const lan = Object.values(networkInterfaces()).flat().find((one) => one?.family === "IPv4" && !one.internal)?.address;

interface Site extends AsyncDisposable {
  readonly world: OperationsWorld;
  readonly url: string;
  /** Each record of an operation: who, from where, what, on what, and what was decided. */
  records(): Promise<string[]>;
}

/** A server over real operations, access and audit, with a user of each role. */
async function open(opcua: Parameters<typeof startTestServer>[0] = {}): Promise<Site> {
  const world = await OperationsWorld.open();
  for (const role of roles) await world.access.addUser({ name: role, password: PASSWORD, role });
  const { access, operations, commands } = world;
  const server = await startTestServer({ access, operations, commands, devices: [testDevice(DEV)], ...opcua });
  return {
    world,
    url: server.url,
    async records() {
      const records = await world.audit.tail({ limit: 200, event: "operation" });
      return records.map(({ principal, address, operation, target, decision, rule }) =>
        [principal, address, operation, target, decision, rule].join(" ")
      );
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** What people do over a connection. */
function over(client: OpcUaClientProcess, id: number, header: Record<string, unknown> = {}) {
  const call = async (object: string, method: string, args: readonly unknown[] = []) => {
    const { status, outputs } = await client.call<{ status: string; outputs: unknown[] }>("call", {
      id,
      object,
      method,
      args,
    });
    return { status, output: outputs[0] };
  };
  const texts = (values: readonly string[]) => values.map((value) => ({ dataType: TEXT, value }));
  return {
    call,
    write: async (value: boolean) => {
      const data = { $type: "DataValue", value: { dataType: 1, arrayType: 0, value } };
      const nodesToWrite = [{ nodeId: `ns=2;s=${DEV}/$cmd/${testValve.name}`, attributeId: 13, value: data }];
      const fields = { nodesToWrite, header };
      const answer = await client.call<ServiceAnswer>("service", { id, service: "Write", fields });
      return String(answer.results?.[0] ?? answer.responseHeader.serviceResult);
    },
    gateway: (method: string, ...values: string[]) => call("ns=2;s=Gateway", `ns=2;s=Gateway/${method}`, texts(values)),
    read: async (node: string) => {
      const [value] = await client.call<WireValue[]>("read", { id, nodes: [node] });
      return value?.statusName;
    },
  };
}

Deno.test("a key of one user tells another nothing and repeats nothing", async () => {
  await using site = await open();
  const { world } = site;
  await world.access.addUser({ name: "second", password: PASSWORD, role: "operator" });
  await using client = await startOpcUaClient();
  const as = async (user: string) => over(client, await client.connect(site.url, { user, password: PASSWORD }));
  const [one, two, viewer] = [await as("operator"), await as("second"), await as("viewer")];
  const send = ["SendCommand", DEV, testValve.name, "true", "order 66"] as const;
  const first = await one.gateway(...send);
  assert.equal((await one.gateway(...send)).output, first.output);
  const theirs = await two.gateway(...send);
  assert.equal(theirs.status, "Good");
  assert.notEqual(theirs.output, first.output);
  assert.deepEqual(await viewer.gateway(...send), { status: "BadUserAccessDenied", output: undefined });
  assert.deepEqual(world.commands.list({ limit: 9 }).map(({ by }) => by.name), ["second", "operator"]);
});

Deno.test("rights end at once with what they come from, and a new login has those of now", async (t) => {
  await using site = await open();
  const { access, commands } = site.world;
  await using client = await startOpcUaClient();
  const changes: Record<string, (name: string) => unknown> = {
    role: (name) => access.setUser(name, { role: "viewer" }),
    disabled: (name) => access.setUser(name, { disabled: true }),
    password: (name) => access.setUser(name, { password: "another horse entirely" }),
    removed: (name) => access.removeUser(name),
  };
  for (const [what, change] of Object.entries(changes)) {
    await t.step(what, async () => {
      const name = `temporary-${what}`;
      await access.addUser({ name, password: PASSWORD, role: "operator" });
      const session = over(
        client,
        await client.connect(site.url, { user: name, password: PASSWORD, keepAlive: false }),
      );
      assert.equal(await session.write(true), "GoodCompletesAsynchronously");
      const sent = commands.list({ limit: 99 }).length;
      await change(name);
      // not a moment later: the request that follows is judged without the old rights
      assert.match(await session.write(false), /^Bad(SessionIdInvalid|SessionClosed|UserAccessDenied)$/);
      assert.equal(commands.list({ limit: 99 }).length, sent);
      const again = client.connect(site.url, { user: name, password: PASSWORD });
      if (what === "role") assert.equal(await over(client, await again).write(true), "BadUserAccessDenied");
      else await assert.rejects(again);
    });
  }
});

Deno.test("what nobody is meant to do over OPC UA, nobody does", async (t) => {
  await using site = await open();
  await using client = await startOpcUaClient();
  const number = (value: number) => ({ dataType: 7, value });
  const word = (value: string) => ({ dataType: TEXT, value });
  const methods: [what: string, object: string, method: string, args: unknown[]][] = [
    ["RequestServerStateChange", "i=2253", "i=12886", [
      { dataType: 6, value: 4 },
      { dataType: 13, value: { $date: Date.now() } },
      number(0),
      { dataType: 21, value: { text: "x" } },
      { dataType: 1, value: true },
    ]],
    ["SetSubscriptionDurable", "i=2253", "i=12749", [number(1), number(5)]],
    ["GetMonitoredItems of nobody's", "i=2253", "i=11492", [number(1)]],
    ["AddRole", "i=15606", "i=16301", [word("Boss"), word("urn:x")]],
    ["RemoveRole", "i=15606", "i=16304", [{ dataType: 17, value: { $node: "i=15680" } }]],
    ["AddIdentity", "i=15704", "i=15672", [word("viewer")]],
  ];
  for (const role of roles) {
    const id = await client.connect(site.url, { user: role, password: PASSWORD });
    await t.step(role, async () => {
      for (const [what, object, method, args] of methods) {
        const methodsToCall = [{ objectId: object, methodId: method, inputArguments: args }];
        const answer = await client.call<ServiceAnswer>("service", { id, service: "Call", fields: { methodsToCall } });
        assert.match(
          String(answer.results?.[0].statusCode ?? answer.responseHeader.serviceResult),
          /^Bad|^2\d{9}$/,
          `${what}: ${JSON.stringify(answer)}`,
        );
      }
      for (const service of ["AddNodes", "DeleteNodes", "AddReferences", "DeleteReferences", "HistoryUpdate"]) {
        const answer = await client.call<ServiceAnswer>("service", { id, service, fields: {} });
        assert.equal(answer.responseHeader.serviceResult, "BadServiceUnsupported", service);
      }
      const nodes = [
        `ns=2;s=${DEV}/$cmd/${testValve.name}`,
        "ns=2;s=Gateway/SendCommand",
        "i=2994",
        "i=2267",
        "i=15680",
      ];
      for (const nodeId of nodes) {
        // every attribute but the value of the command itself
        for (let attributeId = 1; attributeId <= 27; attributeId++) {
          if (nodeId === nodes[0] && attributeId === 13) continue;
          const value = { $type: "DataValue", value: { dataType: 1, arrayType: 0, value: true } };
          const fields = { nodesToWrite: [{ nodeId, attributeId, value }] };
          const { results } = await client.call<ServiceAnswer>("service", { id, service: "Write", fields });
          assert.match(results[0], /^Bad/, `${nodeId} ${attributeId}`);
        }
      }
    });
  }
  assert.deepEqual(site.world.commands.list({ limit: 9 }), []);
});

Deno.test({
  name:
    "profile wan denies what comes from other machines, allow_write opens the one target, and all of it is on record",
  ignore: lan === undefined,
  async fn() {
    await using site = await open({ config: { host_ip_address: "0.0.0.0" } });
    const { world } = site;
    await using client = await startOpcUaClient();
    const allow = (...allow_write: string[]) => {
      world.config = configSchema.parse({ ...smallConfig, runtime: { remote: { profile: "wan", allow_write } } });
    };
    const port = new URL(site.url.replace("opc.tcp", "http")).port;
    const from = async (host: string) =>
      over(client, await client.connect(`opc.tcp://${host}:${port}`, { user: "operator", password: PASSWORD }));
    const [far, near] = [await from(lan ?? ""), await from("127.0.0.1")];
    allow(`commands.send:${DEV}/Other`, "commands.cancel:nothing");
    assert.equal(await far.write(true), "BadUserAccessDenied");
    assert.equal((await far.gateway("SendCommand", DEV, "1", "true", "")).status, "BadUserAccessDenied");
    assert.equal((await near.gateway("SendCommand", DEV, "1", "true", "")).status, "Good");
    const [id = ""] = world.commands.list({ limit: 1 }).map((one) => one.id);
    assert.equal((await far.gateway("CancelCommand", id)).status, "BadUserAccessDenied");
    allow(`commands.send:${VALVE}`);
    assert.equal(await far.write(true), "GoodCompletesAsynchronously");
    assert.equal((await far.gateway("SendCommand", DEV.toUpperCase(), "1", "true", "")).status, "Good");
    assert.equal((await far.gateway("CancelCommand", id)).status, "BadUserAccessDenied");
    assert.deepEqual(await site.records(), [
      `operator ${lan} commands.send ${VALVE} denied wan_denies_writes`,
      `operator ${lan} commands.send ${VALVE} denied wan_denies_writes`,
      `operator 127.0.0.1 commands.send ${VALVE} allowed role`,
      `operator ${lan} commands.cancel ${VALVE} denied wan_denies_writes`,
      `operator ${lan} commands.send ${VALVE} allowed wan_allow_write`,
      `operator ${lan} commands.send ${VALVE} allowed wan_allow_write`,
      `operator ${lan} commands.cancel ${VALVE} denied wan_denies_writes`,
    ]);
  },
});

/** A session without security on its channel, which logs in as several people. */
async function bareSession(client: OpcUaClientProcess, url: string) {
  const channel = (at = url) => client.call<number>("open", { url: at, pki: client.pki });
  const first = await channel();
  const ask = (service: string, fields: Record<string, unknown>, id = first) =>
    client.call<ServiceAnswer>("service", { id, service, fields });
  const created = await ask("CreateSession", {
    endpointUrl: url,
    sessionName: "bare",
    requestedSessionTimeout: 60_000,
    clientDescription: { applicationUri: "urn:edgekeep:test:client", applicationName: { text: "Bare" } },
  });
  const header = { authenticationToken: created.authenticationToken };
  const { publicKey } = new X509Certificate(Buffer.from(created.serverCertificate.$bytes, "hex"));
  let nonce = Buffer.from(created.serverNonce.$bytes, "hex");
  return {
    channel,
    first,
    header,
    ask: (service: string, fields: Record<string, unknown>) => ask(service, { ...fields, header }),
    async login(userName: string, password = PASSWORD, id = first) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(password.length + nonce.length);
      const plain = Buffer.concat([length, Buffer.from(password), nonce]);
      const key = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" };
      const answer = await ask("ActivateSession", {
        header,
        userIdentityToken: {
          $type: "UserNameIdentityToken",
          policyId: "username_basic256Sha256",
          userName,
          password: { $bytes: publicEncrypt(key, plain).toString("hex") },
          encryptionAlgorithm: "http://www.w3.org/2001/04/xmlenc#rsa-oaep",
        },
      }, id);
      const { serviceResult } = answer.responseHeader;
      if (serviceResult === "Good") nonce = Buffer.from(answer.serverNonce.$bytes, "hex");
      return serviceResult;
    },
  };
}

Deno.test("items that a session has open see what its user of now may read", async () => {
  await using site = await open({ config: { security_policies: ["None"] } });
  await using client = await startOpcUaClient();
  const session = await bareSession(client, site.url);
  const people = over(client, session.first, session.header);
  assert.equal(await session.login("engineer"), "Good");
  assert.equal(await people.write(true), "GoodCompletesAsynchronously");
  const { subscriptionId } = await session.ask("CreateSubscription", {
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const { results } = await session.ask("CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [{
      itemToMonitor: { nodeId: "i=3707", attributeId: 13 },
      monitoringMode: 2,
      requestedParameters: { clientHandle: 7, samplingInterval: 50, queueSize: 10, discardOldest: true },
    }],
  });
  assert.equal(results[0].statusCode, "Good");
  const statusOf = async (want: RegExp) => {
    let last = "";
    await waitFor(`a value that is ${want}`, async () => {
      const answer = await session.ask("Publish", { subscriptionAcknowledgements: [] });
      for (const data of answer.notificationMessage?.notificationData ?? []) {
        for (const { value } of data.monitoredItems ?? []) last = JSON.stringify(value.statusCode ?? value);
      }
      return want.test(last);
    });
  };
  await statusOf(/Good|:0|^0/);
  assert.equal(await session.login("viewer"), "Good");
  assert.equal(await people.write(true), "BadUserAccessDenied");
  await statusOf(/BadUserAccessDenied|2149515264/);
  assert.equal(await session.login("engineer"), "Good");
  assert.equal(await people.write(true), "GoodCompletesAsynchronously");
  await statusOf(/Good|:0|^0/);
});

Deno.test({
  name: "a login that fails on another connection does not change where its session's requests come from",
  ignore: lan === undefined,
  async fn() {
    await using site = await open({ config: { host_ip_address: "0.0.0.0", security_policies: ["None"] } });
    await using client = await startOpcUaClient();
    const port = new URL(site.url.replace("opc.tcp", "http")).port;
    const session = await bareSession(client, `opc.tcp://${lan}:${port}`);
    assert.equal(await session.login("operator"), "Good");
    const elsewhere = await session.channel(`opc.tcp://127.0.0.1:${port}`);
    assert.match(await session.login("operator", "not the password", elsewhere), /^Bad/);
    assert.equal(await over(client, session.first, session.header).write(true), "GoodCompletesAsynchronously");
    assert.deepEqual(await site.records(), [`operator ${lan} commands.send ${VALVE} allowed role`]);
  },
});

Deno.test("a subscription that its user takes over later sees what the user may read then", async () => {
  await using site = await open({ config: { security_policies: ["None"] } });
  await using client = await startOpcUaClient();
  const before = await bareSession(client, site.url);
  await site.world.access.addUser({ name: "anna", password: PASSWORD, role: "engineer" });
  assert.equal(await before.login("anna"), "Good");
  const { subscriptionId } = await before.ask("CreateSubscription", {
    requestedPublishingInterval: 50,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  });
  const { results } = await before.ask("CreateMonitoredItems", {
    subscriptionId,
    timestampsToReturn: 2,
    itemsToCreate: [{
      itemToMonitor: { nodeId: "i=3707", attributeId: 13 },
      monitoringMode: 2,
      requestedParameters: { clientHandle: 7, samplingInterval: 50, queueSize: 1, discardOldest: true },
    }],
  });
  assert.equal(results[0].statusCode, "Good");
  await before.ask("CloseSession", { deleteSubscriptions: false });
  await site.world.access.setUser("anna", { role: "viewer" });
  const after = await bareSession(client, site.url);
  assert.equal(await after.login("anna"), "Good");
  const taken = await after.ask("TransferSubscriptions", {
    subscriptionIds: [subscriptionId],
    sendInitialValues: true,
  });
  assert.equal(taken.results[0].statusCode, "Good");
  let last = "";
  await waitFor("a refusal in place of what others do", async () => {
    const answer = await after.ask("Publish", { subscriptionAcknowledgements: [] });
    for (const data of answer.notificationMessage?.notificationData ?? []) {
      for (const { value } of data.monitoredItems ?? []) last = JSON.stringify(value);
    }
    return /BadUserAccessDenied|2149515264/.test(last);
  });
});
