const names = ["ip", "nft", "sysctl", "wg", "wireguard-go"];
const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * Absolute paths of every program that the mesh agent may run, in every folder where distributions put them: `ip` and
 * `sysctl` for the interface, `nft` for the firewall, `wg` or `wireguard-go` for the tunnels. The process may run these
 * and no other; a worker only those that it was granted.
 */
export const agentPrograms: readonly string[] = folders.flatMap((folder) => names.map((name) => `${folder}/${name}`));

/** Those of {@link agentPrograms} that this machine has. */
export function presentPrograms(): string[] {
  return agentPrograms.filter((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
