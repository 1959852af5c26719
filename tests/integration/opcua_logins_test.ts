import assert from "node:assert/strict";
import type { LoginRefusal } from "../../src/opcua/sessions/session_watch.ts";
import { constants, createSign, publicEncrypt, X509Certificate } from "node:crypto";
import { Buffer } from "node:buffer";
import type { LoginAccess } from "../../src/opcua/sessions/session_logins.ts";
import { accessWorld, noSettings } from "../lib/access_world.ts";
import { OpcUaCa, type OpcUaPair, selfSigned } from "../lib/opcua_ca.ts";
import { startTestServer } from "../lib/opcua_client_gateway.ts";
import { captureLog } from "../lib/opcua_client_log.ts";
import { type OpcUaClientProcess, type ServiceAnswer, startOpcUaClient } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";
import { passwordPrincipal } from "../lib/password_principal.ts";

const password = "staple of the trade";
const configUser = { name: "scada", password: "configured password" };

Deno.test("OPC UA logins of stored and configured users", async (t) => {
  await using world = await accessWorld({ settings: { ...noSettings, configUser } });
  const { access, clock } = world;
  await access.addUser({ name: "bert", password, role: "viewer" });
  await access.addUser({ name: "anna", password, role: "admin" });
  const failures: LoginRefusal[] = [];
  const news: unknown[] = [];
  await using server = await startTestServer({
    access,
    onAuthFailed: (failure) => failures.push(failure),
    onSession: ({ what, user, address }, principal) => news.push([what, user, address, principal?.role]),
  });
  await using client = await startOpcUaClient();
  const { handle } = server;
  const login = (user: string, secret = password) => client.connect(server.url, { user, password: secret });
  const ended = () => waitFor("the session to end", () => handle.list().length === 0);

  await t.step("any role gets in, and the session is listed", async () => {
    const id = await login("bert");
    const [entry, ...others] = handle.list();
    assert.equal(others.length, 0);
    assert.deepEqual([entry?.kind, entry?.name, entry?.role, entry?.address], ["opcua", "bert", "viewer", "127.0.0.1"]);
    assert.match(entry?.id ?? "", /^[0-9a-f-]{36}$/);
    assert.ok((entry?.client ?? "") !== "");
    assert.ok((entry?.createdUs ?? 0) > 0);
    await client.call("close", { id });
    await ended();
    assert.equal(handle.close(entry?.id ?? ""), false);
    assert.deepEqual(news, [["opened", "bert", "127.0.0.1", "viewer"], ["closed", "bert", "127.0.0.1", "viewer"]]);
  });

  await t.step("sessions end with what they logged in with", async () => {
    const changes: Record<string, readonly [name: string, secret: string, change: () => unknown]> = {
      "switched off": ["bert", password, () => access.setUser("bert", { disabled: true })],
      "removed": ["anna", password, () => access.removeUser("anna")],
      "another configured password": [
        "scada",
        configUser.password,
        () => access.configure({ ...noSettings, configUser: { ...configUser, password: "a new password" } }),
      ],
    };
    for (const [name, [user, secret, change]] of Object.entries(changes)) {
      await login(user, secret);
      assert.equal(handle.list()[0]?.name, user, name);
      await change();
      await ended();
      assert.equal(handle.status().sessions, 0, name);
      await assert.rejects(login(user, secret), /BadUserAccessDenied/, name);
    }
    assert.deepEqual(failures.map(({ user, reason }) => [user, reason]), [
      ["bert", "user_disabled"],
      ["anna", "user_mismatch"],
      ["scada", "password_mismatch"],
    ]);
    assert.ok(failures.every(({ address, endpoint }) => address === "127.0.0.1" && endpoint.startsWith("opc.tcp://")));
    assert.ok(!JSON.stringify(failures).includes(password));
  });

  await t.step("an admin closes a session", async () => {
    await access.setUser("bert", { disabled: false });
    await login("bert");
    assert.equal(handle.close(handle.list()[0]?.id ?? ""), true);
    await ended();
  });

  await t.step("guesses are throttled, and the user's own address is told apart by name", async () => {
    failures.length = 0;
    for (let i = 0; i < 7; i++) await assert.rejects(login("mallory", `guess number ${i}`), /BadUserAccessDenied/);
    assert.equal(failures.at(-1)?.reason, "throttled");
    await client.call("close", { id: await login("bert") });
    clock.us += 3_600_000_000;
    await ended();
  });
});

function rejectedUsers(pkiDir: string): string[] {
  return [...Deno.readDirSync(`${pkiDir}/users/rejected`)].map(({ name }) => name);
}

Deno.test("people log in by certificate", async (t) => {
  await using log = await captureLog();
  await using world = await accessWorld();
  const { access, clock } = world;
  await access.addUser({ name: "anna", password, role: "operator" });
  const failures: LoginRefusal[] = [];
  await using server = await startTestServer({ access, onAuthFailed: (failure) => failures.push(failure) });
  await using client = await startOpcUaClient();
  const { handle } = server;
  const trust = handle.clientCertificates();
  const card = await selfSigned({ name: "Anna's card" });
  const login = (person: { cert: string; key: string }, more = {}) => client.connect(server.url, { person, ...more });
  const ended = () => waitFor("the session to end", () => handle.list().length === 0);
  const lastReason = () => failures.at(-1)?.reason;

  await t.step("one that nobody trusts is refused and filed", async () => {
    await assert.rejects(login(card), /BadIdentityTokenRejected/);
    assert.deepEqual([lastReason(), failures.at(-1)?.address], ["BadCertificateUntrusted", "127.0.0.1"]);
    assert.equal(rejectedUsers(server.pkiDir).length, 1);
    assert.ok(
      log.of("opcua_certificate_rejected").some(({ properties }) =>
        String(properties.folder).endsWith("/users/rejected")
      ),
    );
    await assert.rejects(login(card), /BadIdentityTokenRejected/);
    assert.equal(rejectedUsers(server.pkiDir).length, 1, "the same one is filed once");
  });

  await t.step("one that is trusted and stands for nobody is refused all the same", async () => {
    assert.equal((await trust.list("users")).rejected[0]?.fingerprint, card.fingerprint);
    assert.equal((await trust.trust("users", card.fingerprint))?.subject, "CN=Anna's card");
    await assert.rejects(login(card), /BadUserAccessDenied/);
    assert.equal(lastReason(), "certificate_unknown");
    assert.equal(handle.list().length, 0);
  });

  await t.step("one that stands for a user has the user's name and role, over every policy", async () => {
    await access.setUser("anna", { certificates: [card.fingerprint] });
    for (const policy of ["Basic256Sha256", "Aes256_Sha256_RsaPss"] as const) {
      const id = await login(card, { policy });
      const [entry] = handle.list();
      assert.deepEqual([entry?.name, entry?.role, entry?.address], ["anna", "operator", "127.0.0.1"]);
      await client.call("close", { id });
      await ended();
    }
  });

  await t.step("whoever has the certificate and not the key is refused", async () => {
    const thief = await selfSigned({ name: "Anna's card" });
    await assert.rejects(login({ cert: card.cert, key: thief.key }), /BadUserSignatureInvalid/);
    assert.equal(lastReason(), "BadUserSignatureInvalid");
  });

  await t.step("a session ends with the trust, and with the user", async () => {
    await login(card);
    await trust.reject("users", card.fingerprint);
    await ended();
    assert.match(String(log.of("opcua_session_ended").at(-1)?.properties.reason), /BadCertificateUntrusted/);
    await trust.trust("users", card.fingerprint);
    await login(card);
    await access.setUser("anna", { disabled: true });
    await ended();
    await assert.rejects(login(card), /BadUserAccessDenied/);
    assert.equal(lastReason(), "user_disabled");
    await access.setUser("anna", { disabled: false });
  });

  await t.step("one that has ended is refused", async () => {
    const old = await selfSigned({ name: "Old card", days: -1 });
    await Deno.writeTextFile(`${server.pkiDir}/users/trusted/certs/old.pem`, old.cert);
    await access.setUser("anna", { certificates: [card.fingerprint, old.fingerprint] });
    await assert.rejects(login(old), /BadIdentityTokenRejected/);
    assert.equal(lastReason(), "BadCertificateTimeInvalid");
  });

  await t.step("strangers are throttled, and do not shut the owner out", async () => {
    clock.us += 3_600_000_000 * 24;
    failures.length = 0;
    const strangers = await Promise.all(Array.from({ length: 7 }, (_, i) => selfSigned({ name: `Stranger ${i}` })));
    const before = rejectedUsers(server.pkiDir).length;
    for (const stranger of strangers) await assert.rejects(login(stranger));
    assert.deepEqual(failures.map(({ reason }) => reason).slice(3), [
      "BadCertificateUntrusted",
      "BadCertificateUntrusted",
      "throttled",
      "throttled",
    ]);
    assert.equal(rejectedUsers(server.pkiDir).length, before + 5, "a throttled one is not even looked at");
    const id = await login(card);
    await assert.rejects(login(strangers[6] as OpcUaPair), /BadUserAccessDenied/);
    assert.equal(handle.list().length, 1, "an open session is never closed by it");
    await client.call("close", { id });
    await ended();
  });

  await t.step("the list of a CA lets its people in, and its revocation list ends it", async () => {
    clock.us += 3_600_000_000 * 24;
    const ca = await OpcUaCa.make("People CA");
    const bert = await ca.issue({ name: "Bert's card" });
    await access.addUser({ name: "bert", password, role: "viewer" });
    await access.setUser("bert", { certificates: [bert.fingerprint] });
    await trust.add("users", "trusted", new TextEncoder().encode(ca.pair.cert));
    await assert.rejects(login(bert), /BadIdentityTokenRejected/);
    assert.equal(lastReason(), "BadCertificateRevocationUnknown");
    await trust.add("users", "crl", new TextEncoder().encode(await ca.crl()));
    await login(bert);
    assert.equal(handle.list()[0]?.role, "viewer");
    ca.revoke(bert);
    await trust.add("users", "crl", new TextEncoder().encode(await ca.crl()));
    await ended();
    await assert.rejects(login(bert), /BadIdentityTokenRejected/);
    assert.equal(lastReason(), "BadCertificateRevoked");
  });
});

/** A session on an endpoint without security, where every field of a login is the test's own. */
class BareSession {
  static readonly #POLICY = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";

  private constructor(readonly client: OpcUaClientProcess, readonly channel: number, readonly created: ServiceAnswer) {}

  static async open(client: OpcUaClientProcess, url: string): Promise<BareSession> {
    const channel = await client.call<number>("open", { url, pki: client.pki });
    const created = await client.call<ServiceAnswer>("service", {
      id: channel,
      service: "CreateSession",
      fields: {
        endpointUrl: url,
        sessionName: "bare",
        requestedSessionTimeout: 60_000,
        clientDescription: { applicationUri: "urn:edgekeep:test:client", applicationName: { text: "Bare" } },
      },
    });
    assert.equal(created.responseHeader.serviceResult, "Good");
    return new BareSession(client, channel, created);
  }

  get serverCertificate(): X509Certificate {
    return new X509Certificate(bytes(this.created.serverCertificate));
  }

  /** What a client encrypts: length, password, nonce (OPC 10000-4 §7.40.2.2). */
  secret(secret: string, nonce = bytes(this.created.serverNonce)): string {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(secret.length + nonce.length);
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const plain = Buffer.concat([length, Buffer.from(secret), nonce]);
    return publicEncrypt({ key: this.serverCertificate.publicKey, padding, oaepHash: "sha1" }, plain).toString("hex");
  }

  sign({ key }: OpcUaPair, nonce = bytes(this.created.serverNonce)): Record<string, unknown> {
    const signature = createSign("RSA-SHA256").update(this.serverCertificate.raw).update(nonce).sign(key);
    return {
      algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      signature: { $bytes: signature.toString("hex") },
    };
  }

  async activate(
    token: Record<string, unknown>,
    more: Record<string, unknown> = {},
    channel = this.channel,
  ): Promise<ServiceAnswer> {
    return await this.client.call<ServiceAnswer>("service", {
      id: channel,
      service: "ActivateSession",
      fields: {
        header: { authenticationToken: this.created.authenticationToken },
        userIdentityToken: token,
        ...more,
      },
    });
  }

  static name(userName: string, password: string, encrypted = true): Record<string, unknown> {
    return {
      $type: "UserNameIdentityToken",
      policyId: "username_basic256Sha256",
      userName,
      password: { $bytes: password },
      encryptionAlgorithm: encrypted ? "http://www.w3.org/2001/04/xmlenc#rsa-oaep" : null,
    };
  }

  static certificate({ cert }: OpcUaPair): Record<string, unknown> {
    return {
      $type: "X509IdentityToken",
      policyId: "certificate_basic256Sha256",
      certificateData: { $bytes: Buffer.from(new X509Certificate(cert).raw).toString("hex") },
    };
  }
}

function bytes(wire: { $bytes: string }): Buffer {
  return Buffer.from(wire.$bytes, "hex");
}

Deno.test("passwords are taken encrypted alone, and only once", async (t) => {
  const asked: string[] = [];
  const operator: LoginAccess = {
    password: (name, given) => {
      asked.push(given);
      return Promise.resolve(
        given === "correct horse"
          ? {
            ok: true,
            principal: passwordPrincipal(name),
          }
          : { ok: false, reason: "password_mismatch" },
      );
    },
    certificate: () => ({ ok: false, reason: "certificate_unknown" }),
    presented: () => ({ waitMs: 0, proved() {} }),
    revoked: () => new AbortController().signal,
  };
  await using server = await startTestServer({ access: operator, config: { security_policies: ["None"] } });
  await using client = await startOpcUaClient();
  const { name } = BareSession;
  const result = (answer: ServiceAnswer) => answer.responseHeader.serviceResult;
  const hex = (text: string) => Buffer.from(text).toString("hex");

  await t.step("plain text is refused, whatever it claims to be", async () => {
    const session = await BareSession.open(client, server.url);
    for (
      const [token, status] of [
        [name("operator", hex("correct horse"), false), "BadIdentityTokenInvalid"],
        [name("operator", hex("correct horse")), "BadIdentityTokenInvalid"],
        [
          { ...name("operator", hex("correct horse"), false), policyId: "username_unsecure" },
          "BadIdentityTokenInvalid",
        ],
        [{ ...name("operator", hex("correct horse"), false), policyId: null }, "BadIdentityTokenInvalid"],
      ] as const
    ) {
      assert.equal(result(await session.activate(token)), status, JSON.stringify(token));
    }
    assert.deepEqual(asked, [], "nobody was asked whether it is right");
    assert.equal(server.handle.status().rejectedLogins, 4);
  });

  await t.step("an encrypted one is taken, and not a second time", async () => {
    const session = await BareSession.open(client, server.url);
    const secret = session.secret("correct horse");
    const good = await session.activate(name("operator", secret));
    assert.equal(result(good), "Good");
    assert.equal(result(await session.activate(name("operator", secret))), "BadIdentityTokenInvalid");
    assert.equal(asked.length, 1);
    const fresh = session.secret("correct horse", bytes(good.serverNonce));
    assert.equal(result(await session.activate(name("operator", fresh))), "Good");
  });

  await t.step("one that was recorded on another session is refused", async () => {
    const recorded = (await BareSession.open(client, server.url)).secret("correct horse");
    const session = await BareSession.open(client, server.url);
    assert.equal(result(await session.activate(name("operator", recorded))), "BadIdentityTokenInvalid");
    assert.equal(asked.length, 2);
  });
});

Deno.test("a session that was opened by certificate moves to another channel with its owner alone", async () => {
  await using world = await accessWorld();
  const { access } = world;
  const [card, other] = [await selfSigned({ name: "Card" }), await selfSigned({ name: "Other" })];
  await access.addUser({ name: "anna", password, role: "engineer" });
  await access.setUser("anna", { certificates: [card.fingerprint, other.fingerprint] });
  await using server = await startTestServer({ access, config: { security_policies: ["None"] } });
  await using client = await startOpcUaClient();
  const trust = server.handle.clientCertificates();
  for (const { cert } of [card, other]) await trust.add("users", "trusted", new TextEncoder().encode(cert));
  const { certificate, name } = BareSession;
  const session = await BareSession.open(client, server.url);
  const first = await session.activate(certificate(card), { userTokenSignature: session.sign(card) });
  assert.equal(first.responseHeader.serviceResult, "Good");
  const nonce = bytes(first.serverNonce);
  const elsewhere = await client.call<number>("open", { url: server.url, pki: client.pki });
  const move = async (token: Record<string, unknown>, signature?: Record<string, unknown>) => {
    const more = signature === undefined ? {} : { userTokenSignature: signature };
    return (await session.activate(token, more, elsewhere)).responseHeader.serviceResult;
  };
  assert.equal(await move(certificate(other), session.sign(other, nonce)), "BadIdentityChangeNotSupported");
  assert.equal(await move(name("anna", session.secret(password, nonce))), "BadIdentityChangeNotSupported");
  assert.equal(await move(certificate(card), session.sign(other, nonce)), "BadUserSignatureInvalid");
  assert.deepEqual(
    server.handle.list().map(({ name, role }) => [name, role]),
    [["anna", "engineer"]],
    "it is as it was",
  );
  assert.equal(await move(certificate(card), session.sign(card, nonce)), "Good");
  assert.deepEqual(server.handle.list().map(({ name, role }) => [name, role]), [["anna", "engineer"]]);
  const garbage = await BareSession.open(client, server.url);
  const token = {
    $type: "X509IdentityToken",
    policyId: "certificate_basic256Sha256",
    certificateData: { $bytes: "3000ff" },
  };
  const answer = await garbage.activate(token, { userTokenSignature: garbage.sign(card) });
  assert.notEqual(answer.responseHeader.serviceResult, "Good");
});

Deno.test("the role of a session is that of its newest login, and a failed one changes nothing", async () => {
  await using world = await accessWorld();
  const { access } = world;
  await access.addUser({ name: "anna", password, role: "engineer" });
  await access.addUser({ name: "bert", password, role: "viewer" });
  await using server = await startTestServer({ access, config: { security_policies: ["None"] } });
  await using client = await startOpcUaClient();
  const { name } = BareSession;
  const session = await BareSession.open(client, server.url);
  let nonce = bytes(session.created.serverNonce);
  const login = async (user: string, secret = password) => {
    const answer = await session.activate(name(user, session.secret(secret, nonce)));
    if (answer.responseHeader.serviceResult === "Good") nonce = bytes(answer.serverNonce);
    return answer.responseHeader.serviceResult;
  };
  const others = async () => {
    const { results } = await client.call<ServiceAnswer>("service", {
      id: session.channel,
      service: "Read",
      fields: {
        header: { authenticationToken: session.created.authenticationToken },
        nodesToRead: [{ nodeId: "i=3707", attributeId: 13 }],
        timestampsToReturn: 3,
      },
    });
    return [server.handle.list()[0]?.name, results[0].statusCode];
  };
  assert.equal(await login("anna"), "Good");
  assert.deepEqual(await others(), ["anna", 0]);
  assert.equal(await login("bert", "a wrong password"), "BadUserAccessDenied");
  assert.deepEqual(await others(), ["anna", 0]);
  assert.equal(await login("bert"), "Good");
  assert.deepEqual(await others(), ["bert", 0x801f_0000]);
});
