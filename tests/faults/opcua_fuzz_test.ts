import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { type OpcUaClientProcess, type ServiceAnswer, startOpcUaClient } from "../lib/opcua_client_process.ts";

const DEV = "0102030405060708";
const node = `ns=2;s=${DEV}/temperature`;

/** Splits what went over the wire into its messages (OPC 10000-6 §7.1.2.2). */
function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32LE(at + 4);
    if (size < 8 || at + size > bytes.length) break;
    messages.push(bytes.subarray(at, at + size));
    at += size;
  }
  return messages;
}

/** A proxy in front of the server that can look at, and change, what clients send. */
async function proxyTo(
  url: string,
  onSent: (data: Buffer) => Buffer,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets: Socket[] = [];
  const { hostname, port } = new URL(url.replace("opc.tcp", "http"));
  const proxy = createServer((inner: Socket) => {
    const outer = connect({ host: hostname, port: Number(port) });
    sockets.push(inner, outer);
    for (const socket of [inner, outer]) socket.on("error", () => {});
    inner.on("data", (data: Uint8Array) => outer.write(onSent(Buffer.from(data))));
    outer.on("data", (data: Uint8Array) => inner.write(data));
    inner.on("close", () => outer.destroy());
    outer.on("close", () => inner.destroy());
  });
  const here = await new Promise<number>((resolve) =>
    proxy.listen(0, "127.0.0.1", () => resolve((proxy.address() as { port: number }).port))
  );
  return {
    url: `opc.tcp://127.0.0.1:${here}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

const event = {
  $type: "EventFilter",
  selectClauses: [{ typeDefinitionId: "i=2041", browsePath: [{ name: "Message" }], attributeId: 13 }],
};
const item = (nodeId: string, attributeId: number, filter: object) => ({
  itemToMonitor: { nodeId, attributeId },
  monitoringMode: 2,
  requestedParameters: { clientHandle: 1, samplingInterval: 100, queueSize: 3, filter },
});

/** Requests of every service that a client of ours has, for a session with subscription 1. */
const requests: readonly (readonly [string, Record<string, unknown>])[] = [
  ["Browse", {
    requestedMaxReferencesPerNode: 3,
    nodesToBrowse: [{ nodeId: "i=84", referenceTypeId: "i=33", includeSubtypes: true, resultMask: 63 }],
  }],
  ["BrowseNext", { continuationPoints: [{ $bytes: "0102030405060708" }] }],
  ["Read", { timestampsToReturn: 2, nodesToRead: [node, "i=2258"].map((nodeId) => ({ nodeId, attributeId: 13 })) }],
  ["Write", { nodesToWrite: [{ nodeId: node, attributeId: 13, value: { value: { dataType: 11, value: 1.5 } } }] }],
  ["TranslateBrowsePathsToNodeIds", {
    browsePaths: [{
      startingNode: "i=85",
      relativePath: {
        elements: [{
          referenceTypeId: "i=33",
          includeSubtypes: true,
          targetName: { namespaceIndex: 0, name: "Server" },
        }],
      },
    }],
  }],
  ["RegisterNodes", { nodesToRegister: [node] }],
  ["UnregisterNodes", { nodesToUnregister: [node] }],
  ["HistoryRead", {
    historyReadDetails: { $type: "ReadRawModifiedDetails", startTime: { $date: 0 }, endTime: { $date: 1e12 } },
    timestampsToReturn: 2,
    nodesToRead: [{ nodeId: node }],
  }],
  ["HistoryRead", {
    historyReadDetails: { $type: "ReadAtTimeDetails", reqTimes: [{ $date: 1e12 }] },
    timestampsToReturn: 2,
    nodesToRead: [{ nodeId: node }],
  }],
  ["HistoryRead", {
    historyReadDetails: {
      $type: "ReadProcessedDetails",
      startTime: { $date: 0 },
      endTime: { $date: 1e7 },
      processingInterval: 1e6,
      aggregateType: ["i=2342"],
    },
    timestampsToReturn: 2,
    nodesToRead: [{ nodeId: node }],
  }],
  ["CreateSubscription", {
    requestedPublishingInterval: 1000,
    requestedLifetimeCount: 100,
    requestedMaxKeepAliveCount: 10,
    publishingEnabled: true,
  }],
  ["ModifySubscription", { subscriptionId: 1, requestedPublishingInterval: 2000 }],
  ["CreateMonitoredItems", {
    subscriptionId: 1,
    timestampsToReturn: 2,
    itemsToCreate: [
      item(node, 13, { $type: "DataChangeFilter", trigger: 1, deadbandType: 1, deadbandValue: 0.5 }),
      item("i=2253", 12, event),
    ],
  }],
  ["SetMonitoringMode", { subscriptionId: 1, monitoringMode: 1, monitoredItemIds: [1] }],
  ["SetTriggering", { subscriptionId: 1, triggeringItemId: 1, linksToAdd: [2], linksToRemove: [] }],
  ["DeleteMonitoredItems", { subscriptionId: 1, monitoredItemIds: [1] }],
  ["Call", {
    methodsToCall: [{
      objectId: "i=2253",
      methodId: "i=11492",
      inputArguments: [{ $type: "Variant", dataType: 7, value: 1 }],
    }],
  }],
  ["SetPublishingMode", { publishingEnabled: false, subscriptionIds: [1] }],
  ["Republish", { subscriptionId: 1, retransmitSequenceNumber: 1 }],
  ["TransferSubscriptions", { subscriptionIds: [1], sendInitialValues: true }],
  ["DeleteSubscriptions", { subscriptionIds: [1] }],
];

/** What a client says in the clear while it uses every service: one message each. */
async function recordConversation(client: OpcUaClientProcess, url: string): Promise<Buffer[]> {
  const said: Buffer[] = [];
  await using proxy = await proxyTo(url, (data) => {
    said.push(data);
    return data;
  });
  const id = await client.connect(proxy.url, { policy: "None", mode: "None" });
  for (const [service, fields] of requests) await client.call<ServiceAnswer>("service", { id, service, fields });
  await client.call("close", { id });
  return messagesOf(Buffer.concat(said));
}

/** A connection in the clear with an open channel, that sends a message as if it belonged there. */
async function speak(port: number, opening: readonly Buffer[], message: Buffer): Promise<void> {
  const [hello, open] = opening;
  assert.ok(hello && open);
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", resolve));
  let heard = Buffer.alloc(0);
  const waiting = new Set<() => void>();
  socket.on("data", (data: Uint8Array) => {
    heard = Buffer.concat([heard, data]);
    for (const look of waiting) look();
  });
  const answers = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => messagesOf(heard).length >= count && resolve();
      waiting.add(look);
      void closed.then(() => resolve());
      look();
    });
  socket.write(hello);
  await answers(1);
  socket.write(open);
  await answers(2);
  const opened = messagesOf(heard)[1];
  if (opened !== undefined && opened.length > 12 && message.length >= 20) {
    // the channel is the new one's, with its first token; the number is the one behind the opening's, which stands behind
    // the policy's name and two empty certificates
    opened.copy(message, 8, 8, 12);
    message.writeUInt32LE(1, 12);
    message.writeUInt32LE(open.readUInt32LE(12 + 4 + open.readUInt32LE(12) + 8) + 1, 16);
  }
  socket.write(message);
  // an answer, an error message or a closed connection; what the server waits for more of is left alone
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([answers(3), new Promise<void>((resolve) => timer = setTimeout(resolve, 30))]);
  clearTimeout(timer);
  socket.destroy();
  await closed;
}

const place = fc.double({ min: 0, max: 1, noNaN: true });
/** A byte, a word of a length or count, a cut, another message's tail. */
const change = fc.oneof(
  fc.record({ kind: fc.constant("byte" as const), at: place, value: fc.nat(255) }),
  fc.record({
    kind: fc.constant("word" as const),
    at: place,
    value: fc.constantFrom(0xffffffff, 0x7fffffff, 0x80000000, 0x01000000, 0),
  }),
  fc.record({ kind: fc.constant("cut" as const), at: place }),
  fc.record({ kind: fc.constant("splice" as const), at: place, other: fc.nat(100) }),
);
type Change = typeof change extends fc.Arbitrary<infer One> ? One : never;

/** The message with another body; the header in front of it, 24 bytes, stays but for its length. */
function changed(original: Buffer, changes: readonly Change[], others: readonly Buffer[]): Buffer {
  let message = Buffer.from(original);
  for (const one of changes) {
    const at = 24 + Math.floor(one.at * Math.max(0, message.length - 28));
    if (one.kind === "byte" && at < message.length) message[at] = one.value;
    else if (one.kind === "word" && at + 4 <= message.length) message.writeUInt32LE(one.value, at);
    else if (one.kind === "cut") message = message.subarray(0, Math.max(24, at));
    else if (one.kind === "splice") {
      const other = others[one.other % others.length] ?? message;
      message = Buffer.concat([message.subarray(0, at), other.subarray(Math.min(at, other.length))]);
    }
  }
  message.writeUInt32LE(message.length, 4);
  return message;
}

Deno.test("whatever a client's messages become on the way, the server goes on", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "temperature")],
    config: { security_policies: ["None", "Basic256Sha256"], max_connections_per_address: 1000, max_connections: 1000 },
  });
  await using client = await startOpcUaClient();
  const said = await recordConversation(client, server.url);
  const kind = (message: Buffer) => message.subarray(0, 3).toString();
  const hello = said.find((message) => kind(message) === "HEL");
  const open = said.find((message) => kind(message) === "OPN");
  assert.ok(hello && open);
  const spoken = said.filter((message) => kind(message) === "MSG");
  assert.ok(spoken.length >= requests.length, `${spoken.length} messages`);
  const port = Number(new URL(server.url.replace("opc.tcp", "http")).port);

  await fc.assert(
    fc.asyncProperty(fc.nat(1000), fc.array(change, { minLength: 1, maxLength: 4 }), async (which, changes) => {
      const message = changed(spoken[which % spoken.length] ?? hello, changes, spoken);
      await speak(port, [hello, open], message);
    }),
    { numRuns: 600 },
  );

  const id = await client.connect(server.url);
  const [value] = await client.call<{ statusName: string }[]>("read", { id, nodes: [node] });
  assert.equal(value?.statusName, "BadWaitingForInitialData");
});

Deno.test("whatever becomes of the requests of a session, the server goes on and others keep theirs", async () => {
  await using server = await startTestServer({
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "temperature")],
    config: { security_policies: ["None", "Basic256Sha256"], max_connections_per_address: 1000, max_connections: 1000 },
  });
  await using client = await startOpcUaClient();
  await using honest = await startOpcUaClient();
  const id = await honest.connect(server.url);
  const others = (await recordConversation(client, server.url)).filter((one) =>
    one.subarray(0, 3).toString() === "MSG"
  );
  let next: readonly Change[] | null = null;
  await using proxy = await proxyTo(server.url, (data) => {
    if (next === null || data.subarray(0, 3).toString() !== "MSG") return data;
    const changes = next;
    next = null;
    return changed(data, changes, others);
  });
  let session: number | null = null;
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(requests.length - 1),
      fc.array(change, { minLength: 1, maxLength: 2 }),
      async (which, changes) => {
        const [service, fields] = requests[which] ?? requests[0] ?? ["", {}];
        session ??= await client.connect(proxy.url, { policy: "None", mode: "None", keepAlive: false });
        next = changes;
        let timer: ReturnType<typeof setTimeout> | undefined;
        // a changed request id has an answer that the client cannot place
        const late = new Promise<null>((resolve) => timer = setTimeout(resolve, 200, null));
        const answer = await Promise.race([
          client.call<ServiceAnswer>("service", { id: session, service, fields }).catch(() => null),
          late,
        ]);
        clearTimeout(timer);
        next = null;
        if (answer !== null) answered++;
        else {
          await client.call("drop", { id: session }).catch(() => {});
          session = null;
        }
      },
    ),
    { numRuns: 250 },
  );
  assert.ok(answered > 50, `only ${answered} changed requests were understood`);
  const [value] = await honest.call<{ statusName: string }[]>("read", { id, nodes: [node] });
  assert.equal(value?.statusName, "BadWaitingForInitialData");
});
