import { join } from "node:path";
import type { DoctorFinding } from "./doctor_finding.ts";
import type { DoctorParts } from "./doctor_parts.ts";

/** Whether the agent's folder and everything in it is for its owner alone. */
export async function checkFiles({ dir }: DoctorParts): Promise<DoctorFinding[]> {
  let exposed: string | null;
  try {
    exposed = await findExposed(dir);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return [{
        code: "files",
        severity: "note",
        detail: `There is no folder ${dir} yet`,
        remedy: "edgekeep agent join",
      }];
    }
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      return [{ code: "files", severity: "note", detail: `${dir} cannot be looked into`, remedy: "Run this as root" }];
    }
    throw error;
  }
  if (exposed === null) return [{ code: "files", severity: "ok", detail: `Nobody but its owner can read ${dir}` }];
  return [{
    code: "files",
    severity: "error",
    detail: `${exposed} is open to other users or belongs to another one: it may hold keys`,
    remedy: `chown -R root: ${dir}; chmod -R u=rwX,go= ${dir}; when others could read it, leave the mesh and join anew`,
  }];
}

/** The first path with a mode or owner that it should not have; depth first, symbolic links as they are. */
async function findExposed(dir: string): Promise<string | null> {
  const { uid } = await Deno.lstat(dir);
  const look = async (path: string): Promise<string | null> => {
    const info = await Deno.lstat(path);
    // a link's own mode says nothing; where it leads is not the agent's
    if (info.isSymlink || info.uid !== uid || ((info.mode ?? 0) & 0o077) !== 0) return path;
    if (!info.isDirectory) return null;
    for await (const { name } of Deno.readDir(path)) {
      const found = await look(join(path, name)).catch((error) => {
        // gone between listing and looking: the agent replaces files
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      });
      if (found !== null) return found;
    }
    return null;
  };
  return await look(dir);
}
