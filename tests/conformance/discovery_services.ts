import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { Buffer } from "node:buffer";
import { suite } from "./suite.ts";
import type { World } from "./world.ts";

interface Endpoint {
  readonly endpointUrl: string;
  readonly securityMode: number;
  readonly securityPolicyUri: string;
  readonly securityLevel: number;
  readonly transportProfileUri: string;
  readonly serverCertificate: { readonly $bytes: string };
  readonly server: {
    readonly applicationUri: string;
    readonly productUri: string;
    readonly applicationType: number;
    readonly applicationName: { readonly text: string };
    readonly discoveryUrls: readonly string[] | null;
  };
  readonly userIdentityTokens: readonly {
    readonly policyId: string;
    readonly tokenType: number;
    readonly securityPolicyUri: string | null;
  }[];
}

/** A discovery client: a channel without security and without a session. */
async function discover(world: World, service: string, fields: Record<string, unknown>) {
  const id = await world.open({ policy: "None", mode: "None" });
  try {
    return await world.call(service, { endpointUrl: world.server.url, ...fields }, { id });
  } finally {
    await world.client.call("closeChannel", { id });
  }
}

async function endpoints(world: World, fields: Record<string, unknown> = {}): Promise<readonly Endpoint[]> {
  const answer = await discover(world, "GetEndpoints", fields);
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return answer.endpoints as Endpoint[];
}

type Server = Endpoint["server"];

async function servers(world: World, fields: Record<string, unknown> = {}): Promise<readonly Server[]> {
  const answer = await discover(world, "FindServers", fields);
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return (answer.servers ?? []) as Server[];
}

const binary = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";

/** GetEndpoints and FindServers (OPC 10000-4 §5.5). */
export const discoveryServices = suite("Discovery Services", {
  config: {
    security_policies: ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"],
    security_modes: ["Sign", "SignAndEncrypt"],
  },
}, (conformance) => {
  conformance("Discovery Get Endpoints", "needs neither a session nor a secured channel", async (world) => {
    ok((await endpoints(world)).length > 0);
  });
  conformance(
    "Discovery Get Endpoints",
    "offers each configured policy with each mode, and no other",
    async (world) => {
      const offered = (await endpoints(world)).map((e) => `${e.securityPolicyUri.split("#")[1]} ${e.securityMode}`)
        .sort();
      deepStrictEqual(offered, [
        "Aes128_Sha256_RsaOaep 2",
        "Aes128_Sha256_RsaOaep 3",
        "Aes256_Sha256_RsaPss 2",
        "Aes256_Sha256_RsaPss 3",
        "Basic256Sha256 2",
        "Basic256Sha256 3",
      ]);
    },
  );
  conformance("Discovery Get Endpoints", "names the binary transport in every endpoint", async (world) => {
    deepStrictEqual(new Set((await endpoints(world)).map((e) => e.transportProfileUri)), new Set([binary]));
  });
  conformance("Discovery Get Endpoints", "encrypts more at a higher security level", async (world) => {
    const all = await endpoints(world);
    for (const policy of new Set(all.map((e) => e.securityPolicyUri))) {
      const of = (mode: number) =>
        all.find((e) => e.securityPolicyUri === policy && e.securityMode === mode)?.securityLevel ?? -1;
      ok(of(3) > of(2), policy);
    }
  });
  conformance("Discovery Get Endpoints", "hands out a certificate that names the application", async (world) => {
    for (const endpoint of await endpoints(world)) {
      const certificate = new X509Certificate(Buffer.from(endpoint.serverCertificate.$bytes, "hex"));
      match(certificate.subjectAltName ?? "", /URI:urn:edgekeep:test-gateway/);
      strictEqual(endpoint.server.applicationUri, "urn:edgekeep:test-gateway");
    }
  });
  conformance("Discovery Get Endpoints", "gives the URL that a client can reach", async (world) => {
    for (const { endpointUrl } of await endpoints(world)) strictEqual(endpointUrl, world.server.url);
  });
  conformance("Discovery Get Endpoints", "describes a server by name and product", async (world) => {
    for (const { server } of await endpoints(world)) {
      ok(server.applicationType === 0 || server.applicationType === 2);
      ok(server.applicationName.text.length > 0);
      ok(server.productUri.length > 0);
    }
  });
  conformance("Discovery Get Endpoints", "gives user tokens ids that are unique in their endpoint", async (world) => {
    for (const { userIdentityTokens } of await endpoints(world)) {
      const ids = userIdentityTokens.map(({ policyId }) => policyId);
      strictEqual(new Set(ids).size, ids.length);
      ok(ids.length > 0 && ids.every((id) => id.length > 0));
    }
  });
  for (
    const [profiles, found] of [
      [[binary], true],
      [["http://opcfoundation.org/UA-Profile/Transport/https-uabinary"], false],
      [["nonsense"], false],
      [["nonsense", binary], true],
    ] as const
  ) {
    conformance(
      "Discovery Get Endpoints",
      `filters by transport profiles (${profiles.map((p) => p.split("/").at(-1)).join(", ")})`,
      async (world) => {
        strictEqual((await endpoints(world, { profileUris: profiles })).length > 0, found);
      },
    );
  }
  for (const localeIds of [["de"], ["en", "fr"], ["nonsense"]]) {
    conformance(
      "Discovery Get Endpoints",
      `answers in what it has when asked for ${localeIds.join(", ")}`,
      async (world) => {
        ok((await endpoints(world, { localeIds })).length > 0);
      },
    );
  }
  for (const endpointUrl of [null, "", "nonsense", "http://127.0.0.1", "opc.tcp://"]) {
    conformance(
      "Discovery Get Endpoints",
      `answers with its own URL when asked for '${endpointUrl}'`,
      async (world) => {
        for (const endpoint of await endpoints(world, { endpointUrl })) {
          strictEqual(endpoint.endpointUrl, world.server.url);
        }
      },
    );
  }
  conformance("Discovery Get Endpoints", "answers on a secured channel alike", async (world) => {
    const id = await world.open();
    const answer = await world.call("GetEndpoints", { endpointUrl: world.server.url }, { id });
    strictEqual(answer.endpoints.length, 6);
    await world.client.call("closeChannel", { id });
  });
  conformance("Discovery Find Servers Self", "the server finds itself", async (world) => {
    const found = await servers(world);
    deepStrictEqual(found.map(({ applicationUri }) => applicationUri), ["urn:edgekeep:test-gateway"]);
  });
  conformance("Discovery Find Servers Self", "its description is that of the endpoints", async (world) => {
    const [[server], [endpoint]] = [await servers(world), await endpoints(world)];
    deepStrictEqual(
      [server?.applicationUri, server?.productUri, server?.applicationName.text, server?.applicationType],
      [
        endpoint?.server.applicationUri,
        endpoint?.server.productUri,
        endpoint?.server.applicationName.text,
        endpoint?.server.applicationType,
      ],
    );
  });
  conformance(
    "Discovery Find Servers Self",
    "its discovery URLs are connectable and never a wildcard",
    async (world) => {
      const [server] = await servers(world);
      ok((server?.discoveryUrls ?? []).length > 0);
      for (const url of server?.discoveryUrls ?? []) {
        match(url, /^opc\.tcp:\/\//);
        ok(!url.includes("0.0.0.0") && !url.includes("[::]"), url);
      }
    },
  );
  for (
    const [uris, count] of [[["urn:edgekeep:test-gateway"], 1], [["urn:somebody:else"], 0], [[
      "urn:somebody:else",
      "urn:edgekeep:test-gateway",
    ], 1]] as const
  ) {
    conformance("Discovery Find Servers Self", `filtering by ${uris.join(" and ")} gives ${count}`, async (world) => {
      strictEqual((await servers(world, { serverUris: uris })).length, count);
    });
  }
  for (const endpointUrl of [null, "opc.tcp://scada.example.com:4840", "nonsense"]) {
    conformance("Discovery Find Servers Self", `answers when asked under '${endpointUrl}'`, async (world) => {
      strictEqual((await servers(world, { endpointUrl })).length, 1);
    });
  }
  for (const service of ["RegisterServer", "RegisterServer2", "FindServersOnNetwork"]) {
    conformance(
      "Discovery Find Servers Self",
      `${service} belongs to a discovery server: BadServiceUnsupported`,
      async (world) => {
        const answer = await discover(world, service, {});
        strictEqual(answer.responseHeader.serviceResult, "BadServiceUnsupported");
      },
    );
  }
  for (const service of ["Read", "Browse", "CreateSession", "ActivateSession", "CreateSubscription", "Call"]) {
    conformance(
      "Security Policy Required",
      `a channel for discovery is for nothing else: ${service} is refused`,
      async (world) => {
        const fields = service === "CreateSession"
          ? { clientNonce: { $bytes: crypto.randomUUID().replaceAll("-", "").repeat(2) } }
          : {};
        const answer = await discover(world, service, { ...fields, endpointUrl: undefined }).catch((error: Error) =>
          error
        );
        if (answer instanceof Error) return;
        ok(answer.responseHeader.serviceResult.startsWith("Bad"), answer.responseHeader.serviceResult);
      },
    );
  }
});
