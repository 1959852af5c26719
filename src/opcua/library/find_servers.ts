import {
  ApplicationDescription,
  type EndpointDescription,
  type FindServersRequest,
  FindServersResponse,
  type OPCUAServer,
} from "node-opcua";

interface DiscoveryServer {
  _on_FindServersRequest(message: { readonly request: FindServersRequest }, channel: AnsweringChannel): void;
}

interface AnsweringChannel {
  send_response(kind: "MSG", response: FindServersResponse, message: unknown, done: () => void): void;
}

/**
 * Answers FindServers (OPC 10000-4 §5.5.2) with this one server and with the discovery URLs that the asking client can
 * reach: those of `endpointsFor` its own URL. The library lists every URL it knows, and waits before it answers.
 */
export function answerFindServers(
  server: OPCUAServer,
  endpointsFor: (askedUrl: string | null) => readonly EndpointDescription[],
): void {
  (server as unknown as DiscoveryServer)._on_FindServersRequest = (message, channel) => {
    const { serverUris, endpointUrl } = message.request;
    const { applicationUri, productUri, applicationName, applicationType } = server.serverInfo;
    const wanted = serverUris ?? [];
    const found = endpointsFor(endpointUrl || null);
    const endpoints = found.length > 0 ? found : endpointsFor(null);
    const description = new ApplicationDescription({
      applicationUri: applicationUri ?? null,
      productUri: productUri ?? null,
      // in its own locale, whichever was asked for: there is one name
      applicationName: applicationName ?? null,
      ...applicationType === undefined ? {} : { applicationType },
      discoveryUrls: [...new Set(endpoints.map((endpoint) => endpoint.endpointUrl ?? ""))],
    });
    const servers = wanted.length === 0 || wanted.includes(description.applicationUri) ? [description] : [];
    channel.send_response("MSG", new FindServersResponse({ servers }), message, () => {});
  };
}
