import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { collectOutput } from "../lib/collect_output.ts";
import { edgekeepArguments } from "../lib/gateway_process.ts";
import { testNetwork } from "../lib/network_namespaces.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";

const page = fileURLToPath(new URL("../../docs/remote-access.md", import.meta.url));

interface Block {
  readonly language: string;
  readonly text: string;
  /** Comes right after the marker of what is typed on another machine. */
  readonly elsewhere: boolean;
}

interface Ran {
  readonly code: number;
  readonly text: string;
}

Deno.test({
  name: "a stranger follows the page about remote access, command by command, and can be reached as it says",
  ...requires("network-namespaces", "openssl", "curl"),
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const { plant, office } = stack.use(await testNetwork());
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-page-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const site = join(folder, "etc");
    const config = join(site, "edgekeep.toml");
    const logFile = join(folder, "log");
    const pidFile = join(folder, "pid");
    await writeTools(join(folder, "bin"), { logFile, pidFile });
    const env = {
      PATH: `${join(folder, "bin")}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      EDGEKEEP_CONFIG: config,
      NO_COLOR: "1",
    };
    const run = async (machine: typeof plant, commands: string, cwd: string, input = ""): Promise<Ran> => {
      const [program, ...args] = machine.command("bash", "-c", `set -o pipefail\n${commands}`);
      const child = new Deno.Command(program, { args, cwd, env, stdin: "piped", stdout: "piped", stderr: "piped" })
        .spawn();
      const writer = child.stdin.getWriter();
      // a command that reads nothing has closed it
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
      const { text, ended } = collectOutput(child);
      const { code } = await child.status;
      await ended;
      return { code, text: text() };
    };

    const written = await run(plant, `edgekeep init ${site}`, folder);
    assert.equal(written.code, 0, written.text);
    // as of a site that names nobody, so that the set-up code of the page's first step is there
    const text = await Deno.readTextFile(config);
    await Deno.writeTextFile(config, text.replaceAll(/^(?=user_name|user_password_file)/gm, "#"));

    const [program, ...args] = plant.command("bash", "-c", `echo $$ >${pidFile}; exec edgekeep run 2>${logFile}`);
    const gateway = new Deno.Command(program, { args, cwd: folder, env, stdin: "null" }).spawn();
    stack.defer(async () => {
      gateway.kill("SIGTERM");
      await gateway.status;
    });
    const logged = (wanted: RegExp, count = 1) =>
      waitFor(`the log to say ${wanted}`, async () => {
        const log = await Deno.readTextFile(logFile).catch(() => "");
        return (log.match(new RegExp(wanted, "g"))?.length ?? 0) >= count;
      }, { deadlineMs: 90_000 });
    await logged(/worker is ready/);

    let fingerprint = "";
    let reloads = 0;
    let seen = "";
    const blocks = blocksOf(await Deno.readTextFile(page));
    const journal = blocks.filter(({ text }) => text.startsWith("journalctl"));
    assert.equal(journal.length, 1);
    for (const { language, text, elsewhere } of [...journal, ...blocks.filter((block) => !journal.includes(block))]) {
      const here = text.replaceAll("192.168.10.5", plant.address).replaceAll("/etc/edgekeep", site)
        .replaceAll("AB:CD:…", fingerprint);
      if (language === "toml") {
        await Deno.writeTextFile(config, withKeys(await Deno.readTextFile(config), here));
        continue;
      }
      assert.equal(language, "sh");
      if (elsewhere) {
        const away = join(folder, "office");
        await Deno.mkdir(away);
        await Deno.copyFile(join(site, "control-token"), join(away, "control-token"));
        for (const command of here.trim().split("\n")) {
          const { code, text } = await run(office, command, away);
          assert.equal(code, 0, `${command}\n${text}`);
          assert.match(text, /not_set_up|NOT SET UP/);
        }
        continue;
      }
      for (const command of here.trim().split("\n")) {
        const { code, text } = await run(plant, command, folder, "rain on the greenhouse\n");
        assert.equal(code, command.includes(" explain ") ? 4 : 0, `${command}\n${text}`);
        seen += text;
        if (command.includes("systemctl reload")) await logged(/The configuration is applied/, ++reloads);
        fingerprint = /SHA-256: +([0-9A-F:]{95})/.exec(text)?.[1] ?? fingerprint;
      }
    }
    assert.equal(reloads, 2);
    for (
      const wanted of [
        /setup-code/,
        /maria is added as admin/,
        /Denied \[needs_role\]/,
        /tcp dport 8443 accept/,
        /tcp dport 17777 accept/,
        /^ek_\w+/m,
        new RegExp(`https://${plant.address}:8443/#/pair\\?code=`),
        /openUntil/,
        /The audit is sound/,
      ]
    ) assert.match(seen, wanted);

    const curl = `curl --silent --output /dev/null --write-out '%{http_code}' --insecure`;
    const tags = `https://${plant.address}:8443/api/v1/tags`;
    assert.equal((await run(office, `${curl} ${tags}`, folder)).text, "401");
    assert.equal((await run(office, `${curl} --user 'maria:rain on the greenhouse' ${tags}`, folder)).text, "200");
  },
});

/** The programs of an appliance that a test's machine does not have, or has for itself. */
async function writeTools(bin: string, { logFile, pidFile }: { logFile: string; pidFile: string }): Promise<void> {
  const edgekeep = [Deno.execPath(), ...edgekeepArguments()].map((word) => `'${word}'`).join(" ");
  const tools = {
    edgekeep: `exec ${edgekeep} "$@"`,
    journalctl: `cat '${logFile}'`,
    sudo: `[ "$1" = -u ] && shift 2; exec "$@"`,
    systemctl: `[ "$*" = "reload edgekeep" ] && kill -HUP "$(cat '${pidFile}')"`,
  };
  await Deno.mkdir(bin);
  for (const [name, script] of Object.entries(tools)) {
    await Deno.writeTextFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}

/** Every code block of a page, in order, also those inside lists. */
function blocksOf(text: string): Block[] {
  return [...text.matchAll(/(<!-- test: elsewhere -->\s*)?^( *)```(\w+)\n([\s\S]*?)^ *```$/gm)].map(
    ([, marker, indent = "", language = "", body = ""]) => ({
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      elsewhere: marker !== undefined,
    }),
  );
}

/** Sets the keys of a TOML text in a configuration that has every key, behind a # or not. */
function withKeys(config: string, keys: string): string {
  let lines = config.split("\n");
  let table = "";
  for (const line of keys.trim().split("\n")) {
    if (line === "") continue;
    if (line.startsWith("[")) {
      table = line;
      continue;
    }
    const key = /^(\w+) = /.exec(line)?.[1];
    const start = lines.indexOf(table);
    assert.ok(key !== undefined && start >= 0, `${table} ${line} is a key of a section of the configuration`);
    const at = lines.findIndex((each, index) => index > start && each.replace(/^#/, "").startsWith(`${key} = `));
    const end = lines.findIndex((each, index) => index > start && each.startsWith("["));
    assert.ok(at > 0 && (end < 0 || at < end), `${table} has the key ${key}`);
    lines = lines.with(at, line);
  }
  return lines.join("\n");
}
