import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { makeServerCertificate } from "../../tls/make_certificate.ts";
import { clientCertificates } from "./client_certificates.ts";
import { openPki } from "./open_pki.ts";

Deno.test("certificates of clients are listed, trusted and rejected by their fingerprint", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-pki-" });
  const wishes = { applicationUri: "urn:edgekeep:test", applicationName: "Edgekeep", organisation: "", hosts: ["box"] };
  const pki = await openPki(dir, wishes, { acceptUnknown: false, requireCrl: true }, () => {});
  try {
    const list = clientCertificates({
      directory: pki.directory,
      files: { application: pki.application.files, users: pki.users.files },
      wishes: () => wishes,
      onChanged: () => Promise.resolve(pki.application.judge.forget()),
      onInstalled: () => Promise.resolve(),
    });
    const own = await list.own();
    const { trusted, rejected } = await list.list("application");
    assert.deepEqual([trusted, rejected], [[], []]);
    assert.ok(own?.names.includes("urn:edgekeep:test"));
    assert.ok(own?.names.includes("box"));

    const client = new X509Certificate(
      (await makeServerCertificate({ names: ["client"], commonName: "UaExpert" })).cert,
    );
    const other = new X509Certificate((await makeServerCertificate({ names: ["other"], commonName: "Other" })).cert);
    // as the library files them, and as a person may
    await pki.application.manager.rejectCertificate(client.raw);
    await Deno.writeFile(`${dir}/application/rejected/other.der`, other.raw);
    await Deno.writeTextFile(`${dir}/application/rejected/notes.pem`, "not a certificate");
    const names = async (which: "trusted" | "rejected") =>
      (await list.list("application"))[which].map(({ subject }) => subject).sort();
    assert.deepEqual(await names("rejected"), ["CN=Other", "CN=UaExpert"]);

    for (const { fingerprint256 } of [client, other]) {
      assert.equal(await list.reject("application", fingerprint256), null);
      assert.equal((await list.trust("application", fingerprint256))?.fingerprint, fingerprint256);
      assert.equal(await list.trust("application", fingerprint256), null);
    }
    assert.deepEqual([await names("trusted"), await names("rejected")], [["CN=Other", "CN=UaExpert"], []]);
    assert.equal(await pki.application.judge.verdict(client.raw), "Good");

    assert.equal((await list.reject("application", client.fingerprint256))?.subject, "CN=UaExpert");
    assert.deepEqual([await names("trusted"), await names("rejected")], [["CN=Other"], ["CN=UaExpert"]]);
    assert.notEqual(await pki.application.judge.verdict(client.raw), "Good");
    assert.equal(await list.trust("application", Array(32).fill("00").join(":")), null);
  } finally {
    await pki.dispose();
    await Deno.remove(dir, { recursive: true });
  }
});
