import assert from "node:assert/strict";
import { join } from "node:path";
import { SqliteHubStore } from "../store/sqlite_hub_store.ts";
import { TlsKeys } from "./tls_keys.ts";

Deno.test("a certificate that the disk refuses to take is served all the same, and stored when it can be", async () => {
  const dir = await Deno.makeTempDir();
  const nowUs = () => 1_800_000_000_000_000;
  const store = SqliteHubStore.open(join(dir, "hub.db"), nowUs);
  const tls = new TlsKeys(store, ["hub.plant.example"], nowUs);
  const { transact } = store;
  store.transact = () => {
    throw new Error("database or disk is full");
  };
  await assert.rejects(tls.certify(), /disk is full/);
  const { certificatePem } = tls.current;
  assert.match(certificatePem, /^-----BEGIN CERTIFICATE-----/);
  store.transact = transact;
  await tls.certify();
  const stored = JSON.parse(store.meta("tls") ?? "{}") as { certificate: string };
  assert.equal(stored.certificate, tls.current.certificatePem);
  await tls.stop();
  store.close();
  await Deno.remove(dir, { recursive: true });
});
