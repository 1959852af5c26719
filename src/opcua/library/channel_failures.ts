import type { Socket } from "node:net";
import {
  type OPCUAServer,
  type ServerSecureChannelLayer,
  ServerTCP_transport,
  type StatusCode,
  TCP_transport,
} from "node-opcua";
import { chainOf } from "./client_chains.ts";
import { listenerOf } from "./library_internals.ts";

/** Why a connection was ended, or never became a channel. */
export interface ChannelFailure {
  /** As the socket has it. */
  readonly address: string | undefined;
  /** Name of an OPC UA status code; for a refused certificate the verdict, which the client is not told in full. */
  readonly reason: string;
  /** The library's words; may be empty. */
  readonly detail: string;
}

type Tell = (failure: ChannelFailure) => void;

interface Transport {
  readonly _socket?: Socket;
  sendErrorMessage(status: StatusCode, detail: string | null): void;
}

interface Channel {
  readonly remoteAddress: string;
  checkCertificate(certificate: Uint8Array | null): Promise<StatusCode>;
}

const listeners = new Map<number, Tell>();
let patched = false;

/**
 * Tells why connections fail: protocol errors, messages beyond the limits, certificates that are refused. The library
 * prints some of it and tells nobody.
 *
 * @returns ends it
 */
export function onChannelFailure(server: OPCUAServer, tell: Tell): () => void {
  server.on("newChannel", (newChannel: ServerSecureChannelLayer) => {
    const channel = newChannel as unknown as Channel;
    const checkByLibrary = channel.checkCertificate.bind(channel);
    channel.checkCertificate = async (certificate) => {
      const { remoteAddress: address } = channel;
      const status = await checkByLibrary(certificate && chainOf(certificate));
      if (status.isNotGood()) tell({ address, reason: status.name, detail: "" });
      return status;
    };
  });
  const listener = listenerOf(server);
  const portOf = () => {
    const address = listener.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  };
  let port = portOf();
  // before the start there is no port yet
  const listen = () => listeners.set(port = portOf(), tell);
  if (port > 0) listen();
  else listener.once("listening", listen);
  patch();
  return () => {
    listener.off("listening", listen);
    if (listeners.get(port) === tell) listeners.delete(port);
  };
}

/** Every fatal error of a connection ends with an Error message (OPC 10000-6 §7.1.2.5), whatever found it. */
function patch(): void {
  if (patched) return;
  patched = true;
  const prototype = TCP_transport.prototype as unknown as Transport;
  const send = prototype.sendErrorMessage;
  prototype.sendErrorMessage = function (this: Transport, status, detail): void {
    const socket = this._socket;
    if (this instanceof ServerTCP_transport && socket?.localPort !== undefined) {
      listeners.get(socket.localPort)?.({
        address: socket.remoteAddress,
        reason: status.name,
        detail: detail ?? "",
      });
    }
    send.call(this, status, detail);
  };
}
