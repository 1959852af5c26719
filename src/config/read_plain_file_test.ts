import assert from "node:assert/strict";
import { join } from "node:path";
import { readPlainFile, UnfitFileError } from "./read_plain_file.ts";

Deno.test("a file is read whole up to its limit, and not a byte beyond", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-plain-" });
  try {
    const file = join(folder, "file");
    for (const size of [0, 1, 65_536, 65_537, 100_000]) {
      await Deno.writeFile(file, new Uint8Array(size).fill(7));
      assert.deepEqual(await readPlainFile(file, 100_000), new Uint8Array(size).fill(7));
    }
    await Deno.truncate(file, 100_001);
    await assert.rejects(readPlainFile(file, 100_000), UnfitFileError);
    // it says that it is empty
    await assert.rejects(readPlainFile("/proc/self/maps", 100), UnfitFileError);
    assert.ok((await readPlainFile("/proc/self/status")).length > 0);
    await assert.rejects(readPlainFile(join(folder, "missing")), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a device without end and a pipe that nobody writes are not read at all", async () => {
  await assert.rejects(readPlainFile("/dev/zero"), /no regular file/);
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-plain-" });
  try {
    const pipe = join(folder, "pipe");
    assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    await assert.rejects(readPlainFile(pipe), /no regular file/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
