import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadJudgedConfig } from "../../src/supervisor/judged_config.ts";
import { ConfigVersions } from "../../src/supervisor/config_versions.ts";
import { collectOutput } from "../lib/collect_output.ts";
import { waitFor } from "../lib/wait_for.ts";

const rounds = 12;
const text = (site: string, filler: number) =>
  `[gateway]\ndata_dir = "data"\nsite = "${site}"\n${
    "# a long comment, so that a write takes a while\n".repeat(filler)
  }` +
  `[opcua]\nenabled = false\n# end of ${site}\n`;

Deno.test("SIGKILL in the middle of applying leaves one of the two files, never a torn one, and readable versions", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-config-kill-" });
  const file = join(folder, "edgekeep.toml");
  const [one, other] = [text("one", 3000), text("other", 6000)];
  const sources = await Deno.makeTempDir({ prefix: "edgekeep-config-texts-" });
  await Deno.writeTextFile(join(sources, "one"), one);
  await Deno.writeTextFile(join(sources, "other"), other);
  await Deno.writeTextFile(file, one, { mode: 0o640 });
  try {
    for (let round = 0; round < rounds; round++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          fileURLToPath(new URL("../integration/workers/config_apply_loop.ts", import.meta.url)),
          file,
          join(sources, "other"),
          join(sources, "one"),
        ],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const output = collectOutput(child);
      let ended = false;
      const exited = child.status.then(() => ended = true);
      try {
        await waitFor("some changes", () => ended || /\.{3}$/.test(output.text()));
        assert.ok(!ended, output.text());
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      } finally {
        if (!ended) child.kill("SIGKILL");
        await exited;
        await output.ended;
      }
      const found = await Deno.readTextFile(file);
      assert.ok(found === one || found === other, `torn after ${round}: ${found.length} characters`);
      assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o640);
      assert.ok((await loadJudgedConfig({ path: file })).ok);
      const versions = await ConfigVersions.open(join(folder, "data", "versions"));
      for (const { version } of versions.list()) {
        const kept = await versions.read(version);
        assert.ok(kept === one || kept === other, `version ${version}`);
      }
      assert.ok(versions.list().length > 0 && versions.list().length <= 100);
    }
    // the next start cleans up what a kill left beside the file
    assert.ok((await Array.fromAsync(Deno.readDir(folder))).length <= 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(sources, { recursive: true });
  }
});
