import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type DiscoveryServer, type DiscoveryServerOptions, startDiscoveryServer } from "../lib/discovery_server.ts";
import { startTestServer } from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";
import { suite } from "./suite.ts";
import type { UnitName } from "./units.ts";
import type { Stage, World } from "./world.ts";

const URI = "urn:edgekeep:test-gateway";

interface Described {
  readonly applicationUri: string;
  readonly productUri: string;
  readonly applicationType: number;
  readonly applicationName: { readonly text: string };
  readonly discoveryUrls: readonly string[];
}

const discoveryServers = new WeakMap<object, DiscoveryServer>();
const discoveryServerOf = (world: World): DiscoveryServer => {
  const found = discoveryServers.get(world.server);
  ok(found);
  return found;
};

/** A gateway that registers ten times a second with a discovery server, each of which trusts the other. */
async function stage(options: DiscoveryServerOptions): Promise<Stage> {
  await using undo = new AsyncDisposableStack();
  const discovery = undo.use(await startDiscoveryServer(options));
  const pkiDir = await Deno.makeTempDir({ prefix: "edgekeep-registration-" });
  undo.defer(() => Deno.remove(pkiDir, { recursive: true }));
  const trusted = `${pkiDir}/application/trusted/certs`;
  await Deno.mkdir(trusted, { recursive: true });
  await Deno.copyFile(discovery.certificateFile, `${trusted}/discovery.pem`);
  const server = undo.use(
    await startTestServer({
      pkiDir,
      config: { discovery_server_url: discovery.url, discovery_register_seconds: 0.1, host_ip_address: "0.0.0.0" },
    }),
  );
  discoveryServers.set(server, discovery);
  const kept = undo.move();
  return {
    server,
    user: "operator",
    password: "correct horse",
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** FindServers over a channel without a session; at the gateway itself, or at the discovery server. */
async function find(world: World, url: string, serverUris: readonly string[] = []): Promise<readonly Described[]> {
  const id = await world.open({ url, policy: "None", mode: "None" });
  try {
    const answer = await world.call("FindServers", { endpointUrl: url, serverUris }, { id });
    strictEqual(answer.responseHeader.serviceResult, "Good");
    return (answer.servers ?? []) as Described[];
  } finally {
    await world.client.call("closeChannel", { id });
  }
}

const registered = (world: World) => waitFor("a registration", () => discoveryServerOf(world).of("registered")[0]);

/** Registration with a discovery server (OPC 10000-4 §5.5.5, §5.5.6): one of today, and one of before RegisterServer2. */
function registration(unit: UnitName, service: "RegisterServer" | "RegisterServer2", options: DiscoveryServerOptions) {
  return suite(unit, { stage: () => stage(options) }, (conformance) => {
    conformance(
      unit,
      `${service} is called, ${options.withoutRegister2 ? "after RegisterServer2 was" : "and nothing"} refused`,
      async (world) => {
        await registered(world);
        const services = new Set(discoveryServerOf(world).of("asked").map((one) => one.service));
        deepStrictEqual([...services], options.withoutRegister2 ? ["RegisterServer2", "RegisterServer"] : [service]);
      },
    );
    conformance(unit, "it is called over a channel with another mode than None", async (world) => {
      await registered(world);
      for (const { mode, policy } of discoveryServerOf(world).of("asked")) {
        deepStrictEqual([mode, policy], ["SignAndEncrypt", "Basic256Sha256"]);
      }
    });
    conformance(unit, "the server URI is the application URI", async (world) => {
      const { serverUri } = await registered(world);
      const [own] = await find(world, world.server.url);
      deepStrictEqual([serverUri, own?.applicationUri], [URI, URI]);
    });
    conformance(unit, "product URI, name and type are those of the server", async (world) => {
      const { productUri, names, serverType } = await registered(world);
      const [own] = await find(world, world.server.url);
      deepStrictEqual(
        [productUri, names, serverType],
        [own?.productUri, [own?.applicationName.text], own?.applicationType],
      );
    });
    conformance(unit, "the discovery URLs are those that are advertised, none a wildcard", async (world) => {
      const { discoveryUrls } = await registered(world);
      ok((discoveryUrls ?? []).length > 0);
      deepStrictEqual(discoveryUrls, world.server.handle.endpoints);
      for (const url of discoveryUrls ?? []) {
        match(url, /^opc\.tcp:\/\//);
        ok(!url.includes("0.0.0.0") && !url.includes("[::]"), url);
      }
    });
    conformance(unit, "no semaphore file is named: whether it is online, it says itself", async (world) => {
      strictEqual((await registered(world)).semaphoreFilePath, null);
      for (const { isOnline } of discoveryServerOf(world).of("asked")) strictEqual(isOnline, true);
    });
    conformance(
      unit,
      "clients find the server at the discovery server, and connect by what they find",
      async (world) => {
        await registered(world);
        const [found] = await find(world, discoveryServerOf(world).url, [URI]);
        strictEqual(found?.applicationUri, URI);
        const [url = ""] = found.discoveryUrls;
        const [own] = await find(world, url);
        strictEqual(own?.applicationUri, URI);
      },
    );
    conformance(unit, "the registration is renewed", async (world) => {
      const renewed = await waitFor("a renewal", () => discoveryServerOf(world).of("registered")[1]);
      strictEqual(renewed.first, false);
    });
    if (service === "RegisterServer2") {
      conformance(unit, "what is announced has a name below 64 bytes and capabilities of Annex D", async (world) => {
        await registered(world);
        const [asked] = discoveryServerOf(world).of("asked");
        deepStrictEqual(asked?.configuration, [{ name: "Edgekeep", capabilities: ["DA", "HD", "AC", "HE"] }]);
      });
    }
    // the last one: the server is stopped
    conformance(unit, "at its end the server says that it is offline, and is not found any more", async (world) => {
      await registered(world);
      const discovery = discoveryServerOf(world);
      await world.server.handle.stop();
      const gone = await waitFor("the end", () => discovery.of("unregistered")[0]);
      deepStrictEqual([gone.serverUri, gone.forced], [URI, false]);
      const last = discovery.of("asked").at(-1);
      deepStrictEqual([last?.service, last?.isOnline], [service, false]);
      deepStrictEqual(await find(world, discovery.url, [URI]), []);
    });
  });
}

/** Registration with a discovery server of before OPC UA 1.04. */
export const discoveryRegister = registration("Discovery Register", "RegisterServer", { withoutRegister2: true });
/** Registration with a discovery server of today. */
export const discoveryRegister2 = registration("Discovery Register2", "RegisterServer2", {});
