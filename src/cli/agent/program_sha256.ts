import { createHash } from "node:crypto";

/**
 * SHA-256 of the program, hex, which the hub is told: of the executable, or of the entry module where the program runs
 * from its source or a bundle.
 *
 * @param entry module of the agent's worker
 */
export async function programSha256(entry: URL): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(Deno.build.standalone ? Deno.execPath() : entry, { read: true });
  for await (const part of file.readable) hash.update(part);
  return hash.digest("hex");
}
