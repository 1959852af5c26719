import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CertificateRefused } from "../../src/operations/client_certificates.ts";
import { issuedBy, OpcUaCa, type OpcUaPair, selfSigned } from "../lib/opcua_ca.ts";
import { startTestServer } from "../lib/opcua_client_gateway.ts";
import { captureLog } from "../lib/opcua_client_log.ts";
import { startOpcUaClient } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";

const uri = "urn:edgekeep:test:client";
const bytes = (text: string) => new TextEncoder().encode(text);
const pemData = (pem: string) => pem.split("\n").filter((line) => !line.startsWith("-----")).join("");

function files(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("clients of a CA", async (t) => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { trust_client_cert: false } });
  await using client = await startOpcUaClient();
  const { handle } = server;
  const trust = handle.clientCertificates();
  const store = `${server.pkiDir}/application`;
  const ca = await OpcUaCa.make("Plant CA");
  const scada = await ca.issue({ name: "SCADA", uri });
  const connect = (application: OpcUaPair, more: OpcUaPair[] = []) =>
    client.connect(server.url, {
      application: { key: application.key, cert: [application, ...more].map(({ cert }) => cert).join("") },
    });
  const closed = () => waitFor("the session to end", () => handle.status().sessions === 0);
  const works = async (application: OpcUaPair, more: OpcUaPair[] = []) => {
    await client.call("close", { id: await connect(application, more) });
    await closed();
  };
  const add = (kind: "trusted" | "issuer" | "crl", text: string) => trust.add("application", kind, bytes(text));
  const verdict = () => log.of("opcua_channel_failed").at(-1)?.properties.reason;

  await t.step("of an unknown CA are refused and filed", async () => {
    await assert.rejects(connect(scada));
    await waitFor("the certificate in rejected/", () => files(`${store}/rejected`).length === 1);
    assert.deepEqual((await trust.list("application")).rejected.map(({ subject }) => subject), ["CN=SCADA"]);
  });

  await t.step("of a trusted CA without its revocation list are refused, and let in with it", async () => {
    assert.equal((await add("trusted", ca.pair.cert) as { subject: string }).subject, "CN=Plant CA");
    await assert.rejects(connect(scada));
    await waitFor("the reason", () => verdict() === "BadCertificateRevocationUnknown");
    await add("crl", await ca.crl());
    await works(scada);
    const { trusted, crls } = await trust.list("application");
    assert.deepEqual(trusted.map(({ subject }) => subject), ["CN=Plant CA"]);
    assert.deepEqual(crls.map(({ issuer, revoked }) => [issuer, revoked]), [["CN=Plant CA", 0]]);
  });

  await t.step("of a CA below a trusted one need its certificate and both lists", async () => {
    const line = await OpcUaCa.make("Line CA", ca);
    const panel = await line.issue({ name: "Panel", uri });
    await assert.rejects(connect(panel));
    await add("issuer", line.pair.cert);
    await assert.rejects(connect(panel));
    await add("crl", await line.crl());
    await works(panel);
    await works(panel, [line.pair]);
    assert.deepEqual(files(`${store}/issuers/crl`).length, 1, "a list stands beside its CA");
    const { fingerprint } = line.pair;
    await trust.remove("application", fingerprint);
    assert.deepEqual((await trust.list("application")).issuers, []);
    await works(panel, [line.pair]);
    await assert.rejects(connect(panel));
  });

  await t.step("a client cannot make itself clients", async () => {
    await trust.add("application", "trusted", bytes(scada.cert));
    const child = await issuedBy(scada, { name: "Child", uri });
    await assert.rejects(connect(child));
    await waitFor("the reason", () => verdict() === "BadCertificateRevocationUnknown");
    await trust.remove("application", scada.fingerprint);
  });

  await t.step("that are revoked are refused, and their sessions end, whoever put the list there", async () => {
    const other = await ca.issue({ name: "Other", uri });
    await connect(scada);
    ca.revoke(other);
    await add("crl", await ca.crl());
    assert.equal(files(`${store}/trusted/crl`).length, 1, "the newer list replaces the older");
    await assert.rejects(connect(other));
    await waitFor("the reason", () => verdict() === "BadCertificateRevoked");
    assert.equal(handle.status().sessions, 1);
    ca.revoke(scada);
    await Deno.writeTextFile(`${store}/trusted/crl/by-hand.pem`, (await ca.crl()).replaceAll(" CRL", " X509 CRL"));
    await closed();
    const ended = log.of("opcua_session_ended").at(-1)?.properties;
    assert.match(String(ended?.reason), /BadCertificateRevoked/);
    assert.equal(ended?.source_ip, "127.0.0.1");
    await assert.rejects(connect(scada));
  });

  await t.step("whose certificate has ended are refused", async () => {
    await assert.rejects(connect(await ca.issue({ name: "Late", uri, days: -1 })));
    await waitFor("the reason", () => verdict() === "BadCertificateTimeInvalid");
  });
});

Deno.test("a missing revocation list can be allowed", async () => {
  await using server = await startTestServer({ config: { trust_client_cert: false, require_crl: false } });
  await using client = await startOpcUaClient();
  const ca = await OpcUaCa.make("Plant CA");
  const scada = await ca.issue({ name: "SCADA", uri });
  const trust = server.handle.clientCertificates();
  await trust.add("application", "trusted", bytes(ca.pair.cert));
  await client.call("close", { id: await client.connect(server.url, { application: scada }) });
  // and whoever is trusted is no CA for that
  await trust.add("application", "trusted", bytes(scada.cert));
  const child = await issuedBy(scada, { name: "Child", uri });
  await assert.rejects(client.connect(server.url, { application: child }));
});

Deno.test("what is uploaded is looked at before it is written", async () => {
  await using server = await startTestServer();
  const trust = server.handle.clientCertificates();
  const [ca, stranger] = [await OpcUaCa.make("Plant CA"), await OpcUaCa.make("Stranger")];
  const leaf = await ca.issue({ name: "Leaf", uri });
  const old = await ca.issue({ name: "Old", uri, days: -1 });
  const cases: [kind: "trusted" | "issuer" | "crl", data: string | Uint8Array, why: RegExp][] = [
    ["trusted", "", /exactly one .* nothing in PEM form/],
    ["trusted", leaf.cert + ca.pair.cert, /exactly one/],
    ["trusted", leaf.key, /holds a private key/],
    ["trusted", leaf.cert + leaf.key, /holds a private key/],
    ["trusted", leaf.key + leaf.cert, /holds a private key/],
    ["trusted", new Uint8Array(Buffer.from(pemData(leaf.key), "base64")), /damaged/],
    ["trusted", leaf.key.replaceAll("PRIVATE KEY", "CERTIFICATE"), /damaged/],
    ["trusted", new Uint8Array([0x30, 0x82, 1, 2, 3]), /damaged/],
    ["trusted", "x".repeat(200_000), /more than 65536 bytes/],
    ["trusted", old.cert, /ended on/],
    ["issuer", leaf.cert, /not the certificate of a CA/],
    ["crl", leaf.cert, /found CERTIFICATE/],
    ["crl", new Uint8Array([0x30, 3, 1, 2, 3]), /damaged/],
    ["crl", await stranger.crl(), /no CA here has signed it/],
    ["crl", (await ca.crl()) + leaf.key, /holds a private key/],
  ];
  for (const [kind, data, why] of cases) {
    await assert.rejects(
      trust.add("application", kind, typeof data === "string" ? bytes(data) : data),
      (error: Error) =>
        error instanceof CertificateRefused && why.test(error.message) && !error.message.includes("-----"),
      String(why),
    );
  }
  await trust.add("application", "trusted", bytes(ca.pair.cert));
  const [older, newer] = [await ca.crl(), await ca.crl()];
  await trust.add(
    "application",
    "crl",
    new Uint8Array([...Buffer.from(pemData(newer), "base64"), ...bytes("and a secret")]),
  );
  const [filed = ""] = files(`${server.pkiDir}/application/trusted/crl`);
  assert.equal(
    pemData(await Deno.readTextFile(`${server.pkiDir}/application/trusted/crl/${filed}`)),
    pemData(newer),
    "nothing but the list is stored",
  );
  await assert.rejects(trust.add("application", "crl", bytes(older)), /a newer one/);
  const root = `${server.pkiDir}/application`;
  assert.equal(files(`${root}/trusted/certs`).length, 1);
  assert.equal(files(`${root}/trusted/crl`).length, 1);
  assert.deepEqual(files(`${root}/issuers/certs`), []);
  await assert.rejects(trust.install(leaf.cert + leaf.key), /holds a private key/);
});

Deno.test("a revocation list takes the place of those that its own CA signed, whatever name another one has", async () => {
  await using server = await startTestServer({ config: { trust_client_cert: false } });
  await using client = await startOpcUaClient();
  const trust = server.handle.clientCertificates();
  const [ca, twin, other] = [
    await OpcUaCa.make("Plant CA"),
    await OpcUaCa.make("Plant CA"),
    await OpcUaCa.make("Other"),
  ];
  for (const one of [ca, twin, other]) await trust.add("application", "trusted", bytes(one.pair.cert));
  const thief = await ca.issue({ name: "Thief", uri });
  ca.revoke(thief);
  await trust.add("application", "crl", bytes(await ca.crl()));
  const revoked = async () => (await trust.list("application")).crls.map((one) => one.revoked).toSorted();
  await twin.crl();
  await trust.add("application", "crl", bytes(await twin.crl()));
  assert.deepEqual(await revoked(), [0, 1]);
  await assert.rejects(
    trust.add("application", "crl", bytes(await other.crl("CN=Plant CA"))),
    /no CA here has signed it/,
  );
  assert.deepEqual(await revoked(), [0, 1]);
  await ca.crl();
  await trust.add("application", "crl", bytes(await ca.crl()));
  assert.deepEqual(await revoked(), [0, 1]);
  await assert.rejects(client.connect(server.url, { application: thief }));
  const honest = [await ca.issue({ name: "Honest", uri }), await twin.issue({ name: "Honest", uri })];
  for (const application of honest) {
    await client.call("close", {
      id: await client.connect(server.url, { application, user: "operator", password: "correct horse" }),
    });
  }
});

Deno.test("a key that is too short is not trusted, be it uploaded or rejected before", async () => {
  await using server = await startTestServer({ config: { trust_client_cert: false } });
  await using client = await startOpcUaClient();
  const trust = server.handle.clientCertificates();
  const weak = await selfSigned({ name: "Weak", uri, bits: 1024 });
  await assert.rejects(trust.add("application", "trusted", bytes(weak.cert)), /2048 bits or more/);
  await assert.rejects(client.connect(server.url, { application: weak }));
  await Deno.writeTextFile(`${server.pkiDir}/application/rejected/weak.pem`, weak.cert);
  await assert.rejects(trust.trust("application", weak.fingerprint), /2048 bits or more/);
  assert.deepEqual((await trust.list("application")).trusted, []);
});

Deno.test("the same upload many times at once is filed once, and a name leads nowhere else", async () => {
  await using server = await startTestServer();
  const trust = server.handle.clientCertificates();
  const ca = await OpcUaCa.make("Plant CA");
  await trust.add("application", "issuer", bytes(ca.pair.cert));
  const [leaf, crl] = [await ca.issue({ name: "../../../own/private/x", uri }), await ca.crl()];
  const uploads = [1, 2, 3, 4].flatMap(() => [
    trust.add("application", "trusted", bytes(leaf.cert)),
    trust.add("application", "crl", bytes(crl)),
  ]);
  await Promise.all(uploads);
  const root = `${server.pkiDir}/application`;
  assert.match(files(`${root}/trusted/certs`).join(), /^\.\._\.\._\.\._own_private_x\[[0-9a-f]{40}\]\.pem$/);
  assert.equal(files(`${root}/issuers/crl`).length, 1);
  const renewals = await Promise.all([1, 2, 3].map(() => trust.renew({ newKey: true, days: 100 })));
  assert.equal(new Set(renewals.flatMap(({ backups }) => backups)).size, 6);
  assert.equal((await trust.own())?.fingerprint, renewals.at(-1)?.certificate.fingerprint);
});

Deno.test("rejected certificates are bounded in number, the newest stay, and the log stays quiet", async () => {
  await using log = await captureLog();
  await using server = await startTestServer({ config: { trust_client_cert: false } });
  await using client = await startOpcUaClient();
  const folder = `${server.pkiDir}/application/rejected`;
  for (let i = 0; i < 100; i++) {
    await Deno.writeTextFile(`${folder}/flood-${i}.pem`, `flood ${i}`);
    await Deno.utime(`${folder}/flood-${i}.pem`, 1000 + i, 1000 + i);
  }
  const stranger = await selfSigned({ name: "Stranger", uri });
  await assert.rejects(client.connect(server.url, { application: stranger }));
  await waitFor("the certificate", () => files(folder).some((name) => name.startsWith("Stranger")));
  assert.equal(files(folder).length, 100);
  assert.ok(!files(folder).includes("flood-0.pem"));
  assert.ok(files(folder).includes("flood-1.pem"));
  for (let i = 0; i < 4; i++) await assert.rejects(client.connect(server.url, { application: stranger }));
  assert.equal(files(folder).length, 100);
  assert.equal(log.of("opcua_certificate_rejected").length, 1);
  const crowd = await Promise.all(Array.from({ length: 6 }, (_, i) => selfSigned({ name: `Crowd ${i}`, uri })));
  await Promise.all(crowd.map((application) => assert.rejects(client.connect(server.url, { application }))));
  assert.equal(files(folder).length, 100);
});
