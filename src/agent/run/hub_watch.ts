import type { FaultBoard } from "../../telemetry/fault_board.ts";
import type { FollowStatus } from "../follow/follower.ts";

/** The hub's absence is a fault after so long, ms. */
const ABSENT_MS = 300_000;
/** A clock behind its own past by more than this counts, µs. */
const CLOCK_SLACK_US = 60_000_000;

/** What a {@link HubWatch} judges by. */
export interface HubWatchOptions {
  readonly faults: Pick<FaultBoard, "raise" | "clear">;
  /** Time without the hub after which the tunnels end, ms; `null`: they stay. */
  readonly maxOfflineMs: number | null;
  /** For how long the hub had not been heard when the agent started, ms. */
  readonly offlineMsAtStart: number;
  /** The highest time that this machine's clock has shown, µs UTC. */
  readonly timeFloorUs: number;
  readonly nowUs: () => number;
  readonly monotonicMs?: () => number;
}

/** Judges how long the hub has been away, tells people by faults, and ends the tunnels where that is configured. */
export class HubWatch {
  readonly #options: HubWatchOptions;
  readonly #monotonicMs: () => number;
  readonly #startedMs: number;
  #holdsDown = false;

  constructor(options: HubWatchOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#startedMs = this.#monotonicMs();
    this.#judge(options.offlineMsAtStart);
    this.#lookAtClock();
  }

  /** Whether the tunnels are to be down for want of the hub. */
  get holdsDown(): boolean {
    return this.#holdsDown;
  }

  /** Looks at how following goes. */
  look({ connected, lastHeardMs, problem }: FollowStatus): void {
    const { faults, offlineMsAtStart } = this.#options;
    const sinceStartMs = this.#monotonicMs() - this.#startedMs;
    this.#judge(lastHeardMs ?? offlineMsAtStart + sinceStartMs);
    const code = connected ? null : problem?.code ?? null;
    if (code === "wrong_pin") faults.raise("mesh_hub_wrong_key", problem?.text ?? "");
    else faults.clear("mesh_hub_wrong_key");
    if (code === "node_removed" || code === "node_unknown") faults.raise("mesh_removed", problem?.text ?? "");
    else faults.clear("mesh_removed");
    const absentMs = lastHeardMs ?? sinceStartMs;
    if (!connected && absentMs >= ABSENT_MS) {
      faults.raise("mesh_hub_unreachable", problem?.text ?? "The hub does not answer");
    } else if (connected) faults.clear("mesh_hub_unreachable");
    this.#lookAtClock();
  }

  #judge(offlineMs: number): void {
    const { faults, maxOfflineMs } = this.#options;
    this.#holdsDown = maxOfflineMs !== null && offlineMs >= maxOfflineMs;
    if (this.#holdsDown) {
      faults.raise(
        "mesh_offline_stopped",
        `Not heard for ${Math.round((maxOfflineMs ?? 0) / 3_600_000)} hours or more`,
      );
    } else faults.clear("mesh_offline_stopped");
  }

  #lookAtClock(): void {
    const { faults, timeFloorUs, nowUs } = this.#options;
    const behindUs = timeFloorUs - nowUs();
    if (behindUs > CLOCK_SLACK_US) {
      faults.raise(
        "mesh_clock_behind",
        `The clock is ${
          behindUs < 2 * 3_600_000_000
            ? `${Math.round(behindUs / 60_000_000)} minutes`
            : `${Math.round(behindUs / 3_600_000_000)} hours`
        } behind its own past`,
      );
    } else faults.clear("mesh_clock_behind");
  }
}
