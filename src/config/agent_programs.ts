/** A program that the agent runs. */
export type AgentProgram = "ip" | "nft" | "wg" | "wireguard-go" | "sysctl" | "systemctl";

/** Where each program may lie, most likely first, and the Debian package that brings it. */
export const programPlaces: Readonly<
  Record<AgentProgram, { readonly paths: readonly string[]; readonly debianPackage: string }>
> = {
  ip: { paths: ["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip", "/bin/ip"], debianPackage: "iproute2" },
  nft: { paths: ["/usr/sbin/nft", "/sbin/nft"], debianPackage: "nftables" },
  wg: { paths: ["/usr/bin/wg", "/usr/local/bin/wg"], debianPackage: "wireguard-tools" },
  "wireguard-go": { paths: ["/usr/bin/wireguard-go", "/usr/local/bin/wireguard-go"], debianPackage: "wireguard-go" },
  sysctl: { paths: ["/usr/sbin/sysctl", "/sbin/sysctl"], debianPackage: "procps" },
  systemctl: { paths: ["/usr/bin/systemctl", "/bin/systemctl"], debianPackage: "systemd" },
};

/**
 * Every path that the agent's worker may run, for its `run` permission. A path that does not exist gives nothing; none is
 * ever looked up through a variable of the environment.
 */
export const agentPrograms: readonly string[] = Object.values(programPlaces).flatMap(({ paths }) => paths);
