import { Buffer } from "node:buffer";

/** Numbers of the binary encodings of the messages used here (OPC 10000-6, NodeIds.csv). */
const ENCODING = {
  getEndpoints: 428,
  findServers: 422,
  openChannel: 446,
  closeChannel: 452,
  read: 631,
  createSession: 461,
} as const;
const FAULT = 397;
const OPEN_RESPONSE = 449;
export const POLICY_NONE = "http://opcfoundation.org/UA/SecurityPolicy#None";

/** A message as it came from the server. */
export type RawMessage =
  | {
    readonly type: "ACK";
    readonly receiveBufferSize: number;
    readonly sendBufferSize: number;
    readonly maxMessageSize: number;
    readonly maxChunkCount: number;
    readonly protocolVersion: number;
  }
  | { readonly type: "ERR"; readonly code: number; readonly reason: string }
  | {
    readonly type: "OPN";
    readonly result: number;
    readonly channelId: number;
    readonly tokenId: number;
    readonly lifetimeMs: number;
  }
  | {
    readonly type: "MSG";
    readonly encoding: number;
    readonly result: number;
    readonly requestId: number;
    readonly requestHandle: number;
  }
  | { readonly type: string };

/** Little-endian writing of the few types that the messages here are made of. */
class Writer {
  readonly #parts: Buffer[] = [];
  u32(...values: readonly number[]): this {
    for (const value of values) {
      const part = Buffer.alloc(4);
      part.writeUInt32LE(value >>> 0);
      this.#parts.push(part);
    }
    return this;
  }
  bytes(...values: readonly number[]): this {
    this.#parts.push(Buffer.from(values));
    return this;
  }
  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }
  string(text: string | Uint8Array | null): this {
    if (text === null) return this.u32(0xffffffff);
    const bytes = Buffer.from(text);
    return this.u32(bytes.length).raw(bytes);
  }
  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** A message with its size filled in, or whatever the test claims instead. */
export function frame(type: string, body: Uint8Array, size?: number): Buffer {
  return Buffer.concat([Buffer.from(type, "latin1"), new Writer().u32(size ?? body.length + 8).done(), body]);
}

/** The body of a Hello. */
export function hello(
  url: string | null,
  changes: Partial<Record<"version" | "receive" | "send" | "message" | "chunks", number>> = {},
): Buffer {
  const { version = 0, receive = 65_535, send = 65_535, message = 0, chunks = 0 } = changes;
  return new Writer().u32(version, receive, send, message, chunks).string(url).done();
}

function nodeId(encoding: number): Buffer {
  return Buffer.from([1, 0, encoding & 0xff, encoding >> 8]);
}

function requestHeader(requestHandle: number, token: Uint8Array = Buffer.from([0, 0])): Buffer {
  return new Writer().raw(token).raw(Buffer.alloc(8)).u32(requestHandle, 0).string(null).u32(0).bytes(0, 0, 0).done();
}

/** What an OpenSecureChannel request may have wrong. */
export interface OpenChanges {
  readonly channelId?: number;
  readonly policy?: string | null;
  readonly certificate?: Uint8Array | null;
  readonly thumbprint?: Uint8Array | null;
  readonly sequence?: number;
  readonly requestId?: number;
  /** 0 issue, 1 renew. */
  readonly requestType?: number;
  readonly mode?: number;
  readonly nonce?: Uint8Array | null;
  readonly lifetimeMs?: number;
  readonly body?: Uint8Array;
}

/** A request as bytes: the encoding's number and the fields. */
export const requests = {
  getEndpoints: (url: string, handle = 1): Buffer =>
    new Writer().raw(nodeId(ENCODING.getEndpoints)).raw(requestHeader(handle)).string(url).u32(0xffffffff, 0xffffffff)
      .done(),
  /** With an endpoint URL of which only the length is there. */
  cut: (length: number): Buffer =>
    new Writer().raw(nodeId(ENCODING.getEndpoints)).raw(requestHeader(1)).u32(length).done(),
  /** With a list of locales that claims to be this long. */
  hugeArray: (url: string, length: number): Buffer =>
    new Writer().raw(nodeId(ENCODING.getEndpoints)).raw(requestHeader(1)).string(url).u32(length).done(),
  ofType: (encoding: number, handle = 1): Buffer =>
    new Writer().raw(nodeId(encoding)).raw(requestHeader(handle)).done(),
  /** A Read of `count` times the server's state. */
  read: (count: number): Buffer => {
    const writer = new Writer().raw(nodeId(ENCODING.read)).raw(requestHeader(1)).raw(Buffer.alloc(8)).u32(2, count);
    const node = Buffer.concat([nodeId(2259), new Writer().u32(13).string(null).bytes(0, 0).string(null).done()]);
    for (let i = 0; i < count; i++) writer.raw(node);
    return writer.done();
  },
  close: (): Buffer => requests.ofType(ENCODING.closeChannel),
};

/** An `opc.tcp` connection at the level of bytes, for everything that a proper client never sends. */
export class RawClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #url: string;
  #buffered = Buffer.alloc(0);
  #open = true;
  #sequence = 0;
  #request = 0;
  channelId = 0;
  tokenId = 0;

  private constructor(connection: Deno.TcpConn, url: string) {
    this.#connection = connection;
    this.#url = url;
  }

  /** Connects to the port of `url` on loopback. */
  static async connect(url: string): Promise<RawClient> {
    const port = Number(new URL(url.replace("opc.tcp", "http")).port);
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }), url);
  }

  /** Connects, says hello and opens a channel without security, as for discovery. */
  static async opened(url: string, limits: Parameters<typeof hello>[1] = {}): Promise<RawClient> {
    const client = await RawClient.connect(url);
    await client.send(frame("HELF", hello(url, limits)));
    const acknowledge = await client.next();
    const answer = acknowledge?.type === "ACK" ? await client.openChannel() : acknowledge;
    if (answer?.type !== "OPN") throw new Error(`no channel: ${JSON.stringify(answer)}`);
    return client;
  }

  /** Sends bytes; a connection that the other side closed takes them silently. */
  async send(bytes: Uint8Array): Promise<void> {
    try {
      let sent = 0;
      while (sent < bytes.length) sent += await this.#connection.write(bytes.subarray(sent));
    } catch {
      // the server hung up in the middle: the test sees it by reading
    }
  }

  /** The next sequence number and request id. */
  numbers(): { sequence: number; requestId: number } {
    return { sequence: ++this.#sequence, requestId: ++this.#request };
  }

  /** An OpenSecureChannel message. */
  open(changes: OpenChanges = {}): Buffer {
    const own = this.numbers();
    const { channelId = 0, policy = POLICY_NONE, certificate = null, thumbprint = null, requestType = 0, mode = 1 } =
      changes;
    const { nonce = null, lifetimeMs = 60_000, sequence = own.sequence, requestId = own.requestId } = changes;
    const body = changes.body ??
      new Writer().raw(nodeId(ENCODING.openChannel)).raw(requestHeader(requestId)).u32(0, requestType, mode)
        .string(nonce).u32(lifetimeMs).done();
    const header = new Writer().u32(channelId).string(policy).string(certificate).string(thumbprint).u32(
      sequence,
      requestId,
    );
    return frame("OPNF", header.raw(body).done());
  }

  /** Opens or renews the channel and keeps its numbers. */
  async openChannel(changes: OpenChanges = {}): Promise<RawMessage | null> {
    await this.send(this.open(changes));
    const answer = await this.next();
    if (answer?.type === "OPN" && "tokenId" in answer) {
      this.channelId = answer.channelId;
      this.tokenId = answer.tokenId;
    }
    return answer;
  }

  /** A chunk of a request on the channel; every number can be replaced. */
  chunk(
    body: Uint8Array,
    changes: {
      type?: string;
      channelId?: number;
      tokenId?: number;
      sequence?: number;
      requestId?: number;
      size?: number;
    } = {},
  ): Buffer {
    const own = changes.sequence === undefined || changes.requestId === undefined
      ? this.numbers()
      : { sequence: 0, requestId: 0 };
    const { type = "MSGF", channelId = this.channelId, tokenId = this.tokenId } = changes;
    const { sequence = own.sequence, requestId = own.requestId } = changes;
    const header = new Writer().u32(channelId, tokenId, sequence, requestId).done();
    return frame(type, Buffer.concat([header, body]), changes.size);
  }

  /** Asks for the endpoints and answers what came. */
  async ask(): Promise<RawMessage | null> {
    await this.send(this.chunk(requests.getEndpoints(this.#url)));
    return await this.next();
  }

  /** The next message; `null` when the server hung up. Chunks of a response are passed over up to the last. */
  async next(): Promise<RawMessage | null> {
    for (;;) {
      const size = this.#buffered.length < 8 ? 0 : this.#buffered.readUInt32LE(4);
      if (size > 0 && this.#buffered.length >= size) {
        const message = this.#buffered.subarray(0, size);
        this.#buffered = this.#buffered.subarray(size);
        if (message[3] === 67) continue; // C: more to come
        return parse(message);
      }
      const bytes = Buffer.alloc(65_536);
      let count: number | null;
      try {
        count = await this.#connection.read(bytes);
      } catch {
        return null;
      }
      if (count === null) return null;
      this.#buffered = Buffer.concat([this.#buffered, bytes.subarray(0, count)]);
    }
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#connection.close();
    this.#open = false;
  }
}

function parse(message: Buffer): RawMessage {
  const type = message.toString("latin1", 0, 3);
  const u32 = (at: number) => message.readUInt32LE(at);
  switch (type) {
    case "ACK":
      return {
        type,
        protocolVersion: u32(8),
        receiveBufferSize: u32(12),
        sendBufferSize: u32(16),
        maxMessageSize: u32(20),
        maxChunkCount: u32(24),
      };
    case "ERR":
      return { type, code: u32(8), reason: message.toString("utf8", 16) };
    case "OPN": {
      let at = 12;
      for (let i = 0; i < 3; i++) at += 4 + Math.max(0, message.readInt32LE(at));
      at += 8;
      const encoding = message.readUInt16LE(at + 2);
      const result = u32(at + 16);
      if (encoding !== OPEN_RESPONSE) return { type, result, channelId: 0, tokenId: 0, lifetimeMs: 0 };
      // behind the response header: version, then the token
      const token = at + 4 + 24 + 4;
      return { type, result, channelId: u32(token), tokenId: u32(token + 4), lifetimeMs: u32(token + 16) };
    }
    case "MSG": {
      const encoding = message.readUInt16LE(26);
      return { type, encoding, requestId: u32(20), requestHandle: u32(36), result: u32(40) };
    }
    default:
      return { type };
  }
}

/** Whether a message is a ServiceFault. */
export function isFault(message: RawMessage | null): message is Extract<RawMessage, { encoding: number }> {
  return message !== null && "encoding" in message && message.encoding === FAULT;
}
