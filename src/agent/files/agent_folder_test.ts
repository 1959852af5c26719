import assert from "node:assert/strict";
import { join } from "node:path";
import { requires } from "../../../tests/lib/requires.ts";
import { AgentFileError } from "./agent_file_error.ts";
import { AgentFolder } from "./agent_folder.ts";

const isExposed = (error: unknown) => error instanceof AgentFileError && error.code === "exposed";

Deno.test("a folder that is a link to another one is not used, and the other one stays as it is", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-folder-" });
  try {
    await Deno.mkdir(join(dir, "victim"), { mode: 0o755 });
    await Deno.symlink(join(dir, "victim"), join(dir, "agent"));
    await assert.rejects(AgentFolder.open(join(dir, "agent")), isExposed);
    assert.equal(((await Deno.stat(join(dir, "victim"))).mode ?? 0) & 0o777, 0o755);
    await Deno.symlink(join(dir, "nowhere"), join(dir, "dangling"));
    await assert.rejects(AgentFolder.open(join(dir, "dangling")), isExposed);
    // one of its own on the way is the owner's will
    await Deno.symlink(join(dir, "victim"), join(dir, "data"));
    await AgentFolder.open(join(dir, "data", "agent"));
    assert.equal(((await Deno.stat(join(dir, "victim", "agent"))).mode ?? 0) & 0o777, 0o700);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test({
  name: "another user's link on the way to the folder leads root nowhere",
  ...requires("root"),
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "edgekeep-folder-" });
    try {
      await Deno.mkdir(join(dir, "victim"), { mode: 0o755 });
      await Deno.symlink(join(dir, "victim"), join(dir, "data"));
      await new Deno.Command("chown", { args: ["-h", "65534", join(dir, "data")] }).output();
      await assert.rejects(AgentFolder.open(join(dir, "data", "agent")), isExposed);
      assert.deepEqual([...Deno.readDirSync(join(dir, "victim"))], []);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test({
  name: "a folder of another user is not used",
  ...requires("root"),
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "edgekeep-folder-" });
    try {
      await Deno.chown(dir, 65_534, 65_534);
      await assert.rejects(AgentFolder.open(dir), isExposed);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
