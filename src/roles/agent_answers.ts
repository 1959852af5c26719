import { z } from "zod";
import type { RunningAgent } from "../agent/agent.ts";
import { HubRequestError } from "../agent/hub_client/hub_requests.ts";
import { isNodeId, type NodeId } from "../mesh/ids.ts";
import { MeshError } from "../mesh/mesh_error.ts";
import type { AgentAnswer, AgentAnswerer } from "./agent_socket.ts";

const policyQuestion = z.strictObject({
  /** Node id, name or mesh address. */
  from: z.string().max(64).optional(),
  protocol: z.enum(["tcp", "udp", "icmp"]).optional(),
  port: z.int().min(1).max(65_535).optional(),
});
const acceptQuestion = z.strictObject({ fingerprint: z.string().max(200) });
const nothing = z.strictObject({});

/** The answers of a running agent to the command line: `status`, `peers`, `policy`, `rotate`, `accept-hub`, `deregister`. */
export function agentAnswers(agent: RunningAgent): AgentAnswerer {
  const questions: Readonly<Record<string, (params: unknown) => Promise<unknown>>> = {
    status: (params) => {
      nothing.parse(params);
      return agent.status();
    },
    peers: (params) => {
      nothing.parse(params);
      return Promise.resolve(agent.peers());
    },
    policy: async (params) => {
      const { from, protocol, port } = policyQuestion.parse(params);
      const answer = agent.policy({
        ...from === undefined ? {} : { from: peerOf(agent, from) },
        ...protocol === undefined ? {} : { protocol },
        ...port === undefined ? {} : { port },
      });
      const { rules, drops } = await agent.counters();
      return { ...answer, counters: { rules: Object.fromEntries(rules), drops } };
    },
    rotate: async (params) => {
      nothing.parse(params);
      await agent.rotate();
      return {};
    },
    "accept-hub": async (params) => ({ text: await agent.acceptHub(acceptQuestion.parse(params).fingerprint) }),
    deregister: async (params) => {
      nothing.parse(params);
      await agent.deregister();
      return {};
    },
  };
  return async (type, params) => {
    const question = Object.hasOwn(questions, type) ? questions[type] : undefined;
    if (question === undefined) return { ok: false, code: "not_found", error: "The agent knows no such question" };
    try {
      return { ok: true, result: await question(params) };
    } catch (error) {
      return refusalOf(error);
    }
  };
}

function peerOf(agent: RunningAgent, from: string): NodeId {
  const found = agent.peers().find(({ nodeId, name, meshIp }) => from === nodeId || from === name || from === meshIp);
  if (found !== undefined) return found.nodeId;
  if (isNodeId(from)) return from;
  throw new RangeError(`No peer is called '${from}'`);
}

function refusalOf(error: unknown): AgentAnswer {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return {
      ok: false,
      code: "bad_params",
      error: `${issue?.path.join(".") ?? "params"}: ${issue?.message ?? "wrong"}`,
    };
  }
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof MeshError) return { ok: false, code: error.code, error: text };
  if (error instanceof HubRequestError) return { ok: false, code: error.problem ?? error.code, error: text };
  return { ok: false, code: error instanceof RangeError ? "bad_params" : "failed", error: text };
}
