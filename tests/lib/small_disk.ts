import { programPath } from "./requires.ts";

/** A disk of its own in a folder. Needs root: `...requires("root")`. */
export interface SmallDisk {
  readonly dir: string;
  /** Mounts it anew with other options: `ro`, `rw`, `size=64k`. */
  remount(options: string): Promise<void>;
}

/** Runs `work` with a disk of its own, which is taken away afterwards. */
export async function withSmallDisk(options: string, work: (disk: SmallDisk) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-disk-" });
  try {
    await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir);
    try {
      await work({ dir, remount: (next) => run("mount", "-o", `remount,${next}`, dir) });
    } finally {
      await run("umount", dir);
    }
  } finally {
    await Deno.remove(dir);
  }
}

/** Takes all the space that is left, with a file in the folder; answers what gives it back. */
export async function fillDisk(dir: string): Promise<() => Promise<void>> {
  const path = `${dir}/ballast`;
  const file = await Deno.open(path, { create: true, write: true });
  try {
    for (let size = 65_536; size >= 1; size = Math.floor(size / 16)) {
      try {
        for (;;) await file.write(new Uint8Array(size));
      } catch {
        // no room for a piece of this size
      }
    }
  } finally {
    file.close();
  }
  return () => Deno.remove(path);
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(programPath(program) ?? program, { args }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
