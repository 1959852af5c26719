import { hurried } from "../kit/hurried.ts";
import { waitFor } from "../../lib/wait_for.ts";
import type { MeshWorld } from "../kit/mesh_world.ts";
import { PingWatch } from "../kit/ping_watch.ts";
import type { TestAgent } from "../kit/test_agent.ts";

/** Two agents that reach each other, and whoever attacks them. */
export interface Scene {
  readonly world: MeshWorld;
  readonly a: TestAgent;
  readonly b: TestAgent;
}

/** One attack; must leave the scene as it found it: two agents that follow their hub and reach each other. */
export type Attack<S extends Scene = Scene> = (scene: S) => Promise<void>;

/** How often an agent put on record that it refused something with this code. */
export async function refusals(agent: TestAgent, code: string): Promise<number> {
  const records = await agent.audit();
  return records.filter(({ event, outcome }) => event === "mesh_refused" && outcome === code).length;
}

/** Does something that an agent must refuse with this code, and waits until that is on its record. */
export async function refusedWith(agent: TestAgent, code: string, attempt: () => Promise<void>): Promise<void> {
  const before = await refusals(agent, code);
  await attempt();
  await waitFor(`${agent.machine.name} to refuse with ${code}`, async () => await refusals(agent, code) > before, {
    deadlineMs: 60_000,
  }).catch(async (error: unknown) => {
    const said = (await agent.audit()).slice(-10).map((record) => JSON.stringify(record)).join("\n");
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}\n${agent.output()}`);
  });
}

/** Does something while the two ping each other ten times a second, and fails when a single answer is missing. */
export async function unharmed({ a, b }: Scene, work: () => Promise<void>): Promise<void> {
  await using watch = await PingWatch.start(a.machine, await b.meshIp());
  await work();
  const { lost, sent, lostSequences } = await watch.stop();
  if (lost > 0) throw new Error(`${lost} of ${sent} pings were lost: ${lostSequences.join(" ")}`);
}

/** Waits until an agent follows its hub and knows of nothing wrong with it. */
export async function untilFollowing(agent: TestAgent): Promise<void> {
  await hurried(agent, `${agent.machine.name} to follow its hub`, async () => {
    const { hub } = await agent.status();
    return hub.following.connected && hub.following.problem === null;
  }).catch(async (error: unknown) => {
    const status = JSON.stringify((await agent.status()).hub);
    throw new Error(`${error instanceof Error ? error.message : String(error)}: ${status}\n${agent.output()}`);
  });
}
