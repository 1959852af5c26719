import { setImmediate } from "node:timers/promises";
import { HistoryReadResponse, MessageChunker, type StatusCode, StatusCodes } from "node-opcua";
import { EncodedHistoryData } from "./encoded_history.ts";

/** Answers of so many bytes are signed and encrypted in slices: a smaller one takes a few ms. */
const LARGE_BYTES = 400_000;
/** Longest time that a slice may take, ms. */
const SLICE_MS = 6;

type Send = (chunk: Uint8Array | null) => void;

interface SecurityOptions {
  readonly signBufferFunc?: (bytes: Uint8Array) => Uint8Array;
  readonly signBufferAsyncFunc?: (bytes: Uint8Array) => Promise<Uint8Array>;
}

interface SendParameters {
  readonly securityOptions: SecurityOptions;
}

/** The part of the library that makes chunks of a message, one for each channel. */
interface Chunker {
  maxBodySize(kind: string, parameters: SendParameters): number;
  chunkSecureMessage(kind: string, parameters: SendParameters, message: unknown, send: Send): StatusCode;
  chunkSecureMessageAsync(kind: string, parameters: SendParameters, message: unknown, send: Send): Promise<StatusCode>;
}

/** Settles when everything that was begun on a channel before is on its way; missing when nothing waits. */
const busy = new WeakMap<Chunker, Promise<void>>();
let installed = false;

/**
 * Signs and encrypts large answers of HistoryRead with turns of the event loop in between. The library does all chunks in
 * one turn, at about 14 ms a MB.
 *
 * It can do otherwise, for keys that are kept elsewhere: the signature of a chunk may be a promise. Sequence numbers are
 * given to all chunks at once then, and chunks of two messages must not mix (OPC 10000-6 §6.7.2.4), so that whatever is
 * sent on the channel meanwhile is made at once and waits for its turn.
 */
export function sendInSlices(): void {
  if (installed) return;
  installed = true;
  const prototype = MessageChunker.prototype as unknown as Chunker;
  const atOnce = prototype.chunkSecureMessage;
  prototype.chunkSecureMessage = function (this: Chunker, kind, parameters, message, send): StatusCode {
    const before = busy.get(this);
    if (isLarge(message) && parameters.securityOptions.signBufferFunc !== undefined) {
      const most = this.maxBodySize(kind, parameters);
      // what is refused is refused by the library, at once
      if (most === 0 || sizeOf(message) < most) {
        follow(this, begin(this, kind, parameters, message, send, before));
        return StatusCodes.Good;
      }
    }
    if (before === undefined) return atOnce.call(this, kind, parameters, message, send);
    const chunks: (Uint8Array | null)[] = [];
    const status = atOnce.call(this, kind, parameters, message, (chunk) => chunks.push(chunk));
    follow(this, before.then(() => chunks.forEach(send)));
    return status;
  };
}

async function begin(
  chunker: Chunker,
  kind: string,
  parameters: SendParameters,
  message: unknown,
  send: Send,
  before: Promise<void> | undefined,
): Promise<void> {
  const { signBufferFunc: sign, ...options } = parameters.securityOptions;
  // the first slice waits for a turn too: this one has copied the whole message
  let endMs = 0;
  let waits = before;
  const signBufferAsyncFunc = async (bytes: Uint8Array): Promise<Uint8Array> => {
    await waits;
    waits = undefined;
    if (performance.now() >= endMs) {
      await setImmediate();
      endMs = performance.now() + SLICE_MS;
    }
    return (sign as (bytes: Uint8Array) => Uint8Array)(bytes);
  };
  await chunker.chunkSecureMessageAsync(
    kind,
    { ...parameters, securityOptions: { ...options, signBufferAsyncFunc } },
    message,
    send,
  );
}

/** Keeps the channel busy until `done`. A failure is that of a connection which is gone: nothing more can be sent on it. */
function follow(chunker: Chunker, done: Promise<void>): void {
  const settled = done.catch(() => {}).then(() => {
    if (busy.get(chunker) === settled) busy.delete(chunker);
  });
  busy.set(chunker, settled);
}

function isLarge(message: unknown): message is HistoryReadResponse {
  return message instanceof HistoryReadResponse && sizeOf(message) >= LARGE_BYTES;
}

/** Bytes of the answer, about: its encoded values, and more than what stands around them. */
function sizeOf({ results }: HistoryReadResponse): number {
  return (results ?? []).reduce(
    (sum, { historyData }) =>
      sum + 64 + (historyData instanceof EncodedHistoryData ? historyData.binaryStoreSize() : 0),
    256,
  );
}
