import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type Access, AccessError, type Authentication } from "../../src/access/access.ts";
import { accessWorld, from, noSettings } from "../lib/access_world.ts";
import { requires } from "../lib/requires.ts";
import { fillDisk, withSmallDisk } from "../lib/small_disk.ts";

const anna = { name: "anna", password: "correct horse battery", role: "admin" } as const;
const configUser = { name: "scada", password: "configured password" };
const here = from("192.0.2.1");

const reasonOf = (answer: Authentication) => answer.ok ? "let in" : answer.reason;

function refusal(code: AccessError["code"]) {
  return (error: unknown) => error instanceof AccessError && error.code === code;
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Ways in which a file is lost. */
const damages: Record<string, (path: string) => Promise<void>> = {
  "another kind of file": (path) => Deno.writeTextFile(path, "not a database at all\n".repeat(200)),
  "cut to nothing": (path) => Deno.truncate(path, 0),
  "cut in half": async (path) => Deno.truncate(path, ((await Deno.stat(path)).size / 2) & ~4095),
  "zeroed inside": async (path) => {
    const bytes = await Deno.readFile(path);
    bytes.fill(0, 4096, bytes.length - 4096);
    await Deno.writeFile(path, bytes);
  },
  "another program's database": async (path) => {
    await Deno.remove(path);
    const db = new DatabaseSync(path);
    db.exec("CREATE TABLE other (x)");
    db.close();
  },
  "robbed of its users": (path) => {
    const db = new DatabaseSync(path);
    db.exec("DROP TABLE certificate; DROP TABLE user");
    db.close();
    return Promise.resolve();
  },
};

for (const [name, damage] of Object.entries(damages)) {
  Deno.test(`a store that was damaged lets nobody in and is kept: ${name}`, async () => {
    await using world = await accessWorld();
    const { dir, faults, feed } = world;
    await world.access.addUser(anna);
    const { token } = world.access.createToken({ label: "script", role: "admin", lifetimeSeconds: null }, "anna");
    world.access.stop();
    const before = `${dir}/access.db`;
    await damage(before);
    const bytes = await Deno.readFile(before);

    for (const start of ["first", "second"]) {
      const access = await world.reopen();
      assert.equal(access.state, "damaged", start);
      assert.equal(reasonOf(await access.password("anna", anna.password, here)), "user_mismatch");
      assert.equal(reasonOf(access.token(token, here)), "token_mismatch");
      assert.ok(!await exists(`${dir}/setup-code`), "no set-up code");
      await assert.rejects(access.claimSetup("AAAA-AAAA-AAAA", anna, here), refusal("conflict"));
      assert.ok(faults.list().some(({ code, severity }) => code === "access_store_damaged" && severity === "error"));
    }
    assert.ok(feed.since().some(({ event }) => event === "access_store_damaged"));
    const aside = [...Deno.readDirSync(dir)].map((entry) => entry.name).filter((entry) =>
      /^access\.db\.damaged-\d{8}T\d{6}Z$/.test(entry)
    );
    assert.equal(aside.length, 1);
    assert.deepEqual(await Deno.readFile(`${dir}/${aside[0]}`), bytes, "kept as it was");

    // the store that took its place is lost too: still not unclaimed
    world.access.stop();
    await Deno.remove(`${dir}/access.db`);
    assert.equal((await world.reopen()).state, "damaged");

    // configured credentials get in and make the users anew
    const access = await world.reopen({ ...noSettings, configUser });
    assert.equal(access.state, "damaged");
    assert.ok((await access.password("scada", configUser.password, here)).ok);
    await access.addUser(anna);
    assert.equal(access.state, "open");
    assert.deepEqual(faults.list(), []);
    assert.ok((await (await world.reopen()).password("anna", anna.password, here)).ok);
  });
}

Deno.test("a store of a newer version is neither used nor touched", async () => {
  await using world = await accessWorld();
  await world.access.addUser(anna);
  world.access.stop();
  const path = `${world.dir}/access.db`;
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 99");
  db.close();
  const access = await world.reopen();
  assert.equal(access.state, "damaged");
  assert.equal(reasonOf(await access.password("anna", anna.password, here)), "user_mismatch");
  await assert.rejects(access.addUser(anna), refusal("unavailable"));
  access.stop();
  const again = new DatabaseSync(path);
  assert.equal((again.prepare("PRAGMA user_version").get() as { user_version: number }).user_version, 99);
  again.exec("PRAGMA user_version = 1");
  again.close();
  assert.ok((await (await world.reopen()).password("anna", anna.password, here)).ok);
});

/** Everything that is refused on a disk that takes nothing, and all that must go on. */
async function livesOnRefusingDisk(
  access: Access,
  { token, cookie }: { token: string; cookie: string },
): Promise<void> {
  const answer = await access.password("anna", anna.password, here);
  assert.ok(answer.ok);
  assert.ok(access.token(token, here).ok);
  assert.ok(access.session(cookie, here).ok);
  const { cookie: fresh } = access.openSession(answer.principal, here, "browser");
  assert.ok(access.session(fresh, here).ok);
  await assert.rejects(access.addUser({ ...anna, name: "bert" }), refusal("unavailable"));
  assert.throws(
    () => access.createToken({ label: "more", role: "viewer", lifetimeSeconds: null }, "anna"),
    refusal("unavailable"),
  );
  assert.equal(reasonOf(await access.password("bert", anna.password, here)), "user_mismatch");
}

async function furnish(access: Access): Promise<{ token: string; cookie: string; id: string }> {
  await access.addUser(anna);
  const { token, info } = access.createToken({ label: "script", role: "viewer", lifetimeSeconds: null }, "anna");
  const answer = await access.password("anna", anna.password, here);
  assert.ok(answer.ok);
  return { token, id: info.id, cookie: access.openSession(answer.principal, here, "browser").cookie };
}

Deno.test({
  name: "on a full disk who is known gets in, changes are refused, and a revocation holds",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=2m", async ({ dir }) => {
      const world = await accessWorld({ dir });
      const furniture = await furnish(world.access);
      const free = await fillDisk(dir);
      // what is left of the page that was begun
      for (let i = 0; i < 200 && world.faults.list().length === 0; i++) {
        try {
          world.access.startPairing({ label: "x".repeat(64), role: "viewer", lifetimeSeconds: null }, "anna");
        } catch (error) {
          if (!(error instanceof AccessError)) throw error;
          if (error.code === "conflict") {
            for (const { id } of world.access.pairings()) world.access.revokePairing(id);
          }
        }
      }
      assert.deepEqual(world.faults.list().map(({ code }) => code), ["access_store_unwritable"]);
      await livesOnRefusingDisk(world.access, furniture);
      const held = world.access.token(furniture.token, here);
      assert.ok(held.ok);
      assert.throws(() => world.access.revokeToken(furniture.id), refusal("unavailable"));
      assert.ok(world.access.revoked(held.principal).aborted);
      assert.equal(reasonOf(world.access.token(furniture.token, from("203.0.113.1"))), "token_mismatch");
      await free();
      await world.access.addUser({ ...anna, name: "bert" });
      assert.deepEqual(world.faults.list(), []);
      await world.reopen();
      assert.equal(world.access.tokens().length, 0, "the revocation was stored later");
      assert.equal(world.access.users().length, 2);
      world.access.stop();
    }),
});

Deno.test({
  name: "on a read-only disk who is known gets in, and changes are refused",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=4m", async ({ dir, remount }) => {
      const world = await accessWorld({ dir });
      const furniture = await furnish(world.access);
      world.access.stop();
      await remount("ro");
      const access = await world.reopen();
      assert.equal(access.state, "open");
      assert.deepEqual(world.faults.list().map(({ code }) => code), ["access_store_unwritable"]);
      await livesOnRefusingDisk(access, furniture);
      access.stop();
      await remount("rw");
      await (await world.reopen()).addUser({ ...anna, name: "bert" });
      assert.deepEqual(world.faults.list(), []);
      world.access.stop();
    }),
});

Deno.test({
  name: "after a kill, a disk that has become read-only still knows the newest revocation",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=4m", async ({ dir, remount }) => {
      const world = await accessWorld({ dir });
      const { token, id } = await furnish(world.access);
      const kept = world.access.createToken({ label: "kept", role: "viewer", lifetimeSeconds: null }, "anna");
      world.access.revokeToken(id);
      // what a kill leaves: the file with its log, and nobody who has it open
      const copies: [string, Uint8Array][] = [];
      for (const name of ["access.db", "access.db-wal", "access.db-shm"]) {
        copies.push([`${dir}/${name}`, await Deno.readFile(`${dir}/${name}`)]);
      }
      world.access.stop();
      for (const [path, bytes] of copies) await Deno.writeFile(path, bytes, { mode: 0o600 });
      await remount("ro");
      const access = await world.reopen();
      assert.equal(reasonOf(access.token(token, here)), "token_mismatch");
      assert.ok(access.token(kept.token, here).ok);
      assert.equal(access.state, "open");
      access.stop();
    }),
});

Deno.test({
  name: "an empty read-only disk is closed until it can be written",
  ...requires("root"),
  fn: () =>
    withSmallDisk("size=4m", async ({ dir, remount }) => {
      await remount("ro");
      const world = await accessWorld({ dir });
      assert.equal(world.access.state, "damaged");
      assert.deepEqual(world.faults.list().map(({ code }) => code), [
        "access_store_damaged",
        "access_store_unwritable",
      ]);
      await assert.rejects(world.access.addUser(anna), refusal("unavailable"));
      world.access.stop();
      await remount("rw");
      assert.equal((await world.reopen()).state, "unclaimed");
      world.access.stop();
    }),
});
