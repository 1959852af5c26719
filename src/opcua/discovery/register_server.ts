import {
  ApplicationType,
  type EndpointDescription,
  GetEndpointsRequest,
  type GetEndpointsResponse,
  LocalizedText,
  MdnsDiscoveryConfiguration,
  MessageSecurityMode,
  type OPCUAServer,
  RegisterServer2Request,
  RegisterServerRequest,
  SecurityPolicy,
} from "node-opcua";
import { derLength } from "../library/client_chains.ts";
import {
  type ChannelSecurity,
  type ClientChannel,
  openClientChannel,
  RefusedByServer,
} from "../library/client_channel.ts";

/** Short words for what the server offers (OPC 10000-12 Annex D): live data, history, alarms, historical events. */
const CAPABILITIES = ["DA", "HD", "AC", "HE"];
/** Longest name that is announced on a network, bytes (OPC 10000-4 §7.10). */
const MDNS_NAME_BYTES = 63;
const BINARY = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";
/** From the strongest. A discovery server that offers older ones alone is not talked to. */
const POLICIES = [
  SecurityPolicy.Aes256_Sha256_RsaPss,
  SecurityPolicy.Basic256Sha256,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
];
/** What a server answers that does not know RegisterServer2. */
const UNKNOWN_SERVICE = new Set(["BadServiceUnsupported", "BadNotImplemented", "BadNotSupported"]);

/** What the discovery server is told of this server. */
export interface RegisteredServer {
  /** The application URI; also in the certificate of the channel, else it is refused. */
  readonly serverUri: string;
  readonly productUri: string;
  readonly name: string;
  /** Under which clients reach this server, never a wildcard. */
  readonly discoveryUrls: readonly string[];
}

/** A discovery server as it was found. */
export interface FoundDiscoveryServer {
  readonly security: ChannelSecurity;
}

/** What one registration needs. */
export interface RegisterOptions {
  readonly url: string;
  /** Whose certificate the channel is opened with. */
  readonly own: OPCUAServer;
  readonly server: RegisteredServer;
  /** False takes the registration back. */
  readonly online: boolean;
  /** Saves asking for its endpoints. */
  readonly known?: FoundDiscoveryServer | null;
  /** Judges the discovery server's certificate (DER, with its chain): `Good`, or the name of a status code. */
  readonly verdict: (certificate: Uint8Array) => Promise<string>;
  /** Told right before the registration is sent: from then on the discovery server may know this one. */
  readonly onSending?: () => void;
  readonly signal: AbortSignal;
}

/** Thrown when the discovery server's certificate is not trusted here. */
export class UntrustedDiscoveryServer extends Error {
  override readonly name = "UntrustedDiscoveryServer";
  /** DER of the certificate alone. */
  readonly certificate: Uint8Array;
  /** Name of an OPC UA status code. */
  readonly status: string;

  constructor(certificate: Uint8Array, status: string) {
    super(`Cannot register as the discovery server's certificate is not trusted: ${status}`);
    this.certificate = certificate;
    this.status = status;
  }
}

/** Thrown when the discovery server offers no channel that this gateway would use. */
export class UnsafeDiscoveryServer extends Error {
  override readonly name = "UnsafeDiscoveryServer";
}

/**
 * Registers this server with a discovery server, over a channel that is signed and encrypted if possible, signed at
 * least (OPC 10000-4 §5.5.6: RegisterServer2, and RegisterServer where it is not known).
 *
 * Only `url` is ever connected to: what URLs the discovery server names for itself does not matter.
 *
 * @throws {UntrustedDiscoveryServer} {@link UnsafeDiscoveryServer} {@link RefusedByServer} or the connection's own error
 */
export async function registerServer(options: RegisterOptions): Promise<FoundDiscoveryServer> {
  const { url, own, signal } = options;
  const found = options.known ?? await findServer(options);
  const channel = await openClientChannel(url, own, found.security, signal);
  try {
    options.onSending?.();
    await send(channel, options);
  } finally {
    await channel.close();
  }
  return found;
}

async function send(channel: ClientChannel, { server, online }: RegisterOptions): Promise<void> {
  const registration = {
    serverUri: server.serverUri,
    productUri: server.productUri,
    serverNames: [new LocalizedText({ text: server.name, locale: "en" })],
    serverType: ApplicationType.Server,
    discoveryUrls: [...server.discoveryUrls],
    gatewayServerUri: null,
    semaphoreFilePath: null,
    isOnline: online,
  };
  try {
    await channel.request(
      new RegisterServer2Request({
        server: registration,
        discoveryConfiguration: [
          new MdnsDiscoveryConfiguration({ mdnsServerName: announced(server.name), serverCapabilities: CAPABILITIES }),
        ],
      }),
    );
  } catch (error) {
    if (!(error instanceof RefusedByServer && UNKNOWN_SERVICE.has(error.status))) throw error;
    await channel.request(new RegisterServerRequest({ server: registration }));
  }
}

/** Asks for the endpoints of the discovery server, and chooses the safest. */
async function findServer({ url, own, verdict, signal }: RegisterOptions): Promise<FoundDiscoveryServer> {
  const channel = await openClientChannel(url, own, null, signal);
  let endpoints: readonly EndpointDescription[];
  try {
    const answer = await channel.request<GetEndpointsResponse>(new GetEndpointsRequest({ endpointUrl: url }));
    endpoints = answer.endpoints ?? [];
  } finally {
    await channel.close();
  }
  const endpoint = safest(endpoints);
  const chain = endpoint?.serverCertificate;
  if (endpoint === undefined || !chain) {
    throw new UnsafeDiscoveryServer("Cannot register as the discovery server offers no endpoint with security");
  }
  const certificate = chain.subarray(0, derLength(chain));
  const status = await verdict(chain);
  if (status !== "Good") throw new UntrustedDiscoveryServer(certificate, status);
  const policy = endpoint.securityPolicyUri as SecurityPolicy;
  return { security: { mode: endpoint.securityMode, policy, certificate } };
}

function safest(endpoints: readonly EndpointDescription[]): EndpointDescription | undefined {
  const rank = ({ securityMode, securityPolicyUri }: EndpointDescription) =>
    (securityMode === MessageSecurityMode.SignAndEncrypt ? 0 : POLICIES.length) +
    POLICIES.indexOf(securityPolicyUri as SecurityPolicy);
  return endpoints.filter(({ securityMode, securityPolicyUri, transportProfileUri }) =>
    (securityMode === MessageSecurityMode.SignAndEncrypt || securityMode === MessageSecurityMode.Sign) &&
    POLICIES.includes(securityPolicyUri as SecurityPolicy) && transportProfileUri === BINARY
  ).toSorted((one, other) => rank(one) - rank(other))[0];
}

/** The name cut to what may be announced, at a character's end. */
function announced(name: string): string {
  let bytes = 0;
  let text = "";
  for (const character of name) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > MDNS_NAME_BYTES) break;
    text += character;
  }
  return text;
}
