import {
  DataValue,
  type OPCUAServer,
  type ReadRequestOptions,
  ServiceFault,
  type StatusCode,
  StatusCodes,
} from "node-opcua";
import { accessorOf } from "./library_internals.ts";

/** A request that the library could not get through. */
export interface ServiceFailure {
  /** Name of the request's type, such as `ReadRequest`. */
  readonly service: string;
  /** As the socket has it. */
  readonly address: string | undefined;
  readonly error: unknown;
}

interface Message {
  readonly request: { readonly schema: { readonly name: string } };
}

interface Channel {
  readonly remoteAddress: string;
  send_response(kind: "MSG", response: unknown, message: Message): void;
}

type Answer = (response: unknown) => unknown;
type Refuse = (status: StatusCode) => unknown;
type Action = (session: unknown, answer: Answer, refuse: Refuse) => unknown;
type Handler = (message: Message, channel: Channel) => unknown;

interface Services {
  _apply_on_SessionObject(type: unknown, message: Message, channel: Channel, action: Action): Promise<void>;
}

/**
 * Answers `BadInternalError` to a request at which the library throws. It runs most services in promises that nobody
 * waits for, where an assertion about one client's numbers ends the process; what it does catch it answers with its stack
 * trace, which says where on the machine we live.
 *
 * Called when all services are in place: it stands in front of them.
 *
 * @param onFailure told of each; the client's request is already answered
 */
export function containServices(server: OPCUAServer, onFailure: (failure: ServiceFailure) => void): void {
  const services = server as unknown as Services & Record<string, Handler>;
  const answered = new WeakSet<Message>();

  function fail(message: Message, channel: Channel, error: unknown): void {
    const { remoteAddress: address } = channel;
    if (!answered.has(message)) {
      answered.add(message);
      try {
        const responseHeader = { serviceResult: StatusCodes.BadInternalError };
        channel.send_response("MSG", new ServiceFault({ responseHeader }), message);
      } catch {
        // the connection is gone
      }
    }
    onFailure({ service: message.request.schema.name, address, error });
  }

  const apply = services._apply_on_SessionObject.bind(server);
  services._apply_on_SessionObject = async (type, message, channel, action) => {
    // an answer that cannot be sent is thrown at callbacks, where nobody catches it
    const within = <P>(send: (parameter: P) => unknown) => (parameter: P): void => {
      try {
        send(parameter);
        answered.add(message);
      } catch (error) {
        fail(message, channel, error);
      }
    };
    try {
      await apply(
        type,
        message,
        channel,
        (session, answer, refuse) => action(session, within(answer), within(refuse)),
      );
    } catch (error) {
      fail(message, channel, error);
    }
  };

  for (const name of handlersOf(server)) {
    const serve = services[name]?.bind(server);
    if (serve === undefined) continue;
    services[name] = (message, channel) => {
      try {
        const served = serve(message, channel);
        if (served instanceof Promise) served.catch((error: unknown) => fail(message, channel, error));
      } catch (error) {
        fail(message, channel, error);
      }
    };
  }

  // the one service whose promise the library neither waits for nor catches
  const accessor = accessorOf(server);
  const read = accessor.read.bind(accessor);
  accessor.read = async (context, request: ReadRequestOptions): Promise<DataValue[]> => {
    try {
      return await read(context, request);
    } catch (error) {
      const { remoteAddress: address } = (context as { session?: { channel?: Channel } }).session?.channel ?? {};
      onFailure({ service: "ReadRequest", address, error });
      return (request.nodesToRead ?? []).map(() => new DataValue({ statusCode: StatusCodes.BadInternalError }));
    }
  };
}

/** Names of the methods that answer a service: the library finds them by the name of the request. */
function handlersOf(server: OPCUAServer): Set<string> {
  const names = new Set<string>();
  for (let level: object | null = server; level !== null; level = Object.getPrototypeOf(level) as object | null) {
    for (const name of Object.getOwnPropertyNames(level)) if (/^_on_\w+Request$/.test(name)) names.add(name);
  }
  return names;
}
