import assert from "node:assert/strict";
import { join } from "node:path";
import type { NodeId } from "../../mesh/ids.ts";
import { AdminKeyError, newAdminKey, readAdminKey, recordUse } from "./admin_key.ts";

const node = "n_00000000000000000000000000000001" as NodeId;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a new admin key is its owner's alone, is read again, and is never replaced", () =>
  withFolder(async (folder) => {
    const path = join(folder, "admin.key");
    const made = await newAdminKey(path);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    const read = await readAdminKey(path);
    assert.equal(read.fingerprint, made.fingerprint);
    assert.deepEqual([read.serial, read.revoked], [0, []]);
    await assert.rejects(newAdminKey(path), /it is there already/);
  }));

Deno.test("what the key has signed is on record in its file, which stays private", () =>
  withFolder(async (folder) => {
    const path = join(folder, "admin.key");
    const { fingerprint } = await newAdminKey(path);
    await recordUse(path, 3, [node]);
    const read = await readAdminKey(path);
    assert.deepEqual([read.fingerprint, read.serial, read.revoked], [fingerprint, 3, [node]]);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("a key that others can read, and a file that is none, are refused without a word of their content", () =>
  withFolder(async (folder) => {
    const path = join(folder, "admin.key");
    await newAdminKey(path);
    await Deno.chmod(path, 0o640);
    await assert.rejects(readAdminKey(path), /chmod 600/);
    const other = join(folder, "other");
    await Deno.writeTextFile(other, '{"seed": "SECRET"}', { mode: 0o600 });
    await assert.rejects(readAdminKey(other), (error: Error) => {
      assert.ok(error instanceof AdminKeyError);
      assert.doesNotMatch(error.message, /SECRET/);
      return true;
    });
  }));
