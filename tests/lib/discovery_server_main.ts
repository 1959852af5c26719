/**
 * A local discovery server, node-opcua's, as a process of its own: started by `discovery_server.ts`, tells what happens to
 * it as one JSON line each, and ends when its standard input does.
 */
import {
  BonjourHolder,
  type MdnsDiscoveryConfiguration,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUADiscoveryServer,
  type RegisteredServer,
  SecurityPolicy,
  ServiceFault,
  StatusCodes,
} from "node-opcua";
import type { DiscoveryServerOptions } from "./discovery_server.ts";

const options = JSON.parse(Deno.args[0] ?? "{}") as DiscoveryServerOptions & { readonly port: number; pki: string };

function tell(event: string, fields: Record<string, unknown> = {}): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify({ event, ...fields })}\n`));
}

// the network of the machine that runs the tests is told nothing
BonjourHolder.prototype.announcedOnMulticastSubnet = () => Promise.resolve(true);
BonjourHolder.prototype.stopAnnouncedOnMulticastSubnet = () => Promise.resolve();
const manager = new OPCUACertificateManager({
  rootFolder: options.pki,
  automaticallyAcceptUnknownCertificate: options.trustsEverybody ?? true,
  disableFileWatchers: true,
});
await manager.initialize();
const server = new OPCUADiscoveryServer({
  port: options.port,
  hostname: "127.0.0.1",
  serverInfo: { applicationUri: "urn:edgekeep:test:discovery" },
  serverCertificateManager: manager,
  securityPolicies: ["None" as const, ...options.policies ?? ["Basic256Sha256" as const]].map((policy) =>
    SecurityPolicy[policy]
  ),
  securityModes: ["None" as const, ...options.modes ?? ["SignAndEncrypt" as const]].map((mode) =>
    MessageSecurityMode[mode]
  ),
});
const told = (one: RegisteredServer) => ({
  serverUri: one.serverUri,
  productUri: one.productUri,
  names: (one.serverNames ?? []).map(({ text }) => text),
  serverType: one.serverType,
  discoveryUrls: one.discoveryUrls,
  semaphoreFilePath: one.semaphoreFilePath,
});
const inner = server as unknown as Record<
  "_on_RegisterServer2Request" | "_on_RegisterServerRequest",
  (message: RegisterMessage, channel: Channel) => void
>;
interface RegisterMessage {
  readonly request: {
    readonly server: { readonly isOnline: boolean };
    readonly discoveryConfiguration?: readonly MdnsDiscoveryConfiguration[] | null;
  };
}
interface Channel {
  readonly securityMode: MessageSecurityMode;
  readonly securityPolicy: SecurityPolicy;
  send_response(kind: "MSG", response: unknown, message: unknown, done?: () => void): void;
}
for (const service of ["_on_RegisterServer2Request", "_on_RegisterServerRequest"] as const) {
  const answer = inner[service].bind(server);
  inner[service] = (message, channel) => {
    const { server: registration, discoveryConfiguration } = message.request;
    tell("asked", {
      isOnline: registration.isOnline,
      configuration: (discoveryConfiguration ?? []).map(({ mdnsServerName, serverCapabilities }) => ({
        name: mdnsServerName,
        capabilities: serverCapabilities,
      })),
      service: service.slice("_on_".length, -"Request".length),
      mode: MessageSecurityMode[channel.securityMode],
      policy: channel.securityPolicy.split("#")[1],
    });
    if (options.silent) return;
    if (service === "_on_RegisterServer2Request" && options.withoutRegister2) {
      const serviceResult = StatusCodes.BadServiceUnsupported;
      channel.send_response("MSG", new ServiceFault({ responseHeader: { serviceResult } }), message);
    } else answer(message, channel);
  };
}
server.on("onRegisterServer", (one: RegisteredServer, first: boolean) => tell("registered", { first, ...told(one) }));
server.on(
  "onUnregisterServer",
  (one: RegisteredServer, forced: boolean) => tell("unregistered", { forced, ...told(one) }),
);
await server.start();
tell("ready");
for await (const _ of Deno.stdin.readable);
await server.shutdown();
Deno.exit(0);
