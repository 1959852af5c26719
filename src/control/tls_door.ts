import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { ServerCertificate } from "../tls/server_certificate.ts";

/** First byte of a TLS connection: content type handshake (RFC 8446 §5.1). */
const HANDSHAKE = 0x16;

/** Makes TLS out of accepted connections. */
export interface TlsDoor {
  /** Calls one of the two, at most once; neither when the peer goes before it has said what it speaks. */
  open(raw: Socket, handlers: { onSecure: (socket: TLSSocket) => void; onPlain: () => void }): void;
  stop(): void;
}

/**
 * TLS 1.2 or newer with the certificate as it is when a peer comes: a new one counts from the next connection on, and
 * those that are open stay. Peers that speak plain text are told apart by their first byte.
 */
export function tlsDoor(certificate: ServerCertificate): TlsDoor {
  const { cert, key } = certificate.material;
  const opening = new Map<string, (socket: TLSSocket) => void>();
  const server = createServer({ cert, key, minVersion: "TLSv1.2" }, (socket) => {
    // a peer that fails is nobody's problem; an error without a listener would end the process
    socket.on("error", () => {});
    const onSecure = opening.get(nameOf(socket));
    if (onSecure === undefined) socket.destroy();
    else onSecure(socket);
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("error", () => {});
  const unsubscribe = certificate.onChange((material) => {
    server.setSecureContext({ cert: material.cert, key: material.key, minVersion: "TLSv1.2" });
  });
  return {
    open(raw, { onSecure, onPlain }) {
      const name = nameOf(raw);
      raw.once("close", () => opening.delete(name));
      // who hangs up before a word would otherwise keep its place until the handshake's time is over
      raw.once("end", () => raw.destroy());
      const look = () => {
        const first: Uint8Array | null = raw.read(1);
        if (first === null) return;
        raw.removeListener("readable", look);
        raw.unshift(first);
        if (first[0] !== HANDSHAKE) return onPlain();
        opening.set(name, onSecure);
        server.emit("connection", raw);
      };
      raw.on("readable", look);
    },
    stop: unsubscribe,
  };
}

/** Tells connections apart while they are open: the listener has but one local address and port for each peer. */
function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
