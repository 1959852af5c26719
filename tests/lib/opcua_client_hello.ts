/** What a server announces in its Acknowledge message (OPC 10000-6 §7.1.2.4). */
export interface Acknowledge {
  readonly receiveBufferSize: number;
  readonly sendBufferSize: number;
  readonly maxMessageSize: number;
  readonly maxChunkCount: number;
}

/** An `opc.tcp` connection at the level of bytes, for what a proper client never does. */
export interface RawConnection extends Disposable {
  /** Sends a Hello and reads the Acknowledge; `null` when the server hung up instead. */
  hello(wanted?: Partial<Acknowledge>): Promise<Acknowledge | null>;
  /** Sends bytes as they are. */
  send(bytes: Uint8Array): Promise<void>;
  /** Resolves when the server closed the connection. */
  closed(): Promise<void>;
}

/** One chunk of an OpenSecureChannel message without security (OPC 10000-6 §6.7.2), with `bodyBytes` zeros as its body. */
export function openChunk(bodyBytes: number, final: "C" | "F"): Uint8Array {
  const policy = new TextEncoder().encode("http://opcfoundation.org/UA/SecurityPolicy#None");
  const chunk = new Uint8Array(32 + policy.length + bodyBytes);
  const view = new DataView(chunk.buffer);
  chunk.set(new TextEncoder().encode(`OPN${final}`));
  view.setUint32(4, chunk.length, true);
  view.setUint32(12, policy.length, true);
  chunk.set(policy, 16);
  // neither certificate nor thumbprint; then sequence number and request id
  [0xffffffff, 0xffffffff, 1, 1].forEach((word, i) => view.setUint32(16 + policy.length + i * 4, word, true));
  return chunk;
}

/** Opens a connection to the port of `url` on loopback. */
export async function connectRaw(url: string): Promise<RawConnection> {
  const port = Number(new URL(url.replace("opc.tcp", "http")).port);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let open = true;
  const read = async (): Promise<Uint8Array | null> => {
    const buffer = new Uint8Array(1024);
    try {
      const count = await connection.read(buffer);
      return count === null ? null : buffer.subarray(0, count);
    } catch {
      return null;
    }
  };
  return {
    async hello(wanted = {}) {
      const endpoint = new TextEncoder().encode(url);
      const message = new DataView(new ArrayBuffer(32 + endpoint.length));
      [72, 69, 76, 70].forEach((byte, i) => message.setUint8(i, byte)); // HELF
      const words = [message.byteLength, 0, wanted.receiveBufferSize ?? 65_535, wanted.sendBufferSize ?? 65_535];
      words.push(wanted.maxMessageSize ?? 0, wanted.maxChunkCount ?? 0, endpoint.length);
      words.forEach((word, i) => message.setUint32(4 + i * 4, word, true));
      new Uint8Array(message.buffer).set(endpoint, 32);
      await connection.write(new Uint8Array(message.buffer)).catch(() => {});
      const answer = await read();
      if (answer === null || answer.length < 28) return null;
      const view = new DataView(answer.buffer, answer.byteOffset);
      return {
        receiveBufferSize: view.getUint32(12, true),
        sendBufferSize: view.getUint32(16, true),
        maxMessageSize: view.getUint32(20, true),
        maxChunkCount: view.getUint32(24, true),
      };
    },
    async send(bytes) {
      for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
    },
    async closed() {
      while (await read() !== null);
    },
    [Symbol.dispose]() {
      if (open) connection.close();
      open = false;
    },
  };
}
