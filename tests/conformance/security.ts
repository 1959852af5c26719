import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPublicKey, createSign, X509Certificate } from "node:crypto";
import { type OpcUaPair, selfSigned } from "../lib/opcua_ca.ts";
import type { ConnectParams } from "../lib/opcua_client_process.ts";
import {
  activate,
  after,
  createSessionFields,
  type NewSession,
  newSession,
  probe,
  tokenPolicy,
  userToken,
} from "./activation.ts";
import { readOne } from "./attribute_read.ts";
import { suite } from "./suite.ts";
import { nodes, type World } from "./world.ts";
import { passwordPrincipal } from "../lib/password_principal.ts";

const policies = ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] as const;
const unitOf = {
  Basic256Sha256: "Security Policy - Basic256Sha256",
  Aes128_Sha256_RsaOaep: "Security Policy - Aes128-Sha256-RsaOaep",
  Aes256_Sha256_RsaPss: "Security Policy - Aes256-Sha256-RsaPss",
} as const;

async function reads(world: World, params: Partial<ConnectParams>): Promise<unknown> {
  const id = await world.connect(params);
  try {
    const { results } = await world.call("Read", { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }] }, { id });
    return results[0].value.value;
  } finally {
    await world.client.call("close", { id });
  }
}

async function end(world: World, { channel }: NewSession): Promise<void> {
  await world.client.call("closeChannel", { id: channel });
}

const der = ({ cert }: OpcUaPair) => new X509Certificate(cert).raw.toString("hex");

/** An activation with a person's certificate, signed with a key that may be another one's. */
async function activateByCertificate(world: World, session: NewSession, certificate: OpcUaPair, key = certificate.key) {
  const sign = createSign("RSA-SHA256");
  sign.update(Buffer.concat([Buffer.from(session.serverCertificate, "hex"), Buffer.from(session.serverNonce, "hex")]));
  return await activate(world, session, {
    userIdentityToken: {
      $type: "X509IdentityToken",
      policyId: tokenPolicy(session, 2),
      certificateData: { $bytes: der(certificate) },
    },
    userTokenSignature: {
      algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      signature: { $bytes: sign.sign(key).toString("hex") },
    },
  });
}

let card: Promise<OpcUaPair> | undefined;
/** The certificate of a person whom the server knows. */
const known = () => card ??= selfSigned({ name: "Anna" });

/** Channels, certificates and users (OPC 10000-2, OPC 10000-4 §5.6, §5.7.3, §7.41). */
export const security = suite("Security", {
  config: {
    security_policies: ["None", ...policies],
    security_modes: ["Sign", "SignAndEncrypt"],
  },
  access: {
    password: (name, password) =>
      Promise.resolve(
        (name === "operator" && password === "correct horse") || (name === "jörg" && password === "pässwörd €")
          ? {
            ok: true,
            principal: passwordPrincipal(name),
          }
          : { ok: false, reason: "password_mismatch" },
      ),
    certificate: (fingerprint) =>
      fingerprint === undefined ? { ok: false, reason: "certificate_unknown" } : {
        ok: true,
        principal: {
          kind: "certificate",
          name: "anna",
          role: "viewer",
          credential: "user:anna",
          user: "anna",
          expiresUs: null,
        },
      },
    presented: () => ({ waitMs: 0, proved() {} }),
    revoked: () => new AbortController().signal,
  },
}, (conformance) => {
  for (const policy of policies) {
    for (const mode of ["Sign", "SignAndEncrypt"] as const) {
      conformance(unitOf[policy], `${policy} with ${mode} carries a session`, async (world) => {
        strictEqual(await reads(world, { policy, mode }), 7);
      });
    }
    conformance(unitOf[policy], `a channel of ${policy} carries a message of many chunks`, async (world) => {
      const id = await world.connect({ policy, mode: "SignAndEncrypt" });
      const { results } = await world.call("Read", {
        nodesToRead: Array(5000).fill({ nodeId: nodes.label, attributeId: 13 }),
      }, { id });
      strictEqual(results.length, 5000);
      await world.client.call("close", { id });
    });
  }
  conformance(
    "Security Policy - None",
    "where None is configured a session goes without encryption, its password encrypted",
    async (world) => {
      strictEqual(await reads(world, { policy: "None", mode: "None" }), 7);
    },
  );
  conformance(
    "Security Policy - None",
    "without a channel's security a wrong password is refused all the same",
    async (world) => {
      await rejects(world.connect({ policy: "None", mode: "None", password: "wrong" }));
    },
  );
  conformance("Security Policy Required", "each endpoint but those named None has a policy", async (world) => {
    const answer = await world.call("GetEndpoints", { endpointUrl: world.server.url });
    const modes = answer.endpoints.map((
      { securityMode, securityPolicyUri }: { securityMode: number; securityPolicyUri: string },
    ) => [securityMode === 1, securityPolicyUri.endsWith("#None")]);
    for (const [none, policy] of modes) strictEqual(none, policy);
    strictEqual(modes.filter(([none]: boolean[]) => !none).length, 6);
  });
  conformance("Security Encryption Required", "the server offers SignAndEncrypt for each policy", async (world) => {
    const { endpoints } = await world.call("GetEndpoints", { endpointUrl: world.server.url });
    for (const policy of policies) {
      ok(
        endpoints.some(({ securityMode, securityPolicyUri }: { securityMode: number; securityPolicyUri: string }) =>
          securityMode === 3 && securityPolicyUri.endsWith(`#${policy}`)
        ),
      );
    }
  });
  conformance(
    "Security Encryption Required",
    "every user token with a secret asks for encryption, on a plain channel too",
    async (world) => {
      const { endpoints } = await world.call("GetEndpoints", { endpointUrl: world.server.url });
      type Token = { tokenType: number; securityPolicyUri: string | null };
      for (
        const { securityMode, userIdentityTokens } of endpoints as {
          securityMode: number;
          userIdentityTokens: Token[];
        }[]
      ) {
        for (const { tokenType, securityPolicyUri } of userIdentityTokens) {
          if (tokenType !== 1 || securityMode !== 1) continue;
          ok(securityPolicyUri && !securityPolicyUri.endsWith("#None"), String(securityMode));
        }
      }
    },
  );
  conformance(
    "Security Default ApplicationInstance Certificate",
    "the server has made itself a certificate that fits it",
    async (world) => {
      const session = await newSession(world);
      const certificate = new X509Certificate(Buffer.from(session.serverCertificate, "hex"));
      ok(certificate.subjectAltName?.includes("URI:urn:edgekeep:test-gateway"));
      ok(certificate.subjectAltName?.includes("127.0.0.1"));
      ok(Date.parse(certificate.validTo) > Date.now() && Date.parse(certificate.validFrom) <= Date.now());
      const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(
        certificate.publicKey.export({ type: "spki", format: "pem" }),
      );
      strictEqual(asymmetricKeyType, "rsa");
      ok((asymmetricKeyDetails?.modulusLength ?? 0) >= 2048);
      await end(world, session);
    },
  );
  const names: readonly (readonly [string, string, string])[] = [
    ["operator", "correct horse", "a known user"],
    ["jörg", "pässwörd €", "a user and a password beyond ASCII"],
  ];
  for (const [user, password, what] of names) {
    conformance("Security User Name Password", `${what} gets in`, async (world) => {
      const session = await newSession(world);
      const answer = await activate(world, session, {
        userIdentityToken: userToken(session, { userName: user }, password),
      });
      strictEqual(answer.responseHeader.serviceResult, "Good");
      strictEqual(await probe(world, session), "Good");
      await end(world, session);
    });
  }
  const refused: readonly (readonly [string, (session: NewSession) => Record<string, unknown>])[] = [
    ["a wrong password", (session) => userToken(session, {}, "wrong")],
    ["an empty password", (session) => userToken(session, {}, "")],
    ["a password in other letters", (session) => userToken(session, {}, "Correct horse")],
    ["an unknown user", (session) => userToken(session, { userName: "nobody" })],
    ["an empty user name", (session) => userToken(session, { userName: "" })],
    ["no user name", (session) => userToken(session, { userName: null })],
    ["a user name with control characters", (session) => userToken(session, { userName: "operator\u0000\n" })],
    ["a user name of 10,000 characters", (session) => userToken(session, { userName: "x".repeat(10_000) })],
  ];
  for (const [what, token] of refused) {
    conformance("Security User Name Password", `${what} is refused, and the session stays shut`, async (world) => {
      const session = await newSession(world);
      const { responseHeader } = await activate(world, session, { userIdentityToken: token(session) });
      ok(
        ["BadUserAccessDenied", "BadIdentityTokenRejected", "BadIdentityTokenInvalid"].includes(
          responseHeader.serviceResult,
        ),
        responseHeader.serviceResult,
      );
      ok(await probe(world, session) !== "Good");
      await end(world, session);
    });
  }
  const invalid: readonly (readonly [string, (session: NewSession) => unknown])[] = [
    ["an unknown policy id", (session) => userToken(session, { policyId: "nonsense" })],
    ["an unknown encryption", (session) => userToken(session, { encryptionAlgorithm: "http://nonsense" })],
    [
      "a password that is not encrypted",
      (session) =>
        userToken(session, {
          encryptionAlgorithm: null,
          password: { $bytes: Buffer.from("correct horse").toString("hex") },
        }),
    ],
    ["a password of made-up bytes", (session) => userToken(session, { password: { $bytes: "ab".repeat(256) } })],
    ["a password of too few bytes", (session) => userToken(session, { password: { $bytes: "ab" } })],
    ["no password", (session) => userToken(session, { password: null })],
    ["a password for another nonce", (session) => userToken({ ...session, serverNonce: "11".repeat(32) })],
    ["an anonymous token where none is offered", () => ({ $type: "AnonymousIdentityToken", policyId: "anonymous" })],
    ["no token at all", () => null],
    [
      "an issued token where none is offered",
      () => ({ $type: "IssuedIdentityToken", policyId: "issued", tokenData: { $bytes: "00" } }),
    ],
  ];
  for (const [what, token] of invalid) {
    conformance("Security Invalid user token", `${what} is refused`, async (world) => {
      const session = await newSession(world);
      const { responseHeader } = await activate(world, session, { userIdentityToken: token(session) });
      ok(
        ["BadIdentityTokenInvalid", "BadIdentityTokenRejected", "BadUserAccessDenied"].includes(
          responseHeader.serviceResult,
        ),
        responseHeader.serviceResult,
      );
      ok(await probe(world, session) !== "Good");
      await end(world, session);
    });
  }
  conformance(
    "Security Invalid user token",
    "a token that was seen before does not work in another session",
    async (world) => {
      const first = await newSession(world);
      const token = userToken(first);
      strictEqual((await activate(world, first, { userIdentityToken: token })).responseHeader.serviceResult, "Good");
      const second = await newSession(world);
      ok((await activate(world, second, { userIdentityToken: token })).responseHeader.serviceResult !== "Good");
      await end(world, first);
      await end(world, second);
    },
  );
  conformance("Security Invalid user token", "after refused tokens a right one gets in", async (world) => {
    const session = await newSession(world);
    await activate(world, session, { userIdentityToken: userToken(session, {}, "wrong") });
    const fresh = await newSession(world);
    strictEqual((await activate(world, fresh)).responseHeader.serviceResult, "Good");
    await end(world, session);
    await end(world, fresh);
  });
  conformance("Session Change User", "a session goes from one user to another", async (world) => {
    const session = await newSession(world);
    const next = after(session, await activate(world, session));
    const token = userToken(next, { userName: "jörg" }, "pässwörd €");
    strictEqual((await activate(world, next, { userIdentityToken: token })).responseHeader.serviceResult, "Good");
    strictEqual(await probe(world, session), "Good");
    await end(world, session);
  });
  conformance("Security User X509", "endpoints offer logins by certificate", async (world) => {
    const session = await newSession(world);
    ok(tokenPolicy(session, 2).length > 0);
    await end(world, session);
  });
  conformance("Security User X509", "a certificate that nobody trusted is refused", async (world) => {
    const session = await newSession(world);
    const { responseHeader } = await activateByCertificate(world, session, await selfSigned({ name: "Nobody" }));
    ok(responseHeader.serviceResult.startsWith("Bad"), responseHeader.serviceResult);
    ok(await probe(world, session) !== "Good");
    await end(world, session);
  });
  conformance("Security User X509", "a person with a trusted certificate and its key gets in", async (world) => {
    const anna = await known();
    await world.server.handle.clientCertificates().add("users", "trusted", new TextEncoder().encode(anna.cert));
    const session = await newSession(world);
    strictEqual((await activateByCertificate(world, session, anna)).responseHeader.serviceResult, "Good");
    strictEqual(await probe(world, session), "Good");
    await end(world, session);
  });
  conformance(
    "Security User X509",
    "a trusted certificate without its key is BadUserSignatureInvalid",
    async (world) => {
      const session = await newSession(world);
      const { key } = await selfSigned({ name: "Thief" });
      const { responseHeader } = await activateByCertificate(world, session, await known(), key);
      strictEqual(responseHeader.serviceResult, "BadUserSignatureInvalid");
      await end(world, session);
    },
  );
  conformance("Security User X509", "a certificate that has ended is refused", async (world) => {
    const old = await selfSigned({ name: "Old", days: -1 });
    await world.server.handle.clientCertificates().add("users", "trusted", new TextEncoder().encode(old.cert)).catch(
      () => {},
    );
    const session = await newSession(world);
    const { responseHeader } = await activateByCertificate(world, session, old);
    ok(responseHeader.serviceResult.startsWith("Bad"), responseHeader.serviceResult);
    await end(world, session);
  });
  conformance("Security User X509", "made-up bytes for a certificate are refused", async (world) => {
    const session = await newSession(world);
    const { responseHeader } = await activate(world, session, {
      userIdentityToken: {
        $type: "X509IdentityToken",
        policyId: tokenPolicy(session, 2),
        certificateData: { $bytes: "ab".repeat(300) },
      },
      userTokenSignature: {
        algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        signature: { $bytes: "00" },
      },
    });
    ok(responseHeader.serviceResult.startsWith("Bad"), responseHeader.serviceResult);
    strictEqual((await readOne(world, nodes.counter)).status, "Good");
    await end(world, session);
  });
  conformance(
    "Security Certificate Validation",
    "the certificate in CreateSession must be the channel's",
    async (world) => {
      const id = await world.open();
      const other = await selfSigned({ name: "Other", uri: "urn:edgekeep:test:client" });
      const fields = createSessionFields(world, { clientCertificate: { $bytes: der(other) } });
      const answer = await world.call("CreateSession", fields, { id });
      ok(answer.responseHeader.serviceResult.startsWith("Bad"), answer.responseHeader.serviceResult);
      await world.client.call("closeChannel", { id });
    },
  );
  conformance(
    "Security User Name Password",
    "the names of users tell nothing: unknown and known fail alike",
    async (world) => {
      const statuses = [];
      for (const userName of ["operator", "nobody"]) {
        const session = await newSession(world);
        statuses.push(
          (await activate(world, session, { userIdentityToken: userToken(session, { userName }, "wrong") }))
            .responseHeader.serviceResult,
        );
        await end(world, session);
      }
      deepStrictEqual(statuses[0], statuses[1]);
    },
  );
});
