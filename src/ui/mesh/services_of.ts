/** A protocol with ports, as rules and their effects name it. */
interface Service {
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly ports: readonly (readonly [number, number])[];
}

/** The services of a rule in the firewall's words: `tcp/4840`, `udp/1-1024`, `icmp`. */
export function servicesOf({ protocol, ports }: Service): string[] {
  if (protocol === "icmp") return ["icmp"];
  return ports.map(([low, high]) => `${protocol}/${low === high ? low : `${low}-${high}`}`);
}

/** Ports as people type them: `80, 443, 5000-5010`. */
export function portsText(ports: Service["ports"]): string {
  return ports.map(([low, high]) => low === high ? String(low) : `${low}-${high}`).join(", ");
}

/** Reads what {@link portsText} writes; `null` when it is not a list of ports 1 to 65535, each range low to high. */
export function parsePorts(text: string): [number, number][] | null {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (parts.length === 0) return null;
  const ports: [number, number][] = [];
  for (const part of parts) {
    const match = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(part);
    const low = Number(match?.[1]);
    const high = Number(match?.[2] ?? match?.[1]);
    if (match === null || low < 1 || high > 65_535 || low > high) return null;
    ports.push([low, high]);
  }
  return ports;
}
