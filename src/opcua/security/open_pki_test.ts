import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { EventFeed } from "../../telemetry/event_feed.ts";
import { FaultBoard } from "../../telemetry/fault_board.ts";
import { WARN_BEFORE_US, watchCertificate } from "./certificate_watch.ts";
import { openPki, type Pki } from "./open_pki.ts";
import type { IdentityWishes } from "./own_identity.ts";

const WISHES: IdentityWishes = {
  applicationUri: "urn:edgekeep:test",
  applicationName: "Edgekeep",
  organisation: "Plant / North",
  hosts: ["192.168.1.7", "plant-box"],
};

function modeOf(path: string): string {
  return ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
}

/** Opens a PKI and closes it again. */
async function opened(pkiDir: string, wishes: IdentityWishes = WISHES): Promise<Pki> {
  const pki = await openPki(pkiDir, wishes, { acceptUnknown: false, requireCrl: true }, () => {});
  await pki.dispose();
  return pki;
}

Deno.test("the PKI directory", async (t) => {
  const pkiDir = await Deno.makeTempDir();
  const application = `${pkiDir}/pki/application`;
  const key = `${application}/own/private/private_key.pem`;
  const certificate = `${application}/own/certs/certificate.pem`;
  // no mode may depend on the umask of whoever starts the gateway
  const umask = Deno.umask(0o077);
  try {
    const first = await opened(`${pkiDir}/pki`);

    await t.step("is made with its modes at the first start", () => {
      for (const store of ["application", "users"]) {
        const root = `${pkiDir}/pki/${store}`;
        for (
          const folder of [
            "",
            "/own",
            "/own/certs",
            "/trusted/certs",
            "/trusted/crl",
            "/issuers/certs",
            "/issuers/crl",
            "/rejected",
          ]
        ) strictEqual(modeOf(`${root}${folder}`), "755", `${store}${folder}`);
        strictEqual(modeOf(`${root}/own/private`), "700");
        strictEqual(modeOf(`${root}/own/private/private_key.pem`), "600");
      }
      strictEqual(modeOf(certificate), "644");
    });

    await t.step("holds a certificate with our subject, URI, names and addresses", () => {
      const parsed = new X509Certificate(Deno.readTextFileSync(certificate));
      match(parsed.subject, /CN=Edgekeep/);
      match(parsed.subject, /O=Plant North/);
      const names = parsed.subjectAltName ?? "";
      for (const name of ["URI:urn:edgekeep:test", "DNS:plant-box", "DNS:localhost", "192.168.1.7", "127.0.0.1"]) {
        ok(names.includes(name), name);
      }
      strictEqual(first.identity.created, true);
      deepStrictEqual(first.identity.mismatches, []);
      strictEqual(parsed.publicKey.asymmetricKeyDetails?.modulusLength, 2048);
      ok(first.identity.notAfterUs > Date.now() * 1000 + 3600 * 86_400_000_000);
    });

    await t.step("is kept at the next start", async () => {
      const before = [Deno.readTextFileSync(key), Deno.readTextFileSync(certificate)];
      const second = await opened(`${pkiDir}/pki`);
      strictEqual(second.identity.created, false);
      deepStrictEqual([Deno.readTextFileSync(key), Deno.readTextFileSync(certificate)], before);
    });

    await t.step("says where the certificate does not fit the configuration", async () => {
      const { identity } = await opened(`${pkiDir}/pki`, {
        ...WISHES,
        applicationUri: "urn:edgekeep:other",
        hosts: ["192.168.1.7", "10.0.0.1", "new-name"],
      });
      strictEqual(identity.mismatches.length, 2);
      match(identity.mismatches[0] ?? "", /urn:edgekeep:test.*urn:edgekeep:other/);
      match(identity.mismatches[1] ?? "", /new-name, 10\.0\.0\.1/);
    });

    await t.step("is refused while others can read a key, with the way to mend it", async () => {
      for (
        const [path, mode, recipe] of [[key, 0o640, "chmod 600"], [
          `${application}/own/private`,
          0o750,
          "chmod 700",
        ]] as const
      ) {
        const before = Deno.statSync(path).mode ?? 0;
        Deno.chmodSync(path, mode);
        await rejects(opened(`${pkiDir}/pki`), (error: Error & { code?: string; exitCode?: number }) => {
          deepStrictEqual([error.code, error.exitCode], ["key_mode", 6]);
          ok(error.message.includes(`${recipe} '${path}'`), error.message);
          return true;
        });
        strictEqual((Deno.statSync(path).mode ?? 0) & 0o777, mode, "nothing is changed behind the operator's back");
        Deno.chmodSync(path, before & 0o777);
      }
    });

    await t.step("is refused with a damaged key or certificate, or one that belongs to another", async () => {
      const cases = [
        [key, "not a key", "key_unreadable"],
        [certificate, "not a certificate", "certificate_unreadable"],
        [certificate, "", "certificate_unreadable"],
        [key, Deno.readTextFileSync(`${pkiDir}/pki/users/own/private/private_key.pem`), "certificate_key_mismatch"],
      ] as const;
      for (const [path, text, code] of cases) {
        const before = Deno.readTextFileSync(path);
        Deno.writeTextFileSync(path, text);
        await rejects(opened(`${pkiDir}/pki`), (error: Error & { code?: string; exitCode?: number }) => {
          deepStrictEqual([error.code, error.exitCode], [code, 6]);
          ok(error.message.includes(path) || code === "certificate_key_mismatch");
          ok(!error.message.includes("PRIVATE KEY-----"));
          return true;
        });
        Deno.writeTextFileSync(path, before);
      }
      await opened(`${pkiDir}/pki`);
    });

    await t.step("that cannot be written is refused by name", async () => {
      await Deno.writeTextFile(`${pkiDir}/occupied`, "a file");
      await rejects(opened(`${pkiDir}/occupied/pki`), { code: "pki_not_writable", exitCode: 6 });
    });

    await t.step("raises a fault before the certificate ends, and takes it back", () => {
      let nowUs = first.identity.notAfterUs - WARN_BEFORE_US - 1;
      const faults = new FaultBoard(() => nowUs);
      const feed = new EventFeed(() => nowUs);
      const watch = watchCertificate({
        identity: () => first.identity,
        mismatches: () => [],
        faults,
        feed,
        nowUs: () => nowUs,
      });
      watch.stop();
      watch.check();
      deepStrictEqual(faults.list(), []);
      nowUs += 2;
      watch.check();
      deepStrictEqual(faults.list().map(({ code }) => code), ["certificate_expiring"]);
      match(faults.list()[0]?.detail ?? "", /valid until/);
      nowUs = first.identity.notAfterUs + 1;
      watch.check();
      match(faults.list()[0]?.detail ?? "", /ended on/);
      nowUs = first.identity.notBeforeUs;
      watch.check();
      deepStrictEqual(faults.list(), []);
    });
  } finally {
    Deno.umask(umask);
    await Deno.remove(pkiDir, { recursive: true });
  }
});
