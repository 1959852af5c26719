import { FollowedState } from "../../../src/agent/follow/followed_state.ts";
import { AgentFolder } from "../../../src/agent/files/agent_folder.ts";
import type { NodeState } from "../../../src/mesh/state.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { hurried } from "./hurried.ts";
import type { MeshWorld } from "./mesh_world.ts";
import type { ForgedEnvelope } from "./mitm_main.ts";
import type { StolenHub } from "./stolen_hub.ts";
import type { TestAgent } from "./test_agent.ts";

/**
 * Somebody with the keys of the hub who talks to one agent in the hub's place: what it says has the hub's signature, the
 * right address, nonce and position. The agent gets the real hub back when this is disposed of.
 */
export class Thief implements AsyncDisposable {
  private constructor(
    readonly world: MeshWorld,
    readonly agent: TestAgent,
    readonly stolen: StolenHub,
  ) {}

  /** Takes an agent's connection over. */
  static async takeOver(world: MeshWorld, agent: TestAgent): Promise<Thief> {
    const thief = new Thief(world, agent, world.stealHub());
    const node = await agent.nodeId();
    const before = world.mitm.streams(node).length;
    await world.mitm.tell({ do: "take_over", node, on: true });
    await hurried(agent, "the agent to come to the thief", () => world.mitm.streams(node).length > before);
    return thief;
  }

  /** The state that the agent follows now. */
  async state(): Promise<NodeState> {
    const folder = await AgentFolder.open(this.agent.dir);
    const { state } = await FollowedState.load(folder, () => Date.now() * 1000, (error) => {
      throw error;
    });
    if (state === null) throw new Error(`${this.agent.machine.name} has no state`);
    return state;
  }

  /** Sends the next event; resolves when the agent has judged it. */
  async event(type: string, payload: Readonly<Record<string, unknown>>): Promise<void> {
    const { position, hub } = await this.agent.status();
    const envelope = await this.#envelope(type, payload, position.sequence + 1);
    const node = envelope.audience;
    // after a state the stream is opened anew
    await hurried(this.agent, "the agent's stream", () => this.world.mitm.isOpen(node));
    await this.world.mitm.tell({ do: "forge", node, envelope });
    await waitFor(`the agent to judge ${type}`, async () => {
      const { following } = (await this.agent.status()).hub;
      return following.applied + following.refused > hub.following.applied + hub.following.refused;
    });
  }

  /** Has the agent fetch its state, and gives it this one, at the next position; resolves when it was judged. */
  async giveState(state: unknown): Promise<void> {
    const { sequence } = (await this.agent.status()).position;
    const gap = await this.#envelope("rotate_keys", {}, sequence + 2);
    await this.#giveState(state, sequence + 1, gap);
  }

  /** Gives an agent that asks for its state the one that it has. */
  async giveWantedState(): Promise<void> {
    const { sequence } = (await this.agent.status()).position;
    await this.#giveState(await this.state(), sequence, null);
  }

  async #giveState(state: unknown, sequence: number, gap: ForgedEnvelope | null): Promise<void> {
    const { mitm } = this.world;
    const { hub } = await this.agent.status();
    const envelope = await this.#envelope("node_state", state as Record<string, unknown>, sequence);
    const node = envelope.audience;
    let provocation = gap;
    await mitm.tell({ do: "forge_state", node, envelope });
    try {
      await hurried(this.agent, "the agent to judge a state", async () => {
        // one that has a stream does not ask by itself, unless an event is missing
        if (provocation !== null && mitm.isOpen(node)) {
          await mitm.tell({ do: "forge", node, envelope: provocation });
          provocation = null;
        }
        const { following } = (await this.agent.status()).hub;
        return following.applied + following.refused > hub.following.applied + hub.following.refused;
      });
    } finally {
      await mitm.tell({ do: "forge_state", node, envelope: null });
    }
  }

  async #envelope(type: string, payload: Readonly<Record<string, unknown>>, sequence: number) {
    return this.stolen.envelope({
      audience: await this.agent.nodeId(),
      type,
      payload: JSON.parse(JSON.stringify(payload)),
      sequence,
      epoch: (await this.agent.status()).position.epoch,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.mitm.tell({ do: "take_over", node: await this.agent.nodeId(), on: false });
  }
}
