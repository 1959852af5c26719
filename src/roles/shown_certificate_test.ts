import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import type { ServerCertificate } from "../tls/server_certificate.ts";
import { TestCa } from "../../tests/lib/test_ca.ts";
import { shownCertificate } from "./shown_certificate.ts";

Deno.test("shownCertificate() has the certificate as DER, and its end", async () => {
  const ca = await TestCa.make();
  const pair = await ca.issue("gateway.example", "server");
  const { material, facts } = {
    material: { ...pair, clientCa: null },
    facts: { notAfterUs: 1_800_000_000_000_000 } as ServerCertificate["facts"],
  };
  const shown = shownCertificate({ material, facts } as ServerCertificate);
  deepStrictEqual([shown?.notAfterUs, shown?.ofApplication], [1_800_000_000_000_000, false]);
  strictEqual(new X509Certificate(shown?.der ?? "").subject, "CN=gateway.example");
  strictEqual(shownCertificate(null), null);
});
