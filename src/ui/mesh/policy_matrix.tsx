import type { NodeView, PolicyPlanView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { reachOf } from "./reach_of.ts";

/** Who reaches what on whom: a row for each node that asks, a column for each that is asked. */
export function PolicyMatrix(
  { plan, nodes }: { readonly plan: PolicyPlanView; readonly nodes: readonly NodeView[] },
) {
  const words = meshMessages.value.policy;
  const reach = reachOf(plan);
  return (
    <div class="list-frame mesh-matrix">
      <table aria-label={words.matrix}>
        <thead>
          <tr>
            <th scope="col">{words.matrixCorner}</th>
            {nodes.map(({ nodeId, name }) => <th key={nodeId} scope="col">{name}</th>)}
          </tr>
        </thead>
        <tbody>
          {nodes.map((from) => (
            <tr key={from.nodeId}>
              <th scope="row">{from.name}</th>
              {nodes.map((to) => {
                if (to === from) return <td key={to.nodeId} class="mesh-self" />;
                const services = reach(from.nodeId, to.nodeId);
                return (
                  <td key={to.nodeId}>
                    {services.length === 0
                      ? <span class="hint">{words.nothing}</span>
                      : services.map((service) => <span key={service} class="mono mesh-service">{service}</span>)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
