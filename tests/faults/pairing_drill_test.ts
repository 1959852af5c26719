import assert from "node:assert/strict";
import { AccessError } from "../../src/access/access.ts";
import { codeAlphabet } from "../../src/access/codes.ts";
import { accessWorld, from, noSettings } from "../lib/access_world.ts";

const grant = { label: "phone", role: "viewer", lifetimeSeconds: 86_400 } as const;
const settings = { ...noSettings, controlToken: "a".repeat(48) };
const owner = from("192.0.2.1");

/** A wrong code: the alphabet has no 0. */
const wrong = (i: number) =>
  Array.from({ length: 8 }, (_, digit) => codeAlphabet[(i >> (digit * 3)) & 7]).join("").replace(/^./, "0");

function codeOf(error: unknown): string {
  return error instanceof AccessError ? error.code : String(error);
}

Deno.test("a hundred thousand guesses from fifty addresses get nowhere, and the owner sees it", async () => {
  await using world = await accessWorld({ settings });
  const { access, clock, faults, feed } = world;
  const { code, info } = access.startPairing(grant, "anna");
  assert.match(code, /^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/);
  const answers: Record<string, number> = {};
  const heapBefore = Deno.memoryUsage().heapUsed;
  for (let i = 0; i < 100_000; i++) {
    try {
      access.claimPairing(wrong(i), from(`198.51.100.${i % 50}`));
      answers.claimed = (answers.claimed ?? 0) + 1;
    } catch (error) {
      answers[codeOf(error)] = (answers[codeOf(error)] ?? 0) + 1;
    }
    // the whole attack takes the five minutes that the code would live
    clock.us += 3000;
  }
  assert.deepEqual(Object.keys(answers).toSorted(), ["permission_denied", "throttled"]);
  assert.ok((answers.permission_denied ?? 0) <= 20 * 6, `${answers.permission_denied} were checked at all`);
  assert.ok(Deno.memoryUsage().heapUsed - heapBefore < 64 * 1024 * 1024);

  assert.deepEqual(access.pairings(), [], "the code is burnt");
  assert.deepEqual(faults.list().map((fault) => fault.code), ["pairing_under_attack"]);
  const told = feed.since().map(({ event }) => event);
  assert.equal(told.filter((event) => event === "pairing_burnt").length, 1);
  assert.equal(told.filter((event) => event === "pairing_under_attack").length, 1);
  assert.equal(feed.since().length, 2, "the attack does not flood the feed");

  clock.us += 60_000_000;
  assert.throws(() => access.claimPairing(code, owner), (error) => codeOf(error) === "permission_denied");
  assert.deepEqual(access.tokens(), []);
  assert.throws(() => access.revokePairing(info.id), (error) => codeOf(error) === "not_found");

  clock.us += 15 * 60_000_000;
  assert.deepEqual(access.pairings(), []);
  assert.deepEqual(faults.list(), [], "quiet again");
  const later = access.startPairing(grant, "anna");
  assert.ok(access.token(access.claimPairing(later.code, owner).token, owner).ok);
});

Deno.test("five wrong tries burn the code, whoever makes them", async () => {
  for (
    const addresses of [["198.51.100.1"], ["198.51.100.1", "198.51.100.2", "203.0.113.3", "203.0.113.4", "2001:db8::1"]]
  ) {
    await using world = await accessWorld({ settings });
    const { access, clock } = world;
    const { code } = access.startPairing(grant, "anna");
    for (let i = 0; i < 4; i++) {
      const address = from(addresses[i % addresses.length] ?? "");
      assert.throws(() => access.claimPairing(wrong(i), address), (error) => codeOf(error) === "permission_denied");
    }
    assert.equal(access.pairings()[0]?.wrongTries, 4);
    await world.reopen();
    assert.equal(world.access.pairings()[0]?.wrongTries, 4, "a restart forgives nothing");
    assert.throws(() => world.access.claimPairing(wrong(4), from("198.51.100.9")));
    clock.us += 10_000_000;
    assert.throws(() => world.access.claimPairing(code, owner), (error) => codeOf(error) === "permission_denied");
  }
});

Deno.test("a code is good for one claim within five minutes, however it is typed", async () => {
  await using world = await accessWorld({ settings });
  const { access, clock } = world;
  const { code, info } = access.startPairing(grant, "anna");
  assert.equal(info.expiresUs, clock.us + 300_000_000);
  assert.ok(!JSON.stringify(access.pairings()).includes(code));
  const typed = ` ${code.toLowerCase().replace("-", " ")} `;
  const { token, info: paired } = access.claimPairing(typed, from("198.51.100.1"));
  assert.deepEqual([paired.kind, paired.label, paired.role, paired.createdBy], ["paired", "phone", "viewer", "anna"]);
  assert.equal(paired.expiresUs, clock.us + 86_400_000_000);
  const answer = access.token(token, owner);
  assert.ok(answer.ok && answer.principal.kind === "paired_token" && answer.principal.name === "phone");
  assert.throws(() => access.claimPairing(code, owner), (error) => codeOf(error) === "permission_denied");

  const late = access.startPairing(grant, "anna");
  clock.us += 300_000_000;
  assert.throws(() => access.claimPairing(late.code, owner), (error) => codeOf(error) === "permission_denied");
  const withdrawn = access.startPairing(grant, "anna");
  access.revokePairing(withdrawn.info.id);
  assert.throws(() => access.claimPairing(withdrawn.code, owner), (error) => codeOf(error) === "permission_denied");
  const kept = access.startPairing(grant, "anna");
  await world.reopen();
  assert.ok(world.access.claimPairing(kept.code, from("198.51.100.7")).token);
});

Deno.test("codes of somebody who may no longer start a pairing are withdrawn", async () => {
  await using world = await accessWorld({ settings });
  const { access } = world;
  await access.addUser({ name: "anna", password: "correct horse battery", role: "admin" });
  access.startPairing(grant, "anna");
  access.startPairing(grant, "control-token");
  await access.setUser("anna", { role: "engineer" });
  assert.deepEqual(access.pairings().map(({ createdBy }) => createdBy), ["control-token"]);

  await access.addUser({ name: "bert", password: "correct horse battery", role: "admin" });
  access.startPairing(grant, "bert");
  await access.setUser("bert", { password: "another horse battery" });
  assert.deepEqual(access.pairings().map(({ createdBy }) => createdBy), ["control-token"]);

  // who stole an admin's token would else be back with a token of their own
  const { token, info } = access.createToken({ ...grant, role: "admin", label: "script" }, "control-token");
  const thief = access.token(token, owner);
  assert.ok(thief.ok);
  const { code } = access.startPairing({ ...grant, role: "admin" }, thief.principal.name);
  access.revokeToken(info.id);
  assert.throws(() => access.claimPairing(code, owner), (error) => codeOf(error) === "permission_denied");
  assert.deepEqual(access.pairings().map(({ createdBy }) => createdBy), ["control-token"]);
  access.configure({ ...settings, controlToken: "b".repeat(48) });
  assert.deepEqual(access.pairings(), []);
});

Deno.test("a clock that is set back does not keep a code alive", async () => {
  await using world = await accessWorld({ settings });
  const { access, clock } = world;
  const { code } = access.startPairing(grant, "anna");
  clock.us -= 60_000_000;
  assert.equal(access.pairings().length, 1, "a small step back is no reason to end it");
  clock.us -= 86_400_000_000;
  assert.throws(() => access.claimPairing(code, owner), (error) => codeOf(error) === "permission_denied");
  clock.us += 86_400_000_000;
  assert.deepEqual(access.pairings(), []);
});
