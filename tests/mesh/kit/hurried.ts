import { waitFor } from "../../lib/wait_for.ts";
import type { TestAgent } from "./test_agent.ts";

/** Longer than an agent takes to see a change of its machine's addresses. */
const NUDGE_MS = 5_500;

/**
 * Waits for what an agent does when it next turns to its hub, and lets it do so soon: after many failures it would wait
 * for up to a minute, but not when the machine's network changes.
 */
export async function hurried(
  agent: TestAgent,
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  let nudgedMs = performance.now();
  let present = false;
  const nudge = async () => {
    present = !present;
    nudgedMs = performance.now();
    await agent.machine.run("ip", ["addr", present ? "add" : "del", "192.0.2.1/32", "dev", "lo"]);
  };
  try {
    await waitFor(what, async () => {
      if (await condition()) return true;
      if (performance.now() - nudgedMs > NUDGE_MS) await nudge();
      return false;
    }, { deadlineMs: 60_000, everyMs: 50 });
  } finally {
    if (present) await nudge();
  }
}
