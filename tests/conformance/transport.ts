import { ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { StatusCodes } from "node-opcua";
import { frame, hello, isFault, RawClient, type RawMessage, requests } from "./raw_client.ts";
import { readOne } from "./attribute_read.ts";
import { suite } from "./suite.ts";
import { nodes, type World } from "./world.ts";

type Code = keyof typeof StatusCodes;
/**
 * `closed` stands for a connection that ends without a word, which OPC 10000-6 §7.1.5 allows to an attacked server;
 * `numbered` for the library's way to refuse a channel that it cannot secure: an Error message that has the channel's
 * number where its code belongs.
 */
type Ending = Code | "closed" | "numbered";

/** What may end a connection whatever was wrong with it (OPC 10000-6 §7.1.5). */
const general: readonly string[] = ["BadTcpInternalError", "BadCommunicationError", "BadConnectionRejected", "closed"];

const nameOf = (code: number): string =>
  Object.values(StatusCodes as unknown as Record<string, { value: number; name: string }>)
    .find(({ value }) => value === code)?.name ?? code.toString(16);

/** How the server ended the connection. */
async function ending(client: RawClient): Promise<string> {
  const message = await client.next();
  if (message === null) return "closed";
  if ("code" in message) {
    strictEqual(await client.next(), null, "the server closes after its Error message (OPC 10000-6 §7.1.2.5)");
    return message.code < 0x10000 ? "numbered" : nameOf(message.code);
  }
  if (isFault(message)) return nameOf(message.result);
  if ("tokenId" in message && message.result !== 0) return nameOf(message.result);
  return JSON.stringify(message);
}

/** Runs a test on a raw connection, and makes sure that the client in the other process never notices. */
async function beside(
  world: World,
  client: Promise<RawClient>,
  run: (client: RawClient) => Promise<void>,
): Promise<void> {
  await readOne(world, nodes.counter);
  using raw = await client;
  await run(raw);
  strictEqual((await readOne(world, nodes.counter)).value?.value, 7);
}

const said = (client: RawClient) => client.next();
const isOpen = (message: RawMessage | null) => message?.type === "OPN";

/** Messages, chunks and channels (OPC 10000-6 §6.7, §7.1), as a hostile or broken peer sends them. */
export const transport = suite(
  "Transport",
  { config: { max_message_size: 65_536, max_chunk_count: 4 } },
  (conformance) => {
    const raw = (world: World, run: (client: RawClient) => Promise<void>) =>
      beside(world, RawClient.connect(world.server.url), run);
    const opened = (world: World, run: (client: RawClient) => Promise<void>) =>
      beside(world, RawClient.opened(world.server.url), run);

    conformance(
      "Protocol UA TCP",
      "a Hello is acknowledged with buffers of at least 8192 bytes",
      (world) =>
        raw(world, async (client) => {
          await client.send(frame("HELF", hello(world.server.url)));
          const answer = await said(client);
          ok(answer !== null && "receiveBufferSize" in answer);
          ok(answer.receiveBufferSize >= 8192 && answer.sendBufferSize >= 8192);
          strictEqual(answer.maxMessageSize, 65_536);
          strictEqual(answer.maxChunkCount, 4);
        }),
    );
    conformance(
      "Protocol UA TCP",
      "a Hello of a newer protocol is acknowledged with the version that the server has",
      (world) =>
        raw(world, async (client) => {
          await client.send(frame("HELF", hello(world.server.url, { version: 999 })));
          const answer = await said(client);
          ok(answer !== null && "protocolVersion" in answer);
          strictEqual(answer.protocolVersion, 0);
        }),
    );
    conformance("Protocol UA TCP", "a Hello that comes byte by byte is read", (world) =>
      raw(world, async (client) => {
        for (const byte of frame("HELF", hello(world.server.url))) {
          await client.send(Uint8Array.of(byte));
        }
        strictEqual((await said(client))?.type, "ACK");
      }));
    conformance(
      "Protocol UA TCP",
      "a Hello without an endpoint URL does no harm",
      (world) =>
        raw(world, async (client) => {
          await client.send(frame("HELF", hello(null)));
          const answer = await said(client);
          ok(answer === null || answer.type === "ACK" || answer.type === "ERR");
        }),
    );
    for (const length of [4097, 60_000]) {
      conformance(
        "Protocol UA TCP",
        `an endpoint URL of ${length} bytes is refused (OPC 10000-6 §7.1.2.3)`,
        (world) =>
          raw(world, async (client) => {
            await client.send(frame("HELF", hello("opc.tcp://" + "x".repeat(length - 10))));
            const end = await ending(client);
            ok(["BadTcpEndpointUrlInvalid", "BadTcpMessageTooLarge", "closed", ...general].includes(end), end);
          }),
      );
    }
    for (const size of [0, 1, 1024, 8191]) {
      conformance(
        "Protocol UA TCP",
        `buffers of ${size} bytes are raised to the least of the standard, or refused`,
        (world) =>
          raw(world, async (client) => {
            await client.send(frame("HELF", hello(world.server.url, { receive: size, send: size })));
            const answer = await said(client);
            if (answer !== null && "receiveBufferSize" in answer) {
              ok(answer.receiveBufferSize >= 8192 && answer.sendBufferSize >= 8192);
            } else ok(answer === null || answer.type === "ERR");
          }),
      );
    }
    const first: readonly (readonly [string, Uint8Array, readonly Ending[]])[] = [
      ["a message type that does not exist", frame("XYZF", Buffer.alloc(20)), ["BadTcpMessageTypeInvalid", "closed"]],
      ["a Hello with the chunk type X", frame("HELX", Buffer.alloc(24)), ["BadTcpMessageTypeInvalid", "closed"]],
      ["an Acknowledge", frame("ACKF", Buffer.alloc(20)), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "closed",
      ]],
      ["a message before the Hello", frame("MSGF", Buffer.alloc(24)), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "closed",
      ]],
      ["a channel before the Hello", frame("OPNF", Buffer.alloc(100)), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "closed",
      ]],
      ["a close before the Hello", frame("CLOF", Buffer.alloc(24)), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "closed",
      ]],
      ["a Hello that claims 4 GiB", frame("HELF", hello("opc.tcp://x"), 0xffffffff), [
        "BadTcpMessageTooLarge",
        "BadCommunicationError",
        "BadTcpInternalError",
        "closed",
      ]],
      ["a Hello that claims 7 bytes", frame("HELF", hello("opc.tcp://x"), 7), [
        "BadTcpMessageTooLarge",
        "BadCommunicationError",
        "BadTcpMessageTypeInvalid",
        "BadDecodingError",
        "closed",
      ]],
      ["a Hello that claims no bytes", frame("HELF", hello("opc.tcp://x"), 0), [
        "BadTcpMessageTooLarge",
        "BadCommunicationError",
        "BadTcpMessageTypeInvalid",
        "BadDecodingError",
        "closed",
      ]],
      ["a request of the web", Buffer.from("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "BadTcpMessageTooLarge",
        "closed",
      ]],
      ["a TLS ClientHello", Buffer.from("1603010200010001fc0303" + "ab".repeat(200), "hex"), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "BadTcpMessageTooLarge",
        "closed",
      ]],
      ["nothing but zeros", Buffer.alloc(1000), [
        "BadTcpMessageTypeInvalid",
        "BadCommunicationError",
        "BadTcpMessageTooLarge",
        "closed",
      ]],
    ];
    for (const [what, bytes, endings] of first) {
      conformance(
        "Protocol UA TCP",
        `${what} at first ends the connection, and no other`,
        (world) =>
          raw(world, async (client) => {
            await client.send(bytes);
            const end = await ending(client);
            ok([...endings, ...general].includes(end), end);
          }),
      );
    }
    conformance(
      "Protocol UA TCP",
      "a connection that ends inside a Hello does no harm",
      (world) =>
        raw(world, async (client) => {
          await client.send(frame("HELF", hello(world.server.url)).subarray(0, 17));
        }),
    );
    conformance("Protocol UA TCP", "a second Hello ends the connection", (world) =>
      raw(world, async (client) => {
        await client.send(frame("HELF", hello(world.server.url)));
        strictEqual((await said(client))?.type, "ACK");
        await client.send(frame("HELF", hello(world.server.url)));
        const end = await ending(client);
        ok(
          ["BadTcpMessageTypeInvalid", "BadCommunicationError", "BadTcpInternalError", "closed", ...general].includes(
            end,
          ),
          end,
        );
      }));
    conformance(
      "Protocol UA TCP",
      "a request before the channel ends the connection",
      (world) =>
        raw(world, async (client) => {
          await client.send(frame("HELF", hello(world.server.url)));
          await said(client);
          await client.send(client.chunk(requests.getEndpoints(world.server.url)));
          const end = await ending(client);
          ok(
            [
              "BadTcpMessageTypeInvalid",
              "BadTcpSecureChannelUnknown",
              "BadSecureChannelIdInvalid",
              "BadCommunicationError",
              "closed",
              ...general,
            ].includes(end),
            end,
          );
        }),
    );

    const opening: readonly (readonly [string, Parameters<RawClient["open"]>[0], readonly Ending[]])[] = [
      ["an unknown security policy", { policy: "http://opcfoundation.org/UA/SecurityPolicy#Nonsense" }, [
        "BadSecurityPolicyRejected",
        "BadSecurityChecksFailed",
        "closed",
      ]],
      ["no security policy", { policy: null }, [
        "BadSecurityPolicyRejected",
        "BadSecurityChecksFailed",
        "BadDecodingError",
        "closed",
      ]],
      ["a security policy of 5,000 characters", { policy: "x".repeat(5000) }, [
        "BadSecurityPolicyRejected",
        "BadSecurityChecksFailed",
        "BadDecodingError",
        "BadCommunicationError",
        "closed",
      ]],
      ["the mode Sign without a policy", { mode: 2 }, [
        "numbered",
        "BadSecurityModeRejected",
        "BadSecurityChecksFailed",
        "BadSecurityPolicyRejected",
        "closed",
      ]],
      ["the mode SignAndEncrypt without a policy", { mode: 3 }, [
        "numbered",
        "BadSecurityModeRejected",
        "BadSecurityChecksFailed",
        "BadSecurityPolicyRejected",
        "closed",
      ]],
      ["an invalid mode", { mode: 0 }, ["numbered", "BadSecurityModeRejected", "BadSecurityChecksFailed", "closed"]],
      ["a body of zeros", { body: new Uint8Array(60) }, [
        "BadNotSupported",
        "BadDecodingError",
        "BadSecurityChecksFailed",
        "BadServiceUnsupported",
        "BadCommunicationError",
        "BadTcpMessageTypeInvalid",
        "closed",
      ]],
      ["no body", { body: new Uint8Array(0) }, [
        "BadDecodingError",
        "BadSecurityChecksFailed",
        "BadServiceUnsupported",
        "BadCommunicationError",
        "closed",
      ]],
      ["a body that is a Read", { body: requests.read(1) }, [
        "numbered",
        "BadDecodingError",
        "BadSecurityChecksFailed",
        "BadServiceUnsupported",
        "BadCommunicationError",
        "BadTcpMessageTypeInvalid",
        "closed",
      ]],
      ["a policy with encryption and no certificate", {
        policy: "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
        mode: 3,
      }, ["BadCertificateInvalid", "BadSecurityChecksFailed", "closed"]],
      ["a policy with encryption and a made-up certificate", {
        policy: "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
        mode: 3,
        certificate: new Uint8Array(900).fill(7),
        thumbprint: new Uint8Array(20),
      }, ["BadCertificateInvalid", "BadSecurityChecksFailed", "closed"]],
      ["a policy that is not offered", {
        policy: "http://opcfoundation.org/UA/SecurityPolicy#Basic128Rsa15",
        mode: 3,
        certificate: new Uint8Array(900).fill(7),
        thumbprint: new Uint8Array(20),
      }, ["BadSecurityPolicyRejected", "BadCertificateInvalid", "BadSecurityChecksFailed", "closed"]],
    ];
    for (const [what, changes, endings] of opening) {
      conformance(
        "UA Secure Conversation",
        `a channel with ${what} is refused`,
        (world) =>
          raw(world, async (client) => {
            await client.send(frame("HELF", hello(world.server.url)));
            await said(client);
            await client.send(client.open(changes));
            const end = await ending(client);
            ok([...endings, ...general].includes(end), end);
          }),
      );
    }
    for (const lifetimeMs of [0, 1, 4_294_967_295]) {
      conformance(
        "UA Secure Conversation",
        `a token's lifetime of ${lifetimeMs} ms is revised soundly`,
        (world) =>
          raw(world, async (client) => {
            await client.send(frame("HELF", hello(world.server.url)));
            await said(client);
            const answer = await client.openChannel({ lifetimeMs });
            ok(answer !== null && "lifetimeMs" in answer);
            ok(answer.lifetimeMs >= 1000 && answer.lifetimeMs <= 3_600_000, String(answer.lifetimeMs));
          }),
      );
    }
    conformance(
      "UA Secure Conversation",
      "a channel answers requests with their ids",
      (world) =>
        opened(world, async (client) => {
          const { sequence } = client.numbers();
          await client.send(client.chunk(requests.getEndpoints(world.server.url, 99), { sequence, requestId: 4711 }));
          const answer = await said(client);
          ok(answer !== null && "requestId" in answer);
          strictEqual(answer.requestId, 4711);
          strictEqual(answer.requestHandle, 99);
          strictEqual(answer.result, 0);
        }),
    );
    conformance(
      "UA Secure Conversation",
      "a renewed channel keeps its id and gets another token",
      (world) =>
        opened(world, async (client) => {
          const { channelId, tokenId } = client;
          ok(isOpen(await client.openChannel({ requestType: 1, channelId })));
          strictEqual(client.channelId, channelId);
          ok(client.tokenId !== tokenId);
          strictEqual((await client.ask())?.type, "MSG");
        }),
    );
    conformance(
      "UA Secure Conversation",
      "the old token counts until the new one is used",
      (world) =>
        opened(world, async (client) => {
          const { channelId, tokenId } = client;
          await client.openChannel({ requestType: 1, channelId });
          await client.send(client.chunk(requests.getEndpoints(world.server.url), { tokenId }));
          strictEqual((await said(client))?.type, "MSG");
        }),
    );
    type Wrong = (client: RawClient) => Parameters<RawClient["chunk"]>[1];
    const wrong: readonly (readonly [string, Wrong, readonly Ending[]])[] = [
      ["another channel's id", ({ channelId }) => ({ channelId: channelId + 1000 }), [
        "BadTcpSecureChannelUnknown",
        "BadSecureChannelIdInvalid",
        "BadSecurityChecksFailed",
      ]],
      ["the channel id 0", () => ({ channelId: 0 }), [
        "BadTcpSecureChannelUnknown",
        "BadSecureChannelIdInvalid",
        "BadSecurityChecksFailed",
      ]],
      ["an unknown token", ({ tokenId }) => ({ tokenId: tokenId + 1000 }), [
        "BadSecureChannelTokenUnknown",
        "BadSecurityChecksFailed",
      ]],
      ["the token 0", () => ({ tokenId: 0 }), ["BadSecureChannelTokenUnknown", "BadSecurityChecksFailed"]],
      ["a sequence number that was used", () => ({ sequence: 1, requestId: 77 }), [
        "BadSequenceNumberInvalid",
        "BadSecurityChecksFailed",
      ]],
      ["a sequence number far ahead", () => ({ sequence: 1_000_000, requestId: 77 }), [
        "BadSequenceNumberInvalid",
        "BadSecurityChecksFailed",
      ]],
      ["a chunk type that does not exist", () => ({ type: "MSGX" }), [
        "BadTcpMessageTypeInvalid",
        "BadSecurityChecksFailed",
      ]],
      ["a size of 4 GiB", () => ({ size: 0xffffffff }), ["BadTcpMessageTooLarge"]],
      ["a size beyond the agreed buffer", () => ({ size: 70_000 }), ["BadTcpMessageTooLarge"]],
      ["a size below its header", () => ({ size: 4 }), [
        "BadTcpMessageTooLarge",
        "BadTcpMessageTypeInvalid",
        "BadDecodingError",
      ]],
    ];
    for (const [what, changes, endings] of wrong) {
      conformance(
        "UA Secure Conversation",
        `a request with ${what} ends the channel, and no other`,
        (world) =>
          opened(world, async (client) => {
            strictEqual((await client.ask())?.type, "MSG");
            await client.send(client.chunk(requests.getEndpoints(world.server.url), changes(client)));
            const end = await ending(client);
            ok([...endings, ...general].includes(end), end);
          }),
      );
    }
    conformance(
      "UA Secure Conversation",
      "an OpenSecureChannel message that is replayed ends the channel",
      (world) =>
        raw(world, async (client) => {
          await client.send(frame("HELF", hello(world.server.url)));
          await said(client);
          const open = client.open();
          await client.send(open);
          ok(isOpen(await said(client)));
          await client.send(open);
          const end = await ending(client);
          ok(["BadSequenceNumberInvalid", "BadSecurityChecksFailed", ...general].includes(end), end);
        }),
    );
    conformance(
      "UA Secure Conversation",
      "a message in several chunks is put together",
      (world) =>
        opened(world, async (client) => {
          const body = requests.getEndpoints(world.server.url);
          const { sequence, requestId } = client.numbers();
          await client.send(client.chunk(body.subarray(0, 30), { type: "MSGC", sequence, requestId }));
          const next = client.numbers();
          await client.send(client.chunk(body.subarray(30), { sequence: next.sequence, requestId }));
          const answer = await said(client);
          ok(answer !== null && "result" in answer);
          strictEqual(answer.result, 0);
        }),
    );
    conformance(
      "UA Secure Conversation",
      "an aborted message is never answered",
      (world) =>
        opened(world, async (client) => {
          const body = requests.getEndpoints(world.server.url);
          const { sequence, requestId } = client.numbers();
          await client.send(client.chunk(body.subarray(0, 30), { type: "MSGC", sequence, requestId }));
          const next = client.numbers();
          const abort = Buffer.from([0, 0, 0x80, 0x80, 0xff, 0xff, 0xff, 0xff]);
          await client.send(client.chunk(abort, { type: "MSGA", sequence: next.sequence, requestId }));
          const answer = await client.ask();
          ok(!(answer !== null && "requestId" in answer && answer.requestId === requestId), JSON.stringify(answer));
        }),
    );
    for (
      const [what, chunks, bytes] of [["more chunks than agreed", 8, 100], [
        "a message over the agreed size",
        3,
        60_000,
      ]] as const
    ) {
      conformance(
        "UA Secure Conversation",
        `${what} ends the channel, before the last chunk`,
        (world) =>
          opened(world, async (client) => {
            const { requestId, sequence } = client.numbers();
            for (let i = 0; i < chunks; i++) {
              await client.send(client.chunk(Buffer.alloc(bytes), { type: "MSGC", sequence: sequence + i, requestId }));
            }
            const end = await ending(client);
            ok(["BadTcpMessageTooLarge", "BadRequestTooLarge", ...general].includes(end), end);
          }),
      );
    }
    conformance(
      "UA Secure Conversation",
      "a closed channel closes the connection without an answer",
      (world) =>
        opened(world, async (client) => {
          await client.send(client.chunk(requests.close(), { type: "CLOF" }));
          strictEqual(await ending(client), "closed");
        }),
    );
    conformance(
      "UA Secure Conversation",
      "two requests with one id do no harm",
      (world) =>
        opened(world, async (client) => {
          const both = [client.numbers(), client.numbers()].map(({ sequence }) =>
            client.chunk(requests.getEndpoints(world.server.url), { sequence, requestId: 99 })
          );
          await client.send(Buffer.concat(both));
          const answer = await said(client);
          ok(answer === null || answer.type === "MSG" || answer.type === "ERR");
        }),
    );
    conformance(
      "UA Secure Conversation",
      "requests in one piece of TCP are told apart",
      (world) =>
        opened(world, async (client) => {
          const body = requests.getEndpoints(world.server.url);
          await client.send(Buffer.concat([client.chunk(body), client.chunk(body), client.chunk(body)]));
          for (let i = 0; i < 3; i++) strictEqual((await said(client))?.type, "MSG");
        }),
    );
    conformance(
      "UA Secure Conversation",
      "a connection that ends inside a request does no harm",
      (world) =>
        opened(world, async (client) => {
          await client.send(client.chunk(requests.getEndpoints(world.server.url)).subarray(0, 40));
        }),
    );

    const unreadable: readonly Ending[] = ["BadDecodingError", "BadEncodingLimitsExceeded"];
    const unsupported: readonly Ending[] = ["BadServiceUnsupported", "BadNotSupported", "BadDecodingError"];
    const bodies: readonly (readonly [string, (world: World) => Uint8Array, readonly Ending[]])[] = [
      ["a service that does not exist", () => requests.ofType(65_000), unsupported],
      ["a node id that is no message", () => requests.ofType(2259), unsupported],
      ["a response in place of a request", () => requests.ofType(431), unsupported],
      ["no body", () => new Uint8Array(0), unreadable],
      ["a body of one byte", () => Uint8Array.of(1), unreadable],
      ["an unknown encoding of a node id", () => new Uint8Array(40).fill(0x3f), [...unreadable, ...unsupported]],
      ["a request that ends inside its header", () => requests.ofType(428).subarray(0, 15), unreadable],
      ["a string longer than the message", () => requests.cut(1000), unreadable],
      ["a string of 2 GiB", () => requests.cut(0x7fffffff), unreadable],
      ["a string of a negative length", () => requests.cut(0xfffffff0), unreadable],
      ["an array of 2 G elements", (world) => requests.hugeArray(world.server.url, 0x7fffffff), unreadable],
      ["an array of 100,000 missing elements", (world) => requests.hugeArray(world.server.url, 100_000), unreadable],
    ];
    for (const [what, body, endings] of bodies) {
      conformance(
        "UA Binary Encoding",
        `${what} is answered with a fault, or the end`,
        (world) =>
          opened(world, async (client) => {
            await client.send(client.chunk(body(world)));
            const end = await ending(client);
            ok([...endings, ...general].includes(end), end);
          }),
      );
    }
    conformance("UA Binary Encoding", "bytes behind a request do no harm", (world) =>
      opened(world, async (client) => {
        await client.send(client.chunk(Buffer.concat([requests.getEndpoints(world.server.url), Buffer.alloc(50)])));
        const answer = await said(client);
        ok(answer === null || answer.type === "MSG" || answer.type === "ERR");
      }));
  },
  10,
);
