import type { Registry } from "prom-client";
import type { TagStore } from "../tags/tag_store.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import type { GatewayStatus } from "../telemetry/status.ts";
import type { DeviceDirectory } from "./device_directory.ts";
import type { HistoryAccess } from "./history_access.ts";
import type { LiveHub } from "./live_hub.ts";

/** What the routes work with. */
export interface ApiContext {
  readonly tags: TagStore;
  readonly devices: DeviceDirectory;
  readonly history: HistoryAccess;
  readonly feed: EventFeed;
  readonly faults: FaultBoard;
  readonly metrics: Registry;
  readonly status: () => GatewayStatus;
  readonly isReady: () => boolean;
  readonly hub: LiveHub;
}

/** What Hono hands to the routes of one request: the node response, to break its connection; absent in `app.request()`. */
export interface WebEnv {
  readonly Bindings: { readonly outgoing?: { destroy(): void } };
}
