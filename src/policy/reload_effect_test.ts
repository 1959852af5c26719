import assert from "node:assert/strict";
import { allValues } from "../config/schema_tree.ts";
import { reloadEffects, strongestEffect } from "./reload_effect.ts";

Deno.test("Every key that the schema knows has an effect", () => {
  const values = allValues();
  assert.ok(values.length > 80);
  for (const { path } of values) assert.ok((reloadEffects(path)?.length ?? 0) > 0, path.join("."));
  assert.equal(reloadEffects(["nonsense", "key"]), null);
});

Deno.test("A key of its own counts more than its table", () => {
  assert.deepEqual(reloadEffects(["opcua", "host_port"]), ["opcua"]);
  assert.deepEqual(reloadEffects(["opcua", "user_password"]), ["live"]);
  assert.deepEqual(reloadEffects(["runtime", "tls", "cert_path"]), ["web", "control"]);
  assert.deepEqual(reloadEffects(["application", "device", "read_metric", "scale"]), ["live"]);
});

Deno.test("The strongest effect is the one that disturbs most", () => {
  assert.equal(strongestEffect([]), null);
  assert.equal(strongestEffect(["live"]), "live");
  assert.equal(strongestEffect(["web", "live", "source"]), "web");
  assert.equal(strongestEffect(["process", "worker"]), "process");
});

Deno.test("A section that a role does not use changes nothing of what it runs", () => {
  assert.deepEqual(reloadEffects(["hub", "psk"], "hub"), ["worker"]);
  assert.deepEqual(reloadEffects(["hub", "psk"], "gateway"), ["live"]);
  assert.deepEqual(reloadEffects(["opcua", "host_port"], "hub"), ["live"]);
  assert.deepEqual(reloadEffects(["runtime", "web", "listen"], "hub"), ["web"]);
  for (const role of ["gateway", "hub"] as const) assert.deepEqual(reloadEffects(["agent", "dir"], role), ["live"]);
});
