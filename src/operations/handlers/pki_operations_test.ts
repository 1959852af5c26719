import assert from "node:assert/strict";
import { OperationsWorld } from "../../../tests/lib/operations_world.ts";

Deno.test("a certificate of a person is trusted and given to a user in one call", async () => {
  await using world = await OperationsWorld.open();
  const { fingerprint } = world.certificates.certificate;
  await world.access.addUser({ name: "anna", password: "a long password of anna", role: "operator" });
  const trust = (params: object) => world.call("pki.trust", { fingerprint, ...params });
  const refused = async (params: object) => {
    const answer = await trust(params);
    return answer.ok ? "ok" : answer.code;
  };
  assert.equal(await refused({ user: "anna" }), "bad_params", "a client stands for nobody");
  assert.equal(await refused({ user: "nobody", store: "users" }), "not_found");
  assert.deepEqual([world.certificates.trusted, world.access.users()[0]?.certificates], [false, []]);
  for (const _ of [1, 2]) assert.equal(await refused({ user: "anna", store: "users" }), "ok");
  assert.deepEqual(world.access.users().find(({ name }) => name === "anna")?.certificates, [fingerprint]);
  const [record] = (await world.audit.tail({ limit: 1 })).slice(-1);
  assert.deepEqual([record?.operation, record?.target, record?.fields?.user], ["pki.trust", fingerprint, "anna"]);
});

Deno.test("uploads are PEM or base64, and nothing else", async () => {
  await using world = await OperationsWorld.open();
  const add = async (data: string) => {
    const answer = await world.call("pki.add", { kind: "trusted", data });
    return answer.ok ? "ok" : `${answer.code}: ${answer.message}`;
  };
  assert.equal(await add("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----"), "ok");
  assert.equal(await add("MIIB"), "ok");
  assert.match(await add("no base64!"), /^bad_params: .*PEM, or DER in base64/);
  assert.match(await add("x".repeat(900_000)), /^bad_params/);
});

Deno.test("folders of the machine do not leave it", async () => {
  await using world = await OperationsWorld.open();
  const { backups } = await world.result("pki.renew_opcua", {});
  assert.deepEqual(backups, ["old.pem"]);
});
