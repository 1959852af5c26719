import type { Role } from "../policy/roles.ts";

/** A session that is open, whatever it came through. */
export interface SessionEntry {
  /** Unique over all sources. */
  readonly id: string;
  readonly kind: "web" | "control" | "opcua";
  /** Who; `null` before anybody has proved who they are. */
  readonly name: string | null;
  readonly role: Role | null;
  /** The peer's IP address without port, or `local`. */
  readonly address: string;
  /** What the client says it is: a user agent, an OPC UA application name. */
  readonly client: string;
  readonly createdUs: number;
  readonly lastUsedUs: number | null;
  /** `null`: for as long as it is used. */
  readonly expiresUs: number | null;
}

/** A listener's open sessions. */
export interface SessionSource {
  list(): SessionEntry[];
  /** Ends the session with this id; `false` when there is none. */
  close(id: string): boolean;
}
