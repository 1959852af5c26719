import type { Registry } from "prom-client";
import type { Access } from "../access/access.ts";
import type { Audit } from "../audit/audit.ts";
import type { HubRoleStatus } from "../operations/operation_parts.ts";
import type { Operations } from "../operations/operation.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { GatewayStatus, RoleStatus } from "../telemetry/status.ts";
import type { DeviceDirectory } from "./device_directory.ts";
import type { HistoryAccess } from "./history_access.ts";
import type { Identity } from "./identify.ts";
import type { LiveHub } from "./live_hub.ts";
import type { MeshLive } from "./mesh_live.ts";
import type { Peer, PeerSocket } from "./peer.ts";
import type { WebSite } from "./web_site.ts";

/** Until when debug operations are unlocked; the operations' gate is one. */
export interface DebugWindow {
  /** µs; `null` while they are locked, or open by configuration. */
  readonly openUntilUs: number | null;
}

/** What the routes of every role work with. */
export interface ApiContext {
  readonly role: ConfiguredRole;
  /** Changes with each start, so that a position in another process's lists is never taken for one of ours. */
  readonly instance: string;
  /** Names of what faults and events concern. */
  readonly names: SubjectNames;
  readonly feed: EventFeed;
  readonly faults: FaultBoard;
  readonly metrics: Registry;
  readonly status: () => RoleStatus;
  readonly isReady: () => boolean;
  readonly operations: Operations;
  readonly access: Access;
  readonly audit: Audit;
  readonly debug: DebugWindow;
  readonly site: WebSite;
}

/** How people call what a fault or an event concerns. */
export interface SubjectNames {
  /** `null` where it has no other name. */
  nameOf(subject: string): string | null;
}

/** What a gateway's routes work with besides. */
export interface PlantContext extends ApiContext {
  readonly tags: TagStore;
  readonly devices: DeviceDirectory;
  readonly history: HistoryAccess;
  readonly status: () => GatewayStatus;
  readonly hub: LiveHub;
}

/** What a hub's routes work with besides. */
export interface MeshContext extends ApiContext {
  readonly status: () => HubRoleStatus;
  readonly live: MeshLive;
}

/**
 * What Hono hands to the handlers of one request. The bindings are node's request and response: who is on the other
 * side, and the connection to break; absent in `app.request()` unless a test gives them.
 */
export interface WebEnv {
  readonly Bindings: {
    readonly incoming?: { readonly socket: PeerSocket };
    readonly outgoing?: { destroy(): void; once(event: "close", listener: () => void): unknown };
  };
  readonly Variables: {
    readonly peer: Peer;
    /** Host that the request names, in lower case without port; the host guard has let it pass. */
    readonly host: string;
    readonly identity: Identity;
    /** Aborted when the caller's credential ends. */
    readonly ended: AbortSignal;
  };
}
