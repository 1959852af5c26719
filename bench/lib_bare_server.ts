import {
  DataType,
  MessageSecurityMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  type UAVariable,
  Variant,
} from "node-opcua";

/** A node-opcua server as its tutorial builds one, to compare with. */
export interface BareServer extends AsyncDisposable {
  readonly url: string;
  /** Gives variables their next value. */
  set(names: readonly string[], value: number): void;
}

/** Starts one with a Double variable `ns=2;s=<name>` for each name, which anybody may read. */
export async function startBareServer(names: readonly string[]): Promise<BareServer> {
  const pkiDir = await Deno.makeTempDir();
  const manager = (name: string) =>
    new OPCUACertificateManager({
      rootFolder: `${pkiDir}/${name}`,
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    });
  const server = new OPCUAServer({
    host: "127.0.0.1",
    hostname: "127.0.0.1",
    port: 0,
    serverCertificateManager: manager("application"),
    userCertificateManager: manager("users"),
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256],
    nodesets: [nodesets.standard],
    serverInfo: { applicationUri: "urn:bare" },
    maxConnectionsPerEndpoint: 1000,
    serverCapabilities: { maxSessions: 1000, maxSubscriptions: 1000 },
    userManager: { isValidUser: () => true },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  if (space === null) throw new Error("Cannot run the bench as the bare server has no address space");
  space.registerNamespace("urn:unused");
  const namespace = space.getNamespace(2);
  const variables = new Map<string, UAVariable>();
  names.forEach((name, i) => {
    const variable = namespace.addVariable({
      nodeId: `s=${name}`,
      browseName: name,
      organizedBy: space.rootFolder.objects,
      dataType: "Double",
    });
    variable.setValueFromSource({ dataType: DataType.Double, value: i });
    variables.set(name, variable);
  });
  await server.start();
  return {
    url: server.getEndpointUrl(),
    set: (some, value) => {
      for (const name of some) {
        variables.get(name)?.setValueFromSource(
          new Variant({ dataType: DataType.Double, value }),
          StatusCodes.Good,
          new Date(),
        );
      }
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown(0);
      await Deno.remove(pkiDir, { recursive: true });
    },
  };
}
