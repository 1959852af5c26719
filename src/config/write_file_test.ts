import assert from "node:assert/strict";
import { join } from "node:path";
import { requires } from "../../tests/lib/requires.ts";
import { removeLeftovers, replaceFile } from "./write_file.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-write-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const names = (folder: string) => Array.fromAsync(Deno.readDir(folder), ({ name }) => name);

Deno.test("A file is replaced, keeps its mode, and leaves nothing beside it", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "a.toml");
    await Deno.writeTextFile(path, "old");
    await Deno.chmod(path, 0o640);
    await replaceFile(path, "new text");
    assert.equal(await Deno.readTextFile(path), "new text");
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o7777, 0o640);
    await replaceFile(path, "key", { forceMode: 0o600 });
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o7777, 0o600);
    assert.deepEqual(await names(folder), ["a.toml"]);
  });
});

Deno.test("A new file is private", async () => {
  await inFolder(async (folder) => {
    await replaceFile(join(folder, "b"), "x");
    assert.equal(((await Deno.stat(join(folder, "b"))).mode ?? 0) & 0o7777, 0o600);
  });
});

Deno.test("A link stays a link", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "real"));
    await Deno.writeTextFile(join(folder, "real", "a"), "old");
    await Deno.symlink(join("real", "a"), join(folder, "link"));
    await replaceFile(join(folder, "link"), "new");
    assert.ok((await Deno.lstat(join(folder, "link"))).isSymlink);
    assert.equal(await Deno.readTextFile(join(folder, "real", "a")), "new");
  });
});

Deno.test("A place that cannot be written changes nothing", async () => {
  await inFolder(async (folder) => {
    await assert.rejects(replaceFile(join(folder, "missing", "a"), "x"), Deno.errors.NotFound);
    // a folder in the file's place
    await Deno.mkdir(join(folder, "a"));
    await assert.rejects(replaceFile(join(folder, "a"), "x"));
    assert.deepEqual(await names(folder), ["a"]);
  });
});

Deno.test("The owner is kept", requires("root"), async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "a");
    await Deno.writeTextFile(path, "old");
    await Deno.chown(path, 12345, 23456);
    await replaceFile(path, "new");
    const { uid, gid } = await Deno.stat(path);
    assert.deepEqual([uid, gid], [12345, 23456]);
  });
});

Deno.test("What an interrupted write left is removed, and nothing else", async () => {
  await inFolder(async (folder) => {
    for (const name of ["a", ".a.0123.edgekeep-tmp", ".b.0123.edgekeep-tmp", ".a.txt"]) {
      await Deno.writeTextFile(join(folder, name), "x");
    }
    await removeLeftovers(join(folder, "a"));
    assert.deepEqual((await names(folder)).toSorted(), [".a.txt", ".b.0123.edgekeep-tmp", "a"]);
    await removeLeftovers(join(folder, "nowhere", "a"));
  });
});
