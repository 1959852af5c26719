/** What this machine is called and where it is reached. */
export interface MachineNames {
  readonly hostname: string;
  /** IP addresses of its interfaces, without zones (RFC 4007 §11) and brackets. */
  readonly addresses: readonly string[];
}

/** Reads host name and interface addresses; needs the `hostname` and `networkInterfaces` system permissions. */
export function machineNames(): MachineNames {
  return {
    hostname: Deno.hostname(),
    addresses: Deno.networkInterfaces().map(({ address }) => address.split("%")[0] ?? "").filter((one) => one !== ""),
  };
}
