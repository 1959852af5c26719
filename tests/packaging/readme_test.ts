import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collectOutput } from "../lib/collect_output.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

Deno.test({
  name: "a stranger follows the README in a clean clone: one command, a live page, Ctrl-C",
  ...requires("git", "npm"),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-readme-" });
    const clone = join(folder, "edgekeep");
    try {
      await run("git", ["clone", "--quiet", root, clone], folder);
      const commands = await blockAfter(join(clone, "README.md"), "<!-- test: demo -->");
      assert.match(commands, /^make run$/m);

      const demo = await startAsInTerminal(commands, clone);
      try {
        const web = await demo.printed(/^ *Web page +(http:\/\/127\.0\.0\.1:\d+)/m);
        const opcua = await demo.printed(/^ *OPC UA +(opc\.tcp:\/\/127\.0\.0\.1:\d+)/m);
        assert.notEqual(new URL(web).port, new URL(opcua).port);
        await demo.printed(/^ *Password +\S{12,}$/m);
        await waitFor("a live value on the page's API", async () => {
          const { items } = await (await fetch(`${web}/api/v1/tags`)).json();
          return items.some((tag: { quality: { name: string } }) => tag.quality.name === "Good");
        }, { deadlineMs: 60_000 });
        const page = await (await fetch(web)).text();
        assert.match(page, /<script type="module"/);
      } finally {
        await demo.interrupt();
      }
      assert.match(demo.output(), /Stopped/);
      assert.ok(!/again: stopping at once/.test(demo.output()), "Ctrl-C arrives once");
      // nothing that the demo left counts as a change of the clone
      assert.equal(await run("git", ["status", "--porcelain"], clone), "");

      const again = await startAsInTerminal(commands, clone);
      try {
        await again.printed(/^ *Web page +http/m);
        assert.ok(!/Fetching Deno|deno install/.test(again.output()), "the second start sets nothing up");
      } finally {
        await again.interrupt();
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The shell lines of the code block that follows a marker. */
async function blockAfter(page: string, marker: string): Promise<string> {
  const text = await Deno.readTextFile(page);
  const at = text.indexOf(marker);
  assert.ok(at >= 0, `${page} has the marker ${marker}`);
  const block = /```sh\n([\s\S]*?)```/.exec(text.slice(at))?.[1];
  assert.ok(block !== undefined);
  return block;
}

/** Runs shell lines as the foreground job of a terminal: one group of processes, which Ctrl-C reaches as a whole. */
async function startAsInTerminal(commands: string, cwd: string) {
  const child = new Deno.Command("setsid", {
    args: ["bash", "-c", commands],
    cwd,
    // as on a fresh machine: without the Deno that runs this test
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { text: output, ended: collected } = collectOutput(child);
  let ended = false;
  const status = child.status.finally(() => ended = true);
  await Promise.resolve();
  return {
    output,
    printed: (wanted: RegExp) =>
      waitFor(`the demo to print ${wanted}`, () => {
        assert.ok(!ended, output());
        return wanted.exec(output())?.at(-1) ?? null;
      }, { deadlineMs: 300_000 }).catch((error) => Promise.reject(new Error(output(), { cause: error }))),
    async interrupt() {
      if (!ended) await run("kill", ["-INT", "--", `-${child.pid}`], cwd);
      const timer = setTimeout(() => void run("kill", ["-KILL", "--", `-${child.pid}`], cwd), 60_000);
      await status;
      clearTimeout(timer);
      await collected;
    },
  };
}

async function run(program: string, args: string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
