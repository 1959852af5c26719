import assert from "node:assert/strict";
import { z } from "zod";
import { requires } from "../../../tests/lib/requires.ts";
import { fillDisk, withSmallDisk } from "../../../tests/lib/small_disk.ts";
import { AgentFileError } from "./agent_file_error.ts";
import { JsonFile } from "./json_file.ts";

const schema = z.strictObject({ seed: z.string(), list: z.array(z.int()) });
const value = { seed: "ü", list: [1, 2] };
const fileIn = (dir: string) => new JsonFile({ path: `${dir}/keys.json`, what: "keys", schema });
const refusedAs = (code: string) => (error: unknown) => error instanceof AgentFileError && error.code === code;

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-files-" });
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a value comes back as it was written, in a file that its owner alone can read", () =>
  inFolder(async (dir) => {
    const file = fileIn(dir);
    assert.equal(await file.read(), null);
    await file.write(value);
    assert.deepEqual(await fileIn(dir).read(), value);
    assert.equal(((await Deno.stat(file.path)).mode ?? 0) & 0o777, 0o600);
    await file.remove();
    assert.equal(await file.read(), null);
  }));

for (
  const [what, harm] of [
    ["cut", (text: string) => text.slice(0, 40)],
    ["empty", () => ""],
    ["full of zeros", (text: string) => "\0".repeat(text.length)],
    ["changed in one letter", (text: string) => text.replace("[1,2]", "[1,3]")],
    ["of another form", (text: string) => text.replace('"format":1', '"format":2')],
    ["JSON without anything", () => "null"],
  ] as const
) {
  Deno.test(`a file that is ${what} is named as damaged and left alone`, () =>
    inFolder(async (dir) => {
      const file = fileIn(dir);
      await file.write(value);
      const harmed = harm(await Deno.readTextFile(file.path));
      await Deno.writeTextFile(file.path, harmed);
      await assert.rejects(file.read(), refusedAs("corrupt"));
      assert.equal(await Deno.readTextFile(file.path), harmed);
    }));
}

Deno.test("a file that others may read is not used", () =>
  inFolder(async (dir) => {
    const file = fileIn(dir);
    await file.write(value);
    await Deno.chmod(file.path, 0o640);
    await assert.rejects(file.read(), refusedAs("exposed"));
  }));

Deno.test("writes that overlap leave the last value", () =>
  inFolder(async (dir) => {
    const file = fileIn(dir);
    await Promise.all(Array.from({ length: 20 }, (_, i) => file.write({ seed: "x", list: [i] })));
    assert.deepEqual((await file.read())?.list, [19]);
    assert.equal([...Deno.readDirSync(dir)].length, 1);
  }));

Deno.test({
  name: "a full disk leaves the value of before",
  ...requires("root"),
  async fn() {
    await withSmallDisk("size=64k", async ({ dir }) => {
      const file = fileIn(dir);
      await file.write(value);
      const free = await fillDisk(dir);
      await assert.rejects(file.write({ seed: "x".repeat(8192), list: [] }), refusedAs("unwritable"));
      assert.deepEqual(await file.read(), value);
      await free();
    });
  },
});
