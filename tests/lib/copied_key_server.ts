import { Buffer } from "node:buffer";
import { createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";

/**
 * A TLS 1.3 server (RFC 8446) that shows a certificate whose private key it does not have: its CertificateVerify is
 * noise. What a man in the middle can do who saw the certificate of the real server, as everybody may.
 */
export class CopiedKeyServer implements AsyncDisposable {
  /** Bytes of records that clients sent after the server's flight, encrypted. */
  received = 0;
  readonly #server;
  readonly #sockets = new Set<Socket>();

  private constructor(certificate: Uint8Array) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      let buffered = Buffer.alloc(0);
      let answered = false;
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("data", (chunk: Uint8Array) => {
        if (answered) {
          this.received += chunk.length;
          return;
        }
        buffered = Buffer.concat([buffered, chunk]);
        if (buffered.length < 5 || buffered.length < 5 + buffered.readUInt16BE(3)) return;
        answered = true;
        socket.write(serverFlight(buffered.subarray(5, 5 + buffered.readUInt16BE(3)), certificate));
      });
    });
  }

  /** @param certificate DER */
  static async start(certificate: Uint8Array): Promise<CopiedKeyServer> {
    const server = new CopiedKeyServer(certificate);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const hash = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const hmac = (key: Uint8Array, data: Uint8Array) => createHmac("sha256", key).update(data).digest();
const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const message = (type: number, body: Uint8Array) => Buffer.concat([Buffer.from([type, 0]), u16(body.length), body]);

function expandLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  const name = Buffer.from(`tls13 ${label}`);
  const info = [u16(length), Buffer.from([name.length]), name, Buffer.from([context.length]), context];
  return hmac(secret, Buffer.concat([...info, Buffer.from([1])])).subarray(0, length);
}

function serverFlight(clientHello: Uint8Array, certificate: Uint8Array): Uint8Array {
  const { sessionId, share } = readClientHello(Buffer.from(clientHello));
  const own = generateKeyPairSync("x25519");
  const ownShare = own.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const serverHello = message(
    2,
    Buffer.concat([
      Buffer.from([3, 3]),
      randomBytes(32),
      Buffer.from([sessionId.length]),
      sessionId,
      Buffer.from([0x13, 0x01, 0]),
      u16(46),
      Buffer.from([0, 0x2b, 0, 2, 3, 4, 0, 0x33, 0, 36, 0, 0x1d, 0, 32]),
      ownShare,
    ]),
  );
  const peer = createPublicKey({
    key: Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), share]),
    format: "der",
    type: "spki",
  });
  const shared = diffieHellman({
    privateKey: createPrivateKey(own.privateKey.export({ type: "pkcs8", format: "pem" })),
    publicKey: peer,
  });
  const early = hmac(Buffer.alloc(32), Buffer.alloc(32));
  const handshake = hmac(expandLabel(early, "derived", hash(), 32), shared);
  const traffic = expandLabel(handshake, "s hs traffic", hash(clientHello, serverHello), 32);
  const list = Buffer.concat([Buffer.from([0]), u16(certificate.length), certificate, u16(0)]);
  const messages = [
    message(8, u16(0)),
    message(11, Buffer.concat([Buffer.from([0, 0]), u16(list.length), list])),
    // ecdsa_secp256r1_sha256, and nothing that would verify
    message(15, Buffer.concat([u16(0x0403), u16(70), Buffer.from("3044022", "hex"), randomBytes(67)])),
  ];
  const transcript = hash(clientHello, serverHello, ...messages);
  messages.push(message(20, hmac(expandLabel(traffic, "finished", Buffer.alloc(0), 32), transcript)));
  const plain = Buffer.concat([...messages, Buffer.from([22])]);
  const header = Buffer.concat([Buffer.from([23, 3, 3]), u16(plain.length + 16)]);
  const key = expandLabel(traffic, "key", Buffer.alloc(0), 16);
  const cipher = createCipheriv("aes-128-gcm", key, expandLabel(traffic, "iv", Buffer.alloc(0), 12));
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([
    Buffer.from([22, 3, 3]),
    u16(serverHello.length),
    serverHello,
    Buffer.from([20, 3, 3, 0, 1, 1]),
    header,
    sealed,
  ]);
}

/** Session id and X25519 share of a ClientHello (RFC 8446 §4.1.2). */
function readClientHello(hello: Buffer): { sessionId: Buffer; share: Buffer } {
  let at = 4 + 2 + 32;
  const sessionId = hello.subarray(at + 1, at + 1 + (hello[at] ?? 0));
  at += 1 + sessionId.length;
  at += 2 + hello.readUInt16BE(at);
  at += 1 + (hello[at] ?? 0);
  at += 2;
  while (at < hello.length) {
    const [type, length] = [hello.readUInt16BE(at), hello.readUInt16BE(at + 2)];
    if (type === 0x33) {
      for (let entry = at + 6; entry < at + 4 + length;) {
        const [group, size] = [hello.readUInt16BE(entry), hello.readUInt16BE(entry + 2)];
        if (group === 0x1d) return { sessionId, share: hello.subarray(entry + 4, entry + 4 + size) };
        entry += 4 + size;
      }
    }
    at += 4 + length;
  }
  throw new Error("The client sent no X25519 share");
}
