import type { Socket } from "node:net";
import type { OPCUAServer, ServerSession } from "node-opcua";
import { sessionsOf } from "../library/library_internals.ts";

interface Channel {
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/**
 * Lets a connection be silent for as long as a session is on it, where the library ends each that carried nothing for
 * its handshake's time: a client whose values change seldom, with a keep-alive of a minute, or one that reads once a
 * minute, would have to connect anew each time. What ends such a connection is the session's time-out and the lifetime of
 * the channel's token (OPC 10000-4 §5.7.2 and §5.6.2). One without a session is closed after `idleMs`.
 */
export function letSessionsBeSilent(server: OPCUAServer, sockets: ReadonlySet<Socket>, idleMs: number): void {
  const places = new WeakMap<ServerSession, Socket>();
  const leave = (session: ServerSession) => {
    const socket = places.get(session);
    if (socket === undefined) return;
    places.delete(session);
    if (!sessionsOf(server).some((other) => places.get(other) === socket)) socket.setTimeout(idleMs);
  };
  server.on("session_activated", (session) => {
    const socket = socketOf(session.channel as unknown as Channel | undefined, sockets);
    if (socket === places.get(session)) return;
    leave(session);
    if (socket === undefined) return;
    places.set(session, socket);
    socket.setTimeout(0);
  });
  server.on("session_closed", leave);
}

function socketOf(channel: Channel | undefined, sockets: ReadonlySet<Socket>): Socket | undefined {
  if (channel === undefined) return undefined;
  for (const socket of sockets) {
    if (socket.remotePort === channel.remotePort && socket.remoteAddress === channel.remoteAddress) return socket;
  }
  return undefined;
}
