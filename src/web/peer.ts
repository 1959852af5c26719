import { isLoopback, unmapped } from "../config/address.ts";
import type { Origin } from "../access/principal.ts";
import { verifiedFingerprint } from "./listener.ts";

/** What a request's socket tells of the other side. */
export interface Peer {
  /** IP address without port and zone, IPv4 without its IPv6 mapping; empty for a socket that is gone. */
  readonly address: string;
  /** Address of this machine that the client reached, written likewise. */
  readonly localAddress: string;
  /** Whether the request came over TLS. */
  readonly secure: boolean;
  readonly loopback: boolean;
  /** SHA-256 of the client certificate that TLS has verified. */
  readonly fingerprint: string | null;
}

/** The part of a node socket that tells who is on the other side. */
export interface PeerSocket {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly encrypted?: boolean;
}

/** Reads the socket. Without one nothing is known, and nothing is granted for being near. */
export function peerOf(socket: PeerSocket | undefined): Peer {
  const address = plainAddress(socket?.remoteAddress);
  const secure = socket?.encrypted === true;
  return {
    address,
    localAddress: plainAddress(socket?.localAddress),
    secure,
    loopback: address !== "" && isLoopback(address),
    fingerprint: socket !== undefined && secure ? verifiedFingerprint(socket) : null,
  };
}

/** Where the peer's requests come from, as access and audit want it. */
export function originOf({ address, secure }: Peer): Origin {
  return { transport: secure ? "https" : "http", address };
}

function plainAddress(address = ""): string {
  return unmapped(address.replace(/%.*$/, "")).toLowerCase();
}
