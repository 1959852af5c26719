import { connect, type Socket } from "node:net";
import {
  ClientSecureChannelLayer,
  makeReverseClientTransportFactory,
  MessageSecurityMode,
  type OPCUAServer,
  SecurityPolicy,
} from "node-opcua";
import { parseOpcTcpUrl } from "../../config/address.ts";
import { containFaults } from "./library_internals.ts";

type ChannelOptions = ConstructorParameters<typeof ClientSecureChannelLayer>[0];
type Request = Parameters<ClientSecureChannelLayer["performMessageTransaction"]>[0];

/** How a channel is secured: with which policy, and for which certificate of the other side. */
export interface ChannelSecurity {
  readonly mode: MessageSecurityMode;
  readonly policy: SecurityPolicy;
  /** DER of the other side's certificate alone, without the chain behind it. */
  readonly certificate: Uint8Array;
}

/** A channel that the gateway opened to another server; it carries no session. */
export interface ClientChannel {
  /**
   * Sends a request and resolves with its response.
   *
   * @throws {RefusedByServer} when the answer is a ServiceFault
   */
  request<Response>(request: Request): Promise<Response>;
  /** Closes the channel; never rejects. */
  close(): Promise<void>;
}

/** What the other side answered in place of a response. */
export class RefusedByServer extends Error {
  override readonly name = "RefusedByServer";
  /** Name of an OPC UA status code. */
  readonly status: string;

  constructor(status: string, options?: ErrorOptions) {
    super(`The server answered ${status}`, options);
    this.status = status;
  }
}

/**
 * Opens a secure channel as a client, with the certificate of `own`. The library's client does more than is wanted here:
 * it follows the URLs that the other side names, tries for ever, knows no IPv6 addresses, and cannot be stopped while it
 * connects. So the connection is made here, and handed over as if the other side had made it.
 *
 * @param stop ends whatever is under way, and closes the connection at once
 * @throws {RefusedByServer} when the other side gave a reason; else the error of the connection
 */
export async function openClientChannel(
  url: string,
  own: OPCUAServer,
  security: ChannelSecurity | null,
  stop: AbortSignal,
): Promise<ClientChannel> {
  stop.throwIfAborted();
  const unreadable = new AbortController();
  const signal = AbortSignal.any([stop, unreadable.signal]);
  const socket = await connected(url, signal);
  containFaults(socket, () => unreadable.abort(new Error("it sends what cannot be read")));
  const channel = new ClientSecureChannelLayer(
    {
      securityMode: security?.mode ?? MessageSecurityMode.None,
      securityPolicy: security?.policy ?? SecurityPolicy.None,
      ...security === null ? {} : { serverCertificate: security.certificate },
      parent: own,
      connectionStrategy: { maxRetry: 0 },
      transportFactory: makeReverseClientTransportFactory(() =>
        Promise.resolve({ socket, endpointUrl: url, serverUri: "" })
      ),
    } as ChannelOptions,
  );
  const cut = () => {
    socket.destroy();
    channel.dispose();
  };
  signal.addEventListener("abort", cut, { once: true });
  const close = async () => {
    signal.removeEventListener("abort", cut);
    if (!signal.aborted) await new Promise<void>((resolve) => channel.close(() => resolve()));
    cut();
  };
  try {
    await unlessAborted<void>(signal, (done) => channel.create(url, (error) => done(error)));
  } catch (error) {
    signal.removeEventListener("abort", cut);
    cut();
    throw refusalOf(error);
  }
  return {
    async request<Response>(request: Request): Promise<Response> {
      try {
        return await unlessAborted<Response>(
          signal,
          (done) =>
            channel.performMessageTransaction(request, (error, response) => {
              // a ServiceFault comes as an error that has it
              done(error, response as Response | undefined);
            }),
        );
      } catch (error) {
        throw refusalOf(error);
      }
    },
    close,
  };
}

/** Connects to host and port of the URL. */
async function connected(url: string, signal: AbortSignal): Promise<Socket> {
  const address = parseOpcTcpUrl(url);
  if (address === null) {
    throw new TypeError(`Cannot connect as the URL must be opc.tcp://host:port: current value is ${url}`);
  }
  const socket = connect(address);
  try {
    await unlessAborted<void>(signal, (done) => {
      socket.once("error", done);
      socket.once("connect", () => done(null));
    });
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  }
  // who uses it hears of its end; an error of a socket that nobody listens to would end the process
  socket.on("error", () => {});
  socket.setNoDelay(true);
  return socket;
}

function unlessAborted<T>(
  signal: AbortSignal,
  run: (done: (error: Error | null | undefined, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    run((error, value) => {
      signal.removeEventListener("abort", onAbort);
      if (error) reject(error);
      else resolve(value as T);
    });
  });
}

/** The status code that an error of the library is about, where there is one; else the error in words that stay the same. */
function refusalOf(error: unknown): unknown {
  const { response, message } = error as {
    readonly response?: { readonly responseHeader?: { readonly serviceResult?: { readonly name: string } } };
    readonly message?: string;
  };
  // the library's words have a number in them that is another each time
  if (/disconnected by third party|Abandoned/.test(message ?? "")) {
    return new Error("it ended the connection", { cause: error });
  }
  const status = response?.responseHeader?.serviceResult?.name ?? /\bBad[A-Z][A-Za-z]+/.exec(message ?? "")?.[0];
  return status === undefined ? error : new RefusedByServer(status, { cause: error });
}
