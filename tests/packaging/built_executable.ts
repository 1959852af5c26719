import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { compile, namedRuntime, type Runtime, RuntimeUnavailableError } from "../../packaging/compile.ts";
import { programPath } from "../lib/requires.ts";

const here = new URL("./", import.meta.url);
const root = new URL("../../", import.meta.url);

/** What `make dist` made for this machine. */
export interface BuiltExecutable {
  /** The folder that `make dist` filled. */
  readonly dist: string;
  /** The executable that a person gets. */
  readonly program: string;
  /**
   * The same for tests that talk OPC UA: on a runtime of Deno 2.4 with the runtime's faults mended, else the very same
   * file.
   */
  readonly opcuaProgram: string;
  readonly runtimeVersion: string;
}

/**
 * Runs `make dist` into a folder of the test's own, with the runtime that the environment names, else the one of Deno's
 * download host, else the one that `denort.sh` finds.
 *
 * @returns why there is no executable for this machine, where none can be made
 */
export async function buildExecutable(folder: string): Promise<BuiltExecutable | string> {
  const runtime = await findRuntime(folder);
  if (typeof runtime === "string") return runtime;
  const dist = join(folder, "dist");
  await run(Deno.execPath(), ["run", "--allow-all", "--no-check", "packaging/dist.ts", dist], {
    ...(runtime.denort === null ? {} : { [`DENORT_BIN_${Deno.build.arch}`]: runtime.denort }),
    DENORT_DENO: runtime.deno,
  });
  const program = join(dist, `edgekeep-${manifest.version}-${Deno.build.arch}`);
  const runtimeVersion = /^deno (\S+)/.exec(await run(runtime.deno, ["--version"]))?.[1] ?? "";
  if (!runtimeVersion.startsWith("2.4.")) return { dist, program, opcuaProgram: program, runtimeVersion };
  const opcuaProgram = join(folder, `mended-${basename(program)}`);
  const mended = join(folder, "mended");
  await run("cp", ["--recursive", join(dist, "stage"), mended]);
  await mendForDeno24(mended);
  await compile(mended, opcuaProgram, Deno.build.arch, runtime);
  return { dist, program, opcuaProgram, runtimeVersion };
}

async function findRuntime(folder: string): Promise<Runtime | string> {
  const named = namedRuntime(Deno.build.arch);
  if (named.denort !== null) return named;
  try {
    const probe = join(folder, "probe");
    await Deno.mkdir(join(probe, "src"), { recursive: true });
    await Deno.writeTextFile(join(probe, "src", "main.js"), "");
    await compile(probe, join(probe, "program"), Deno.build.arch, named, ["src"]);
    return named;
  } catch (error) {
    if (!(error instanceof RuntimeUnavailableError)) throw error;
    if (Deno.build.arch !== "x86_64" || programPath("npm") === null) return error.message;
  }
  const script = fileURLToPath(new URL("denort.sh", here));
  const found = await run("bash", [script, fileURLToPath(new URL(".tools/denort", root))]);
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(found)?.[1] ?? "";
  return { denort: value("DENORT_BIN_x86_64"), deno: value("DENORT_DENO") };
}

/** Puts the mends of `deno_2_4/` under the gateway's bundle, in the staged folder of a test. */
async function mendForDeno24(staged: string): Promise<void> {
  for (const name of ["prelude.js", "node_crypto.js"]) {
    await Deno.copyFile(new URL(`deno_2_4/${name}`, here), join(staged, "src", name));
  }
  const gateway = join(staged, "src", "gateway.js");
  const bundle = await Deno.readTextFile(gateway);
  await Deno.writeTextFile(
    join(staged, "src", "gateway_bundle.js"),
    bundle.replaceAll(/\bfrom ?"(node:)?crypto"/g, `from"./node_crypto.js"`),
  );
  await Deno.writeTextFile(gateway, `import "./prelude.js";\nimport "./gateway_bundle.js";\n`);
}

async function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: root, env }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) throw new Error(`Cannot run ${basename(program)}: ${text}${new TextDecoder().decode(stderr)}`);
  return text;
}
