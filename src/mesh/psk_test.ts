import assert from "node:assert/strict";
import { filled, node, other } from "../../tests/lib/mesh_keys.ts";
import { endToEndPsk, hubPsk, isPskConfirm, pskConfirm, pskLeader } from "./psk.ts";

Deno.test("both ends get the same part of the hub, each pair and each id another", () => {
  const master = filled(15);
  const part = hubPsk(master, node, other, 1);
  assert.equal(part.length, 32);
  assert.deepEqual(hubPsk(master, other, node, 1), part);
  assert.notDeepEqual(hubPsk(master, node, other, 2), part);
  assert.notDeepEqual(hubPsk(master, node, node, 1), part);
  assert.notDeepEqual(hubPsk(filled(16), node, other, 1), part);
});

Deno.test("the PSK needs both secrets and the very offer", () => {
  const [kem, part] = [filled(17), filled(18)];
  const psk = endToEndPsk(kem, part, "offer");
  for (
    const another of [endToEndPsk(part, part, "offer"), endToEndPsk(kem, kem, "offer"), endToEndPsk(kem, part, "Offer")]
  ) {
    assert.notDeepEqual(another, psk);
  }
  assert.throws(() => endToEndPsk(filled(1, 31), part, "offer"), RangeError);
  assert.throws(() => pskConfirm(kem, filled(1, 33), "offer"), RangeError);
});

Deno.test("the confirmation fits the same secrets only and is not the PSK", () => {
  const [kem, part] = [filled(17), filled(18)];
  const confirm = pskConfirm(kem, part, "offer");
  assert.notDeepEqual(confirm, endToEndPsk(kem, part, "offer"));
  assert.ok(isPskConfirm(confirm, pskConfirm(kem, part, "offer")));
  assert.ok(!isPskConfirm(confirm, pskConfirm(filled(1), part, "offer")));
  assert.ok(!isPskConfirm(confirm, confirm.subarray(1)));
});

Deno.test("the lower id leads", () => {
  assert.equal(pskLeader(node, other), node < other ? node : other);
  assert.equal(pskLeader(other, node), pskLeader(node, other));
});
