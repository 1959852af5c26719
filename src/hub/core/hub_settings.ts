/** What the configuration says to the hub. */
export interface HubSettings {
  /** `https://host:port` that agents reach it under; `null`: no token can be made. */
  readonly url: string | null;
  /** Where the API listens, for people. */
  readonly listening: string;
  /** Network of the mesh; the one that the hub was made with counts. */
  readonly meshCidr: string;
  readonly pskMode: "end-to-end" | "hub";
  /** IP address under which agents reach observers and relay, IPv6 without brackets; `null`: there are neither. */
  readonly address: string | null;
  readonly observerPorts: readonly [number, number];
  /** Days after which a node is asked for a new WireGuard key; 0: never. */
  readonly rotateDays: number;
  /** Names of the TLS certificate; nobody checks them, people read them. */
  readonly names: readonly string[];
}
