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
  /** Resolves when the server closed the connection. */
  closed(): Promise<void>;
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
    async closed() {
      while (await read() !== null);
    },
    [Symbol.dispose]() {
      if (open) connection.close();
      open = false;
    },
  };
}
