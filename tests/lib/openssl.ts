import { programPath } from "./requires.ts";

/**
 * Runs openssl and answers what it printed. Its environment is empty: libraries in the test's process leave variables
 * behind that openssl would take for its own (`OPENSSL_CONF=undefined`). Throws when it fails.
 */
export async function openssl(args: readonly string[], folder?: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(programPath("openssl") ?? "openssl", {
    args: [...args],
    clearEnv: true,
    stdin: "null",
    ...(folder === undefined ? {} : { cwd: folder }),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`openssl ${args.join(" ")} failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
