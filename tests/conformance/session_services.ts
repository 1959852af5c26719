import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { waitFor } from "../lib/wait_for.ts";
import { activate, after, clientSignature, createSessionFields, newSession, probe, userToken } from "./activation.ts";
import { suite } from "./suite.ts";
import { nodes, type World } from "./world.ts";

type Bytes = { readonly $bytes: string };

/** Requests that a session must be activated for, with operations to do. */
export const sessionRequests: Readonly<Record<string, Record<string, unknown>>> = {
  Read: { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }] },
  Write: { nodesToWrite: [{ nodeId: nodes.counter, attributeId: 13, value: { value: { dataType: 6, value: 1 } } }] },
  HistoryRead: {
    historyReadDetails: { $type: "ReadRawModifiedDetails", startTime: { $date: 0 }, numValuesPerNode: 1 },
    nodesToRead: [{ nodeId: nodes.counter }],
  },
  Browse: { nodesToBrowse: [{ nodeId: "i=85" }] },
  BrowseNext: { continuationPoints: [{ $bytes: "00" }] },
  TranslateBrowsePathsToNodeIds: {
    browsePaths: [{ startingNode: "i=84", relativePath: { elements: [{ targetName: { name: "Objects" } }] } }],
  },
  RegisterNodes: { nodesToRegister: [nodes.counter] },
  UnregisterNodes: { nodesToUnregister: [nodes.counter] },
  Call: { methodsToCall: [{ objectId: "i=2253", methodId: "i=11492", inputArguments: [{ dataType: 7, value: 1 }] }] },
  CreateSubscription: { requestedPublishingInterval: 100, requestedLifetimeCount: 30, requestedMaxKeepAliveCount: 10 },
  ModifySubscription: { subscriptionId: 1, requestedPublishingInterval: 100 },
  SetPublishingMode: { subscriptionIds: [1] },
  DeleteSubscriptions: { subscriptionIds: [1] },
  TransferSubscriptions: { subscriptionIds: [1] },
  Publish: {},
  Republish: { subscriptionId: 1, retransmitSequenceNumber: 1 },
  CreateMonitoredItems: {
    subscriptionId: 1,
    itemsToCreate: [{ itemToMonitor: { nodeId: nodes.counter, attributeId: 13 } }],
  },
  ModifyMonitoredItems: { subscriptionId: 1, itemsToModify: [{ monitoredItemId: 1 }] },
  SetMonitoringMode: { subscriptionId: 1, monitoredItemIds: [1] },
  SetTriggering: { subscriptionId: 1, triggeringItemId: 1, linksToAdd: [1] },
  DeleteMonitoredItems: { subscriptionId: 1, monitoredItemIds: [1] },
};

/** Requests whose list of operations is empty: BadNothingToDo (OPC 10000-4 §7.38.2). */
const nothing: Readonly<Record<string, Record<string, unknown>>> = {
  Read: { nodesToRead: [] },
  Write: { nodesToWrite: [] },
  HistoryRead: { ...sessionRequests.HistoryRead, nodesToRead: [] },
  Browse: { nodesToBrowse: [] },
  BrowseNext: { continuationPoints: [] },
  TranslateBrowsePathsToNodeIds: { browsePaths: [] },
  RegisterNodes: { nodesToRegister: [] },
  UnregisterNodes: { nodesToUnregister: [] },
  Call: { methodsToCall: [] },
  SetPublishingMode: { subscriptionIds: [] },
  DeleteSubscriptions: { subscriptionIds: [] },
  TransferSubscriptions: { subscriptionIds: [] },
};
/** The same for requests about items of a subscription. */
const nothingOfSubscription: Readonly<Record<string, Record<string, unknown>>> = {
  CreateMonitoredItems: { itemsToCreate: [] },
  ModifyMonitoredItems: { itemsToModify: [] },
  SetMonitoringMode: { monitoredItemIds: [] },
  DeleteMonitoredItems: { monitoredItemIds: [] },
  SetTriggering: { triggeringItemId: 1, linksToAdd: [], linksToRemove: [] },
};

async function fresh(world: World) {
  const session = await newSession(world);
  const answer = await activate(world, session);
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return { ...after(session, answer), first: session };
}

async function end(world: World, channel: number): Promise<void> {
  await world.client.call("closeChannel", { id: channel });
}

/** CreateSession, ActivateSession, CloseSession, Cancel (OPC 10000-4 §5.7), and what holds for every service. */
export const sessionServices = suite("Session Services", {}, (conformance) => {
  conformance(
    "Session Base",
    "a session has an id, a secret token, a nonce of 32 bytes and the server's certificate",
    async (world) => {
      const session = await newSession(world);
      ok(!/^ns=0;i=0$/.test(session.sessionId));
      ok(!/^ns=0;i=0$/.test(session.token));
      notStrictEqual(session.sessionId, session.token);
      ok(session.serverNonce.length >= 64);
      ok(session.serverCertificate.length > 1000);
      await end(world, session.channel);
    },
  );
  conformance("Session Base", "two sessions share neither id, token nor nonce", async (world) => {
    const [one, two] = [await newSession(world), await newSession(world)];
    notStrictEqual(one.sessionId, two.sessionId);
    notStrictEqual(one.token, two.token);
    notStrictEqual(one.serverNonce, two.serverNonce);
    await end(world, one.channel);
    await end(world, two.channel);
  });
  conformance("Session Base", "the endpoints in CreateSession are those of GetEndpoints", async (world) => {
    const session = await newSession(world);
    const { endpoints } = await world.call("GetEndpoints", { endpointUrl: world.server.url }, { id: session.channel });
    type Endpoint = { endpointUrl: string; securityPolicyUri: string; securityMode: number };
    const key = (list: Endpoint[]) =>
      list.map((e) => [e.endpointUrl, e.securityPolicyUri, e.securityMode].join(" ")).sort();
    deepStrictEqual(key(session.answer.serverEndpoints), key(endpoints));
    await end(world, session.channel);
  });
  conformance("Session Base", "the server signs the client's certificate and nonce", async (world) => {
    const session = await newSession(world);
    strictEqual(session.answer.serverSignature.algorithm, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
    ok((session.answer.serverSignature.signature as Bytes).$bytes.length >= 512);
    await end(world, session.channel);
  });
  for (
    const [asked, low, high] of [[0, 1, 3_600_000], [1, 1, 3_600_000], [-1, 1, 3_600_000], [
      1e15,
      60_000,
      24 * 3_600_000,
    ], [30_000, 30_000, 30_000]] as const
  ) {
    conformance("Session Base", `a session time-out of ${asked} ms is revised into a sound one`, async (world) => {
      const session = await newSession(world, { requestedSessionTimeout: asked });
      const revised = session.answer.revisedSessionTimeout as number;
      ok(revised >= low && revised <= high, String(revised));
      await end(world, session.channel);
    });
  }
  for (
    const [what, nonce] of [["none", ""], ["of 8 bytes", "0011223344556677"], ["of 31 bytes", "11".repeat(31)]] as const
  ) {
    conformance("Session Base", `a client nonce ${what} on a secured channel is BadNonceInvalid`, async (world) => {
      const id = await world.open();
      const fields = createSessionFields(world, { clientNonce: { $bytes: nonce } });
      strictEqual(await world.fault("CreateSession", fields, { id }), "BadNonceInvalid");
      await end(world, id);
    });
  }
  conformance("Session Base", "a client nonce that was seen before is BadNonceInvalid", async (world) => {
    const id = await world.open();
    const fields = createSessionFields(world);
    strictEqual((await world.call("CreateSession", fields, { id })).responseHeader.serviceResult, "Good");
    strictEqual(await world.fault("CreateSession", fields, { id }), "BadNonceInvalid");
    await end(world, id);
  });
  conformance(
    "Security Certificate Validation",
    "an application URI other than the certificate's is BadCertificateUriInvalid",
    async (world) => {
      const id = await world.open();
      const fields = createSessionFields(world, {
        clientDescription: { applicationUri: "urn:somebody:else", applicationType: 1 },
      });
      strictEqual(await world.fault("CreateSession", fields, { id }), "BadCertificateUriInvalid");
      await end(world, id);
    },
  );
  conformance("Session Base", "a session without a name gets one", async (world) => {
    const session = await newSession(world, { sessionName: null });
    strictEqual((await activate(world, session)).responseHeader.serviceResult, "Good");
    const sessions = world.server.handle.list();
    ok(sessions.length > 0);
    await end(world, session.channel);
  });
  conformance("Session Base", "activation gives a new nonce each time", async (world) => {
    const session = await newSession(world);
    const first = await activate(world, session);
    const second = await activate(world, after(session, first));
    deepStrictEqual([first.responseHeader.serviceResult, second.responseHeader.serviceResult], ["Good", "Good"]);
    const seen = [session.serverNonce, ...[first, second].map(({ serverNonce }) => (serverNonce as Bytes).$bytes)];
    strictEqual(new Set(seen).size, 3);
    await end(world, session.channel);
  });
  conformance("Session Base", "a signature over an old nonce does not activate again", async (world) => {
    const session = await newSession(world);
    strictEqual((await activate(world, session)).responseHeader.serviceResult, "Good");
    strictEqual((await activate(world, session)).responseHeader.serviceResult, "BadApplicationSignatureInvalid");
    await end(world, session.channel);
  });
  const signatures: readonly (readonly [string, (good: Record<string, unknown>) => Record<string, unknown>])[] = [
    ["no signature", () => ({})],
    ["an empty signature", (good) => ({ ...good, signature: { $bytes: "" } })],
    ["a changed signature", (good) => {
      const bytes = (good.signature as Bytes).$bytes;
      return { ...good, signature: { $bytes: (bytes.startsWith("00") ? "11" : "00") + bytes.slice(2) } };
    }],
  ];
  for (const [what, change] of signatures) {
    conformance("Session Base", `activation with ${what} is BadApplicationSignatureInvalid`, async (world) => {
      const session = await newSession(world);
      const signature = change(clientSignature(world, session));
      const answer = await activate(world, session, { clientSignature: signature });
      strictEqual(answer.responseHeader.serviceResult, "BadApplicationSignatureInvalid");
      ok(await probe(world, session) !== "Good");
      await end(world, session.channel);
    });
  }
  conformance(
    "Session Base",
    "a session that is used before its activation is refused, and done with",
    async (world) => {
      const session = await newSession(world);
      strictEqual(await probe(world, session), "BadSessionNotActivated");
      ok((await activate(world, session)).responseHeader.serviceResult !== "Good");
      await end(world, session.channel);
    },
  );
  conformance("Session Base", "a closed session is gone", async (world) => {
    const session = await fresh(world);
    const header = { authenticationToken: session.token };
    strictEqual(
      (await world.call("CloseSession", { deleteSubscriptions: true, header }, { id: session.channel })).$type,
      "CloseSessionResponse",
    );
    strictEqual(await probe(world, session), "BadSessionIdInvalid");
    strictEqual(await world.fault("CloseSession", { header }, { id: session.channel }), "BadSessionIdInvalid");
    await end(world, session.channel);
  });
  conformance("Session Base", "a session can be closed before it was activated", async (world) => {
    const session = await newSession(world);
    const header = { authenticationToken: session.token };
    strictEqual(
      (await world.call("CloseSession", { header }, { id: session.channel })).responseHeader.serviceResult,
      "Good",
    );
    await end(world, session.channel);
  });
  conformance("Session Base", "a session without a request for its time-out ends", async (world) => {
    // those of the tests before end at times of their own
    const before = new Set(world.server.handle.list().map(({ id }) => id));
    const session = await newSession(world, { requestedSessionTimeout: 3000 });
    strictEqual((await activate(world, session)).responseHeader.serviceResult, "Good");
    const own = world.server.handle.list().filter(({ id }) => !before.has(id)).map(({ id }) => id);
    strictEqual(own.length, 1);
    await waitFor("the end of the session", () => !world.server.handle.list().some(({ id }) => own.includes(id)));
    strictEqual(await probe(world, session), "BadSessionIdInvalid");
    await end(world, session.channel);
  });
  conformance(
    "Session Base",
    "a session moves to another channel of the same client, and the old one loses it",
    async (world) => {
      const session = await fresh(world);
      const other = await world.open();
      strictEqual((await activate(world, session, {}, other)).responseHeader.serviceResult, "Good");
      strictEqual(await probe(world, session, other), "Good");
      strictEqual(await probe(world, session), "BadSecureChannelIdInvalid");
      await end(world, session.channel);
      await end(world, other);
    },
  );
  conformance("Session Base", "a session answers on its own channel alone", async (world) => {
    const session = await fresh(world);
    const other = await world.open();
    strictEqual(await probe(world, session, other), "BadSecureChannelIdInvalid");
    strictEqual(await probe(world, session), "Good");
    await end(world, session.channel);
    await end(world, other);
  });
  conformance(
    "Session Base",
    "closing a session from a stranger's channel is refused, and the session lives on",
    async (world) => {
      const session = await fresh(world);
      const other = await world.open();
      const header = { authenticationToken: session.token };
      ok(
        ["BadSecureChannelIdInvalid", "BadSessionIdInvalid"].includes(
          await world.fault("CloseSession", { header }, { id: other }),
        ),
      );
      strictEqual(await probe(world, session), "Good");
      await end(world, session.channel);
      await end(world, other);
    },
  );
  conformance("Session Minimum 1", "a session reads, browses and closes", async (world) => {
    const session = await fresh(world);
    strictEqual(await probe(world, session), "Good");
    const header = { authenticationToken: session.token };
    const browse = await world.call("Browse", { nodesToBrowse: [{ nodeId: "i=84" }], header }, { id: session.channel });
    strictEqual(browse.results[0].statusCode, "Good");
    await end(world, session.channel);
  });
  conformance("Session Minimum 2 Parallel", "two sessions of one channel work side by side", async (world) => {
    const one = await fresh(world);
    const two = await newSession(world, {}, one.channel);
    strictEqual((await activate(world, two)).responseHeader.serviceResult, "Good");
    deepStrictEqual(await Promise.all([probe(world, one), probe(world, two)]), ["Good", "Good"]);
    await end(world, one.channel);
  });
  conformance("Session Minimum 50 Parallel", "fifty sessions are open at once, and each reads", async (world) => {
    const channel = await world.open();
    const sessions = [];
    for (let i = 0; i < 50; i++) {
      const session = await newSession(world, {}, channel);
      strictEqual((await activate(world, session)).responseHeader.serviceResult, "Good");
      sessions.push(session);
    }
    deepStrictEqual(await Promise.all(sessions.map((session) => probe(world, session))), Array(50).fill("Good"));
    for (const { token } of sessions) {
      await world.call("CloseSession", { header: { authenticationToken: token } }, { id: channel });
    }
    await end(world, channel);
  });
  conformance(
    "Session Change User",
    "another user takes the session over, and a wrong one leaves it as it was",
    async (world) => {
      const session = await fresh(world);
      const wrong = await activate(world, session, { userIdentityToken: userToken(session, {}, "wrong") });
      ok(wrong.responseHeader.serviceResult.startsWith("Bad"));
      strictEqual(await probe(world, session), "Good");
      await end(world, session.channel);
    },
  );
  for (const [service, fields] of Object.entries(nothing)) {
    conformance(
      "Session General Service Behaviour",
      `${service} with nothing to do is BadNothingToDo`,
      async (world) => {
        strictEqual(await world.fault(service, fields), "BadNothingToDo");
      },
    );
  }
  for (const [service, fields] of Object.entries(nothingOfSubscription)) {
    conformance(
      "Session General Service Behaviour",
      `${service} with nothing to do is BadNothingToDo`,
      async (world) => {
        const { subscriptionId } = await world.call("CreateSubscription", sessionRequests.CreateSubscription);
        strictEqual(await world.fault(service, { subscriptionId, ...fields }), "BadNothingToDo");
        await world.call("DeleteSubscriptions", { subscriptionIds: [subscriptionId] });
      },
    );
  }
  for (const [service, fields] of Object.entries(sessionRequests)) {
    conformance(
      "Session General Service Behaviour",
      `${service} with an unknown token is BadSessionIdInvalid`,
      async (world) => {
        const header = { authenticationToken: "ns=1;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63" };
        strictEqual(await world.fault(service, { ...fields, header }), "BadSessionIdInvalid");
      },
    );
    conformance(
      "Session General Service Behaviour",
      `${service} without a session is BadSessionIdInvalid`,
      async (world) => {
        strictEqual(
          await world.fault(service, { ...fields, header: { authenticationToken: "ns=0;i=0" } }),
          "BadSessionIdInvalid",
        );
      },
    );
  }
  for (
    const service of [
      "QueryFirst",
      "QueryNext",
      "HistoryUpdate",
      "AddNodes",
      "AddReferences",
      "DeleteNodes",
      "DeleteReferences",
    ]
  ) {
    conformance("Session General Service Behaviour", `${service} is BadServiceUnsupported`, async (world) => {
      strictEqual(await world.fault(service), "BadServiceUnsupported");
    });
  }
  for (const requestHandle of [1, 77, 4_294_967_295]) {
    conformance(
      "Session General Service Behaviour",
      `the request handle ${requestHandle} comes back in a response and in a fault`,
      async (world) => {
        // the client numbers its requests itself, so what counts is that its numbers are the ones that come back
        const one = await world.call("Read", { ...sessionRequests.Read, header: { requestHandle } });
        const two = await world.call("Read", nothing.Read);
        ok(two.responseHeader.requestHandle > one.responseHeader.requestHandle);
      },
    );
  }
  conformance("Session General Service Behaviour", "a response is stamped with the server's time", async (world) => {
    const before = Date.now();
    const { responseHeader } = await world.call("Read", sessionRequests.Read);
    const stamp = (responseHeader.timestamp as { $date: number }).$date;
    ok(stamp >= before - 50 && stamp <= Date.now() + 50);
  });
  for (const returnDiagnostics of [0, 1, 0x3ff, 0xffffffff]) {
    conformance(
      "Session General Service Behaviour",
      `diagnostics may be asked for (mask ${returnDiagnostics})`,
      async (world) => {
        const answer = await world.call("Read", { ...sessionRequests.Read, header: { returnDiagnostics } });
        strictEqual(answer.results[0].status, "Good");
      },
    );
  }
  for (const timestamp of [0, 4_102_444_800_000]) {
    conformance(
      "Session General Service Behaviour",
      `the client's clock does not matter (${timestamp})`,
      async (world) => {
        const answer = await world.call("Read", {
          ...sessionRequests.Read,
          header: { timestamp: { $date: timestamp } },
        });
        strictEqual(answer.results[0].status, "Good");
      },
    );
  }
  conformance("Session General Service Behaviour", "an audit entry id of any length is accepted", async (world) => {
    const answer = await world.call("Read", { ...sessionRequests.Read, header: { auditEntryId: "x".repeat(5000) } });
    strictEqual(answer.results[0].status, "Good");
  });
  conformance("Session General Service Behaviour", "requests that are sent at once are all answered", async (world) => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => world.call("Read", sessionRequests.Read)));
    strictEqual(answers.filter(({ results }) => results[0].status === "Good").length, 100);
  });
  const limits: readonly (readonly [string, (count: number) => Record<string, unknown>])[] = [
    ["Read", (n) => ({ nodesToRead: Array(n).fill({ nodeId: nodes.counter, attributeId: 13 }) })],
    ["Browse", (n) => ({ nodesToBrowse: Array(n).fill({ nodeId: "i=85" }) })],
    ["RegisterNodes", (n) => ({ nodesToRegister: Array(n).fill(nodes.counter) })],
    ["UnregisterNodes", (n) => ({ nodesToUnregister: Array(n).fill(nodes.counter) })],
    ["TranslateBrowsePathsToNodeIds", (n) => ({ browsePaths: Array(n).fill({ startingNode: "i=84" }) })],
    ["HistoryRead", (n) => ({ ...sessionRequests.HistoryRead, nodesToRead: Array(n).fill({ nodeId: nodes.counter }) })],
    ["Write", (n) => ({
      nodesToWrite: Array(n).fill({
        nodeId: nodes.counter,
        attributeId: 13,
        value: { value: { dataType: 6, value: 1 } },
      }),
    })],
    ["Call", (n) => ({ methodsToCall: Array(n).fill({ objectId: "i=2253", methodId: "i=11492" }) })],
  ];
  for (const [service, fields] of limits) {
    conformance(
      "Session General Service Behaviour",
      `${service} of more than the server's limit is BadTooManyOperations`,
      async (world) => {
        strictEqual(await world.fault(service, fields(10_001)), "BadTooManyOperations");
      },
    );
  }
});
