import assert from "node:assert/strict";
import { takeDataLock } from "./data_lock.ts";

Deno.test("one at a time holds the data folder", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const first = await takeDataLock(dir);
    assert.ok(first !== null);
    assert.equal(await takeDataLock(dir), null);
    first.release();
    const second = await takeDataLock(dir);
    assert.ok(second !== null);
    second.release();
    await assert.rejects(takeDataLock(`${dir}/missing`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
