import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { programPath, requires } from "../lib/requires.ts";

const script = fileURLToPath(new URL("../../install.sh", import.meta.url));
const machine = Deno.build.arch;

/** A folder with the installer, a program to install, and programs that stand before this machine's own. */
class Bench {
  readonly root: string;
  readonly program: string;

  constructor(readonly folder: string) {
    this.root = join(folder, "root");
    this.program = join(folder, "dist", `edgekeep-1.2.3-${machine}`);
    Deno.mkdirSync(join(folder, "dist"));
    Deno.mkdirSync(join(folder, "bin"));
    Deno.copyFileSync("/bin/true", this.program);
  }

  /** Puts a shell script in front of a program. */
  pretend(program: string, script: string): void {
    const path = join(this.folder, "bin", program);
    Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`);
    Deno.chmodSync(path, 0o755);
  }

  async run(...args: string[]): Promise<{ code: number; text: string }> {
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: [script, "--root", this.root, ...args],
      cwd: this.folder,
      env: { PATH: `${join(this.folder, "bin")}:${Deno.env.get("PATH")}` },
    }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  }
}

function benchTest(name: string, fn: (bench: Bench) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-install-" });
    try {
      await fn(new Bench(folder));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Refused before anything was written. */
async function refuses(bench: Bench, why: RegExp, ...args: string[]): Promise<void> {
  const { code, text } = await bench.run(...args);
  assert.equal(code, 1, text);
  assert.match(text, why);
  await assert.rejects(Deno.stat(bench.root), Deno.errors.NotFound);
}

benchTest("the installer explains the memory pages of a Raspberry Pi 5", async (bench) => {
  bench.pretend("getconf", "echo 16384");
  await refuses(bench, /pages of 16384 bytes[\s\S]*kernel=kernel8\.img/, bench.program);
});

benchTest("the installer refuses a 32-bit system", async (bench) => {
  bench.pretend("uname", `[ "$1" = -m ] && echo armv7l || echo Linux`);
  await refuses(bench, /32-bit system \(armv7l\)/, bench.program);
});

benchTest("the installer refuses a system without glibc", async (bench) => {
  bench.pretend("getconf", `[ "$1" = PAGESIZE ] && echo 4096`);
  await refuses(bench, /no glibc/, bench.program);
});

benchTest("the installer refuses a program for another processor", async (bench) => {
  const bytes = Deno.readFileSync(bench.program);
  // e_machine of the ELF header: the other of AMD64 and AArch64
  bytes.set(bytes[18] === 0x3e ? [0xb7, 0x00] : [0x3e, 0x00], 18);
  Deno.writeFileSync(bench.program, bytes);
  await refuses(bench, /is for (aarch64|x86_64); this machine is (aarch64|x86_64)/, bench.program);
});

benchTest("the installer refuses what is no program", async (bench) => {
  Deno.writeTextFileSync(bench.program, "<html>Not found, but at some length</html>");
  await refuses(bench, /is not a Linux program/, bench.program);
});

benchTest("the installer refuses a program whose checksum differs", async (bench) => {
  const name = `edgekeep-1.2.3-${machine}`;
  Deno.writeTextFileSync(join(bench.folder, "dist", "SHA256SUMS"), `${"0".repeat(64)}  ${name}\n`);
  await refuses(bench, /checksum of .* is not the one in/, bench.program);
});

benchTest("the installer refuses a program that the checksums do not list", async (bench) => {
  Deno.writeTextFileSync(join(bench.folder, "dist", "SHA256SUMS"), `${"0".repeat(64)}  edgekeep-9-other\n`);
  await refuses(bench, /does not list edgekeep-1\.2\.3/, bench.program);
});

benchTest("the installer refuses an unknown option and a second program", async (bench) => {
  await refuses(bench, /Unknown option --colour/, "--colour", bench.program);
  await refuses(bench, /More than one program/, bench.program, bench.program);
});

Deno.test({
  name: "shellcheck finds nothing in the shell scripts",
  ...requires("shellcheck"),
  fn: async () => {
    const root = new URL("../../", import.meta.url);
    const scripts = ["install.sh", ".ci/run", "packaging/get_deno.sh", "tests/packaging/denort.sh"];
    const { success, stdout } = await new Deno.Command(programPath("shellcheck") ?? "shellcheck", {
      args: scripts,
      cwd: root,
    }).output();
    assert.ok(success, new TextDecoder().decode(stdout));
  },
});
