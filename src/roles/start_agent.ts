import { startAgent as startMeshAgent } from "../agent/agent.ts";
import type { AgentStart, ReadyInfo } from "../supervisor/role_protocol.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { version } from "../version.ts";
import { agentAnswers } from "./agent_answers.ts";
import { startAgentSocket } from "./agent_socket.ts";
import { logFaults } from "./log_faults.ts";

/** An agent role that runs. */
export interface RunningAgentRole {
  readonly ready: ReadyInfo;
  /** Takes interface and firewall away, in this order, and lets go of everything. */
  stop(): Promise<void>;
}

/** Starts the mesh agent and the socket that the command line asks it on. */
export async function startAgent({ config, binarySha256 }: AgentStart): Promise<RunningAgentRole> {
  const nowUs = () => Date.now() * 1000;
  const faults = new FaultBoard(nowUs);
  logFaults(faults, new EventFeed(nowUs), "agent");
  const agent = await startMeshAgent({ config, faults, nowUs, version, binarySha256 });
  try {
    const socket = await startAgentSocket(agent.folder.socketPath, agentAnswers(agent));
    return {
      ready: { listening: { agent: socket.url } },
      async stop() {
        await socket.stop();
        await agent.stop({ tunnel: "remove" });
      },
    };
  } catch (error) {
    await agent.stop({ tunnel: "keep" });
    throw error;
  }
}
