import { bakedFlags } from "../src/supervisor/baked_flags.ts";

/** Processor architectures that executables are made for, as `uname -m` names them. */
export const architectures = ["x86_64", "aarch64"] as const;

export type Architecture = typeof architectures[number];

/**
 * The runtime that `deno compile` embeds ("denort"), and the Deno of the same version that embeds it. Without a file,
 * Deno fetches the runtime from its download host.
 */
export interface Runtime {
  readonly denort: string | null;
  readonly deno: string;
}

/** Thrown where no runtime for an architecture can be had. */
export class RuntimeUnavailableError extends Error {
  override readonly name = "RuntimeUnavailableError";
}

/** Parts of a staged folder that are embedded. */
const stagedParts = ["src", "static", "nodesets", "package.json", "LICENSE", "THIRD-PARTY-LICENSES.txt"];

/** The runtime that the environment names: `DENORT_BIN_<architecture>`, and `DENORT_DENO` where it is not this Deno's. */
export function namedRuntime(architecture: Architecture): Runtime {
  const denort = Deno.env.get(`DENORT_BIN_${architecture}`) ?? null;
  return { denort, deno: denort === null ? Deno.execPath() : Deno.env.get("DENORT_DENO") ?? Deno.execPath() };
}

/**
 * Makes an executable of a staged folder (see `stage.ts`).
 *
 * @throws {RuntimeUnavailableError} when no runtime is named and none can be fetched
 */
export async function compile(
  staged: string,
  output: string,
  architecture: Architecture,
  { denort, deno }: Runtime,
  parts: readonly string[] = stagedParts,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(deno, {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-config",
      // the cache of compiled code would lie in the shared temporary folder, where others could put one of theirs
      "--no-code-cache",
      ...(denort === null ? ["--target", `${architecture}-unknown-linux-gnu`] : []),
      ...bakedFlags,
      ...parts.flatMap((part) => ["--include", part]),
      "--output",
      output,
      "src/main.js",
    ],
    cwd: staged,
    env: { NO_COLOR: "1", ...(denort === null ? {} : { DENORT_BIN: denort }) },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const reason = new TextDecoder().decode(stderr);
  if (denort === null && /Setting up base binary/.test(reason)) {
    const cause = /error sending request for url.*/.exec(reason)?.[0] ?? reason.trim();
    throw new RuntimeUnavailableError(
      `No runtime for ${architecture} (DENORT_BIN_${architecture} names one): ${cause}`,
    );
  }
  throw new Error(`Cannot compile for ${architecture}: ${reason.trim()}`);
}
