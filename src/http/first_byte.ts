import type { Socket } from "node:net";

/** First byte of a TLS handshake: ContentType handshake (RFC 8446 §5.1). */
export const TLS_HANDSHAKE = 0x16;

/**
 * Waits for the first byte that a client sends and hands the untouched connection on: paused, with everything that has
 * arrived in front. A connection that the client ends before is ended, and not handed on.
 */
export function peekFirstByte(socket: Socket, next: (byte: number) => void): void {
  // a server that lets clients close their half first would keep it open
  const leave = () => socket.destroy();
  socket.once("end", leave);
  socket.once("data", (chunk: Uint8Array) => {
    socket.off("end", leave);
    socket.pause();
    socket.unshift(chunk);
    next(chunk[0] ?? 0);
  });
}
