import {
  ApplicationDescription,
  EndpointDescription,
  GetEndpointsRequest,
  MessageSecurityMode,
  type OPCUAServer,
  SecurityPolicy,
  UserTokenPolicy,
  UserTokenType,
} from "node-opcua";
import { isWildcard } from "../../config/address.ts";
import type { OpcUaConfig } from "../../config/schema.ts";

/** The configured security in the library's terms. */
export interface EndpointSecurity {
  readonly policies: SecurityPolicy[];
  readonly modes: MessageSecurityMode[];
}

/**
 * Which endpoints are offered: each named policy with each named mode; `None` only when it is named, and then beside
 * the others.
 */
export function endpointSecurity(config: Pick<OpcUaConfig, "security_policies" | "security_modes">): EndpointSecurity {
  const secured = config.security_policies.filter((policy) => policy !== "None").map((policy) =>
    SecurityPolicy[policy]
  );
  const modes = secured.length === 0 ? [] : config.security_modes.map((mode) => MessageSecurityMode[mode]);
  if (config.security_policies.includes("None")) {
    return { policies: [SecurityPolicy.None, ...secured], modes: [MessageSecurityMode.None, ...modes] };
  }
  return { policies: secured, modes };
}

/**
 * Makes every endpoint ask for a user name with an encrypted password or a signed certificate, also where the channel is
 * not secured: the token policies of a `None` endpoint name Basic256Sha256, so the client encrypts with the server's
 * certificate (OPC 10000-4 §7.41.2.2). The library leaves a `None` endpoint without any when no other policy is configured.
 */
export function encryptPasswords(endpoints: readonly EndpointDescription[]): void {
  for (const endpoint of endpoints) {
    if (endpoint.securityMode !== MessageSecurityMode.None) continue;
    endpoint.userIdentityTokens = [
      new UserTokenPolicy({
        policyId: "username_basic256Sha256",
        tokenType: UserTokenType.UserName,
        securityPolicyUri: SecurityPolicy.Basic256Sha256,
      }),
      new UserTokenPolicy({
        policyId: "certificate_basic256Sha256",
        tokenType: UserTokenType.Certificate,
        securityPolicyUri: SecurityPolicy.Basic256Sha256,
      }),
    ];
  }
}

/** Scheme, host and port of an `opc.tcp` URL as a client wrote it. */
export interface AskedUrl {
  readonly host: string;
  /** Null when the URL names none. */
  readonly port: number | null;
}

/**
 * Reads an endpoint URL that a client sent. Anything that is not plainly `opc.tcp://host[:port][/path]` with a host
 * name, IPv4 or bracketed IPv6 address is refused with `null`, and so is a wildcard address, which nobody can reach.
 */
export function askedUrl(url: string | null | undefined): AskedUrl | null {
  if (!url || url.length > 512) return null;
  const match = /^opc\.tcp:\/\/(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?)(?::(\d{1,5}))?(?:\/.*)?$/i
    .exec(url);
  const host = match?.[1];
  if (host === undefined || host.includes("..") || isWildcard(host)) return null;
  const port = match?.[2] === undefined ? null : Number(match[2]);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { host, port };
}

/**
 * Lets GetEndpoints and CreateSession answer with the host that the client used when it is none of the advertised ones:
 * behind NAT or a port forwarding only that one leads here (OPC 10000-4 §5.5.4). Unreadable URLs get the advertised
 * endpoints.
 */
export function answerAskedHost(server: OPCUAServer): void {
  const advertised = server.findMatchingEndpoints.bind(server);
  // GetEndpoints looks all endpoints up with `null` in the same turn in which its request event was sent
  let discovering: string | null = null;
  server.on("request", (request) => {
    discovering = request instanceof GetEndpointsRequest ? request.endpointUrl : null;
  });
  server.findMatchingEndpoints = (endpointUrl?: string | null): EndpointDescription[] => {
    const asked = endpointUrl || discovering;
    discovering = null;
    if (!asked) return described(advertised(null));
    const matching = advertised(asked);
    if (matching.length > 0) return described(matching);
    const url = askedUrl(asked);
    if (url === null) return endpointUrl ? [] : described(advertised(null));
    return described(translated(advertised(null), url));
  };
}

/** Copies whose server is found under their own URLs and no others. */
function described(endpoints: readonly EndpointDescription[]): EndpointDescription[] {
  const discoveryUrls = [...new Set(endpoints.map(({ endpointUrl }) => endpointUrl ?? ""))];
  return endpoints.map((endpoint) => {
    const copy = copied(endpoint);
    copy.server = new ApplicationDescription(endpoint.server);
    copy.server.discoveryUrls = discoveryUrls;
    return copy;
  });
}

function copied(endpoint: EndpointDescription): EndpointDescription {
  const copy = new EndpointDescription(endpoint);
  // the library hides its discovery endpoint by this mark, which a copy does not carry
  (copy as EndpointDescription & { restricted?: boolean }).restricted =
    (endpoint as EndpointDescription & { restricted?: boolean }).restricted === true;
  return copy;
}

/** The endpoints of the first advertised host, once for each security setting, with the URL replaced. */
function translated(endpoints: readonly EndpointDescription[], url: AskedUrl): EndpointDescription[] {
  const first = endpoints[0]?.endpointUrl;
  return endpoints.filter((endpoint) => endpoint.endpointUrl === first).map((endpoint) => {
    const copy = copied(endpoint);
    const port = url.port === null ? "" : `:${url.port}`;
    copy.endpointUrl = `opc.tcp://${url.host}${port}`;
    return copy;
  });
}
