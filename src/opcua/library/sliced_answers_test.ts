import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  HistoryReadResponse,
  HistoryReadResult,
  MessageChunker,
  MessageSecurityMode,
  ReadResponse,
  StatusCodes,
  SymmetricAlgorithmSecurityHeader,
} from "node-opcua";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { EncodedHistoryData } from "./encoded_history.ts";
import { sendInSlices } from "./sliced_answers.ts";

const SIGNATURE_BYTES = 32;

interface Sent {
  readonly name: string;
  readonly sequence: number;
  readonly isFinal: string;
  readonly body: Buffer;
}

/** A channel that signs slowly, so that a large answer takes several slices. */
function channel(maxMessageSize = 16_777_216) {
  sendInSlices();
  const chunker = new MessageChunker({ securityMode: MessageSecurityMode.Sign, maxMessageSize });
  const sent: Sent[] = [];
  const ended: string[] = [];
  let requestId = 0;
  const send = (name: string, message: HistoryReadResponse | ReadResponse) => {
    const parameters = {
      channelId: 1,
      securityHeader: new SymmetricAlgorithmSecurityHeader({ tokenId: 1 }),
      securityOptions: {
        chunkSize: 65_535,
        requestId: ++requestId,
        signatureLength: SIGNATURE_BYTES,
        cipherBlockSize: 0,
        plainBlockSize: 0,
        sequenceHeaderSize: 8,
        signBufferFunc: () => {
          for (const endMs = performance.now() + 1; performance.now() < endMs;);
          return Buffer.alloc(SIGNATURE_BYTES, 7);
        },
      },
    };
    return chunker.chunkSecureMessage("MSG", parameters as never, message as never, (chunk) => {
      if (chunk === null) {
        ended.push(name);
        return;
      }
      sent.push({
        name,
        sequence: chunk.readUInt32LE(16),
        isFinal: String.fromCharCode(chunk.readUInt8(3)),
        body: Buffer.from(chunk.subarray(24, chunk.length - SIGNATURE_BYTES)),
      });
      ok(chunk.subarray(-SIGNATURE_BYTES).every((byte) => byte === 7), "each chunk is signed");
    });
  };
  return { send, sent, ended };
}

function large(seed: number): HistoryReadResponse {
  const bytes = new Uint8Array(2_000_000).map((_, i) => i * seed >> 3);
  const result = new HistoryReadResult({ statusCode: StatusCodes.Good });
  // the content is not decoded here
  result.historyData = new EncodedHistoryData(1, [bytes]);
  return new HistoryReadResponse({ results: [result] });
}

Deno.test("a large answer leaves turns to others, and what is sent meanwhile on its channel comes behind it", async () => {
  const { send, sent, ended } = channel();
  const [first, second] = [large(3), large(5)];
  strictEqual(send("first", first), StatusCodes.Good);
  strictEqual(sent.length, 0);
  strictEqual(send("small", new ReadResponse()), StatusCodes.Good);
  strictEqual(send("second", second), StatusCodes.Good);
  strictEqual(send("last", new ReadResponse()), StatusCodes.Good);
  let turns = 0;
  const turn = () => {
    turns++;
    if (ended.length < 4) setTimeout(turn, 0);
  };
  turn();
  await waitFor("all messages", () => ended.length === 4);
  ok(turns > 4, `${turns} turns for 62 chunks of a millisecond each`);
  deepStrictEqual(ended, ["first", "small", "second", "last"]);
  deepStrictEqual([...new Set(sent.map(({ name }) => name))], ended);
  deepStrictEqual(sent.map(({ sequence }) => sequence), sent.map((_, i) => (sent[0]?.sequence ?? 0) + i));
  for (const name of ended) {
    const finals = sent.filter((chunk) => chunk.name === name).map(({ isFinal }) => isFinal).join("");
    ok(/^C*F$/.test(finals), `${name}: ${finals}`);
  }
  for (const [name, message] of [["first", first], ["second", second]] as const) {
    const body = Buffer.concat(sent.filter((chunk) => chunk.name === name).map((chunk) => chunk.body));
    const alone = Buffer.alloc(message.binaryStoreSize());
    strictEqual(body.length, alone.length + 4, "the type's id and the message");
    const data = (message.results?.[0]?.historyData ?? null) as EncodedHistoryData;
    ok(body.includes(Buffer.from(bytesOf(data)).subarray(0, 10_000)));
  }
  // the channel is free again: what comes now goes out at once
  send("later", new ReadResponse());
  deepStrictEqual(ended.at(-1), "later");
});

Deno.test("an answer beyond what the client takes is refused at once", () => {
  const { send, sent } = channel(1_000_000);
  strictEqual(send("first", large(3)), StatusCodes.BadTcpMessageTooLarge);
  strictEqual(sent.length, 0);
});

function bytesOf(data: EncodedHistoryData): Uint8Array {
  const written: Uint8Array[] = [];
  data.encode({
    writeUInt32: () => {},
    writeArrayBuffer: (buffer: ArrayBuffer, offset: number, length: number) =>
      written.push(new Uint8Array(buffer, offset, length)),
  } as never);
  return written[0] ?? new Uint8Array();
}
