import { type CreateSessionRequest, MessageSecurityMode, OPCUAServer, ServiceFault, StatusCodes } from "node-opcua";
import { derLength } from "./client_chains.ts";

interface Channel {
  readonly securityMode: MessageSecurityMode;
  readonly clientCertificate: Uint8Array | null;
  send_response(type: string, response: ServiceFault, message: unknown): void;
}

interface SessionMaker {
  _on_CreateSessionRequest(message: { readonly request: CreateSessionRequest }, channel: Channel): unknown;
}

let mended = false;

/**
 * Refuses a CreateSession whose certificate is not the one that secures its channel (OPC 10000-4 §5.7.2.2); the library
 * takes any whose application URI fits.
 */
export function compareSessionCertificates(): void {
  if (mended) return;
  mended = true;
  const prototype = OPCUAServer.prototype as unknown as SessionMaker;
  const create = prototype._on_CreateSessionRequest;
  prototype._on_CreateSessionRequest = function (this: SessionMaker, message, channel) {
    const shown: Uint8Array | null = message.request.clientCertificate;
    const secured = channel.securityMode !== MessageSecurityMode.None && channel.clientCertificate !== null;
    // a client that shows none is the library's to refuse
    if (!secured || !shown?.length || isSame(shown, channel.clientCertificate)) {
      return create.call(this, message, channel);
    }
    const fault = new ServiceFault({ responseHeader: { serviceResult: StatusCodes.BadSecurityChecksFailed } });
    channel.send_response("MSG", fault, message);
  };
}

/** Whether two certificates, each perhaps with its issuers behind it, are one. */
function isSame(one: Uint8Array, other: Uint8Array | null): boolean {
  if (other === null) return false;
  const [a, b] = [one, other].map((chain) => chain.subarray(0, derLength(chain)));
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
