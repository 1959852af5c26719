import { type OPCUAServer, ServiceFault } from "node-opcua";

interface Channel {
  send_response(kind: string, response: unknown, ...rest: unknown[]): void;
}

/**
 * Takes out of a ServiceFault what the library puts into its string table when a handler throws: the exception's stack,
 * with the paths of this machine. A client needs the status; what happened is in the log.
 */
export function quietFaults(server: OPCUAServer): void {
  server.on("newChannel", (newChannel: unknown) => {
    const channel = newChannel as Channel;
    const send = channel.send_response;
    channel.send_response = function (this: Channel, kind, response, ...rest) {
      if (response instanceof ServiceFault) response.responseHeader.stringTable = [];
      send.call(this, kind, response, ...rest);
    };
  });
}
