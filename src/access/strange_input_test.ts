import assert from "node:assert/strict";
import fc from "fast-check";
import { accessWorld, noSettings } from "../../tests/lib/access_world.ts";
import { AccessError } from "./access.ts";
import { codeAlphabet, makeCode, normaliseCode } from "./codes.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("ek_", `ek_${"a".repeat(10)}_${"b".repeat(43)}`, "__proto__", "\u0000", "a".repeat(100_000)),
);

Deno.test("whatever is shown as a credential, the answer is a refusal", async () => {
  await using world = await accessWorld({
    settings: {
      ...noSettings,
      controlToken: "c".repeat(48),
      configUser: { name: "scada", password: "configured one" },
    },
  });
  const { access, clock } = world;
  await access.addUser({ name: "anna", password: "correct horse battery", role: "admin" });
  access.startPairing({ label: "phone", role: "viewer", lifetimeSeconds: null }, "anna");
  await fc.assert(
    fc.asyncProperty(text, text, text, async (one, other, address) => {
      clock.us += 3_600_000_000;
      const origin = { transport: "https", address } as const;
      assert.equal((await access.password(one, other, origin)).ok, false);
      assert.equal(access.token(one, origin).ok, false);
      assert.equal(access.session(one, origin).ok, false);
      assert.equal(access.certificate(one, origin).ok, false);
      assert.equal(access.closeSession(one), false);
      const refused = (error: unknown) => error instanceof AccessError;
      assert.throws(() => access.claimPairing(one, origin), refused);
      assert.throws(() => access.revokeToken(one), refused);
      assert.throws(() => access.revokePairing(one), refused);
      assert.throws(() => access.removeUser(one), refused);
      await assert.rejects(access.claimSetup(one, { name: other, password: one }, origin), refused);
      await assert.rejects(access.changePassword(one, other, "a new password", origin), refused);
      await assert.rejects(access.setUser(one, { role: "viewer" }), refused);
    }),
    { numRuns: 150 },
  );
  assert.equal(access.users().length, 2);
});

Deno.test("a code is what was typed, whatever the case, dashes and misread letters", () => {
  assert.equal(new Set(codeAlphabet).size, 32);
  assert.doesNotMatch(codeAlphabet, /[0O1I]/);
  const code = fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => makeCode(3, () => bytes));
  fc.assert(fc.property(code, (made) => {
    assert.match(made, /^[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){2}$/);
    const plain = made.replaceAll("-", "");
    for (
      const typed of [made, plain, made.toLowerCase(), ` ${made.replaceAll("-", " ")} `, made.replaceAll("L", "1")]
    ) {
      assert.equal(normaliseCode(typed), plain);
    }
  }));
});
