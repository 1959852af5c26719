import { pause } from "../../telemetry/pause.ts";
import type { Firewall } from "./firewall.ts";

/**
 * Looks after the firewall every few seconds until the signal aborts, and resolves then.
 *
 * @param onOpened called when a firewall that was closed is in force again: the interface may be brought up
 * @param intervalMs between two looks; 10 s unless told
 */
export async function keepFirewall(
  firewall: Pick<Firewall, "verify" | "closed">,
  signal: AbortSignal,
  onOpened: () => void,
  intervalMs = 10_000,
): Promise<void> {
  for (;;) {
    await pause(intervalMs, signal);
    if (signal.aborted) return;
    const { closed } = firewall;
    await firewall.verify();
    if (closed && !firewall.closed) onOpened();
  }
}
