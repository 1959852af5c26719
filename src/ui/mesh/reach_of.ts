import type { PolicyPlanView } from "../mesh_answers.ts";
import { servicesOf } from "./services_of.ts";

/** Which services of one node another one reaches, each once, in the order of the rules. */
export function reachOf({ nodes }: Pick<PolicyPlanView, "nodes">): (from: string, to: string) => readonly string[] {
  const rulesOf = new Map(nodes.map(({ nodeId, rules }) => [nodeId, rules]));
  return (from, to) => {
    const rules = (rulesOf.get(to) ?? []).filter(({ src }) => src.includes("*") || src.includes(from));
    return [...new Set(rules.flatMap(servicesOf))];
  };
}
