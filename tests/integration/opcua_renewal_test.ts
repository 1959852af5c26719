import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { pkiCommand } from "../../src/cli/pki.ts";
import { userCommand } from "../../src/cli/user.ts";
import { startTestServer, type TestServer } from "../lib/opcua_client_gateway.ts";
import { captureLog } from "../lib/opcua_client_log.ts";
import { startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { runCommand } from "../lib/run_command.ts";
import { OpcUaCa } from "../lib/opcua_ca.ts";

const DAY_US = 86_400_000_000;

function ownFiles({ pkiDir }: Pick<TestServer, "pkiDir">) {
  const own = `${pkiDir}/application/own`;
  return {
    certificate: new X509Certificate(Deno.readTextFileSync(`${own}/certs/certificate.pem`)),
    key: Deno.readTextFileSync(`${own}/private/private_key.pem`),
    certificates: [...Deno.readDirSync(`${own}/certs`)].map(({ name }) => name).sort(),
    keys: [...Deno.readDirSync(`${own}/private`)].map(({ name }) => name).sort(),
    folders: [...Deno.readDirSync(own)].map(({ name }) => name).sort(),
    mode: (name: string) => (Deno.statSync(`${own}/${name}`).mode ?? 0) & 0o777,
  };
}

Deno.test("the server's certificate is renewed under open sessions", async (t) => {
  await using log = await captureLog();
  await using server = await startTestServer();
  await using client = await startOpcUaClient();
  const { handle } = server;
  const trust = handle.clientCertificates();
  const before = ownFiles(server);
  // short tokens: the channel is renewed every three seconds while this runs
  const old = await client.connect(server.url, { tokenLifetimeMs: 4000 });
  const reads = async (id: number) => {
    const [time] = await client.call<WireValue[]>("read", { id, nodes: ["i=2258"] });
    assert.equal(time?.status, 0);
  };
  const thumbprints = async () =>
    (await client.call<{ certificate: string }[]>("endpoints", { url: server.url, pki: client.pki }))
      .map(({ certificate }) => certificate);

  await t.step("with a new key: the old pair is kept as files, new connections get the new one", async () => {
    const { certificate, mismatches, backups } = await trust.renew({ newKey: true, days: 400 });
    const after = ownFiles(server);
    assert.equal(certificate.fingerprint, after.certificate.fingerprint256);
    assert.notEqual(certificate.fingerprint, before.certificate.fingerprint256);
    assert.notEqual(after.key, before.key);
    assert.deepEqual(mismatches, []);
    assert.deepEqual(backups.length, 2);
    assert.equal(Deno.readTextFileSync(backups[1] ?? ""), before.key);
    assert.ok(new X509Certificate(Deno.readTextFileSync(backups[0] ?? "")).raw.equals(before.certificate.raw));
    for (const path of backups) assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual([after.mode("private/private_key.pem"), after.mode("certs/certificate.pem")], [0o600, 0o644]);
    assert.deepEqual(after.folders, before.folders, "nothing is left of the preparation");
    assert.ok(Math.abs(certificate.notAfterUs - Date.now() * 1000 - 400 * DAY_US) < 2 * DAY_US);
    for (const name of ["urn:edgekeep:test-gateway", "127.0.0.1", "localhost"]) {
      assert.ok(certificate.names.includes(name));
    }
    assert.deepEqual([...new Set(await thumbprints())], [certificate.fingerprint.replaceAll(":", "").toLowerCase()]);
    assert.equal(log.of("opcua_certificate_installed").length, 1);
    assert.equal(handle.status().certificateNotAfterUs, certificate.notAfterUs);
  });

  await t.step("the open session goes on, also over renewals of its channel", async () => {
    const end = Date.now() + 5000;
    while (Date.now() < end) {
      await reads(old);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.equal(handle.status().sessions, 1);
    assert.equal(log.of("opcua_session_opened").length, 1, "it was never opened again");
  });

  await t.step("new clients log in with every policy, by password and with the new certificate", async () => {
    for (const policy of ["Basic256Sha256", "Aes256_Sha256_RsaPss"] as const) {
      const id = await client.connect(server.url, { policy });
      await reads(id);
      await client.call("close", { id });
    }
  });

  await t.step("with the same key", async () => {
    const { key } = ownFiles(server);
    const { certificate, backups } = await trust.renew({ newKey: false, days: 30 });
    assert.equal(ownFiles(server).key, key);
    assert.equal(backups.length, 1);
    assert.equal(ownFiles(server).certificate.fingerprint256, certificate.fingerprint);
    await reads(old);
    await client.call("close", { id: await client.connect(server.url) });
  });

  await t.step("by a CA that signs the request", async () => {
    const request = new x509.Pkcs10CertificateRequest(await trust.signingRequest());
    assert.ok(await request.verify());
    const ca = await OpcUaCa.make("Plant CA");
    const { certificate: issuer, keys } = ca.issuer;
    const sign = async (uri: string) =>
      (await x509.X509CertificateGenerator.create({
        serialNumber: "77",
        subject: request.subject,
        issuer: issuer.subject,
        notBefore: new Date(Date.now() - 1000),
        notAfter: new Date(Date.now() + 90 * 86_400_000),
        signingAlgorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
        publicKey: request.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.KeyUsagesExtension(
            x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.nonRepudiation |
              x509.KeyUsageFlags.keyEncipherment | x509.KeyUsageFlags.dataEncipherment,
          ),
          new x509.SubjectAlternativeNameExtension([{ type: "url", value: uri }, { type: "ip", value: "127.0.0.1" }]),
          await x509.SubjectKeyIdentifierExtension.create(request.publicKey),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      })).toString("pem");
    await assert.rejects(trust.install(await sign("urn:somebody:else")), /its application URI is urn:somebody:else/);
    await assert.rejects(
      trust.install((await ca.issue({ name: "Not ours" })).cert),
      /was not made for this server's key/,
    );
    await assert.rejects(trust.install("nonsense"), /holds none in PEM form/);
    const before = ownFiles(server).certificate.fingerprint256;
    const { certificate } = await trust.install(`${await sign("urn:edgekeep:test-gateway")}\n${ca.pair.cert}`);
    assert.notEqual(certificate.fingerprint, before);
    assert.match(certificate.issuer, /Plant CA/);
    await reads(old);
  });
});

Deno.test("a renewal that was cut off between key and certificate is finished at the next start", async () => {
  const pkiDir = await Deno.makeTempDir({ prefix: "edgekeep-opcua-" });
  try {
    {
      await using server = await startTestServer({ pkiDir });
      await server.handle.clientCertificates().renew({ newKey: true, days: 100 });
    }
    const own = `${pkiDir}/application/own`;
    const made = await Deno.readTextFile(`${own}/certs/certificate.pem`);
    const [old] = [...Deno.readDirSync(`${own}/certs`)].filter(({ name }) => name.includes("-until-"));
    await Deno.mkdir(`${own}/renewal/own/certs`, { recursive: true });
    await Deno.writeTextFile(`${own}/renewal/own/certs/certificate.pem`, made);
    await Deno.rename(`${own}/certs/${old?.name}`, `${own}/certs/certificate.pem`);
    await using server = await startTestServer({ pkiDir });
    assert.equal(await Deno.readTextFile(`${own}/certs/certificate.pem`), made);
    await using client = await startOpcUaClient();
    await client.call("close", { id: await client.connect(server.url) });
  } finally {
    await Deno.remove(pkiDir, { recursive: true });
  }
});

Deno.test("the end of the certificate is told 60, 30 and 7 days before, and when it has come", async () => {
  await using log = await captureLog();
  const pkiDir = await Deno.makeTempDir({ prefix: "edgekeep-opcua-" });
  const clock = { us: Date.now() * 1000 };
  try {
    await using server = await startTestServer({ pkiDir, nowUs: () => clock.us });
    const trust = server.handle.clientCertificates();
    // each renewal looks at the clock; the end is 90 days away then
    const { certificate } = await trust.renew({ newKey: false, days: 91 });
    const told = () => log.of("opcua_certificate_expiring").map(({ properties }) => properties.left);
    assert.deepEqual(told(), []);
    const levels: (string | undefined)[] = [];
    for (const days of [59, 29, 6, -1]) {
      clock.us = certificate.notAfterUs - days * DAY_US;
      server.handle.checkCertificate();
      server.handle.checkCertificate();
      levels.push(
        server.feed.since().filter(({ event }) => event === "opcua_certificate_expiring").at(-1)?.level,
      );
      const fault = server.faults.list().find(({ code }) => code === "certificate_expiring");
      assert.equal(fault !== undefined, days <= 30, `${days} days`);
    }
    assert.deepEqual(told(), [59, 29, 6, -1]);
    assert.deepEqual(levels, ["info", "warning", "warning", "error"]);
    clock.us = Date.now() * 1000;
    await trust.renew({ newKey: false, days: 400 });
    assert.deepEqual(server.faults.list().filter(({ code }) => code === "certificate_expiring"), []);
  } finally {
    await Deno.remove(pkiDir, { recursive: true });
  }
});

Deno.test("the command line works on the certificates of a gateway that does not run", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-pki-cli-" });
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return `${folder}/${name}`;
  };
  const pki = (...args: string[]) =>
    runCommand(
      pkiCommand({ opcuaPkiEntry: new URL("../../src/opcua_pki.ts", import.meta.url) }),
      ...args,
      "--project",
      folder,
    );
  try {
    await write("edgekeep.toml", '[runtime.web]\nlisten = "127.0.0.1:8080"\n');
    const ca = await OpcUaCa.make("Plant CA");
    const person = await ca.issue({ name: "Anna's card" });
    assert.match((await pki("list")).out, /There is no certificate yet/);
    assert.match((await pki("import", await write("ca.pem", ca.pair.cert))).out, /CN=Plant CA is added/);
    assert.match((await pki("import", await write("ca.crl", await ca.crl()), "--crl")).out, /CN=Plant CA is added/);
    assert.match((await pki("import", await write("card.pem", person.cert), "--users")).out, /Anna's card is added/);
    assert.notEqual((await pki("trust", person.fingerprint, "--users", "--user", "anna")).code, 0);
    const password = await write("password", "staple of the trade\n");
    await runCommand(
      userCommand(),
      "add",
      "anna",
      "--role",
      "operator",
      "--password-file",
      password,
      "--project",
      folder,
    );
    assert.match((await pki("trust", person.fingerprint, "--users", "--user", "anna")).out, /Anna's card is trusted/);
    const { users } = JSON.parse((await runCommand(userCommand(), "list", "--json", "--project", folder)).out);
    assert.deepEqual(users[0].certificates, [person.fingerprint]);
    const made = await pki("renew-opcua", "--days", "500");
    assert.match(made.out, /Valid until: \d{4}-\d\d-\d\d/);
    const kept = await pki("renew-opcua", "--keep-key");
    assert.match(kept.out, /Kept: {8}certificate-until-/);
    const listed = JSON.parse((await pki("list", "--json")).out);
    assert.deepEqual(
      [listed.own.subject, listed.trusted[0].subject, listed.crls[0].issuer, listed.users.trusted[0].subject],
      ["O=edgekeep,CN=Edgekeep", "CN=Plant CA", "CN=Plant CA", "CN=Anna's card"],
    );
    assert.match((await pki("csr")).out, /^-----BEGIN CERTIFICATE REQUEST-----/);
    assert.match((await pki("reject", person.fingerprint, "--users")).out, /not trusted any more/);
    assert.match((await pki("remove", person.fingerprint, "--users")).out, /is removed/);
    assert.notEqual((await pki("remove", person.fingerprint, "--users")).code, 0);
    assert.match((await pki("import", `${folder}/absent.pem`)).err, /Cannot read/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
