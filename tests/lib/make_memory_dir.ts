/**
 * Makes a folder in memory where the machine has such a place, else on disk. For stores whose tests commit thousands of
 * times and are not about the disk: each commit waits for it, and on a busy machine for everybody else's writes too.
 */
export async function makeMemoryDir(prefix: string): Promise<string> {
  try {
    return await Deno.makeTempDir({ dir: "/dev/shm", prefix });
  } catch {
    return await Deno.makeTempDir({ prefix });
  }
}
