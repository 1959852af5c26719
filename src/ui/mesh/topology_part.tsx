import { meshChanges } from "../gateway_state.ts";
import type { LinkView, NodeView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { messages } from "../messages/messages.ts";
import { useSteadyAnswer } from "../operate/use_steady_answer.ts";
import { format } from "../parts/language.ts";
import { ListTable } from "../security/list_table.tsx";
import { Ago } from "../security/moments.tsx";
import { Answer, Empty, Part } from "../security/part.tsx";
import { readTopology } from "./mesh_calls.ts";
import { halfHeight, halfWidth, placesOf } from "./topology_layout.ts";

const EVERY_MS = 3_000;
/** More names than these cannot be read on a phone. */
const MOST_DRAWN = 40;
const LONGEST_NAME = 14;
const paths = ["lan", "direct", "relay", "none"] as const;

/** The tunnels as a drawing and as a table. */
export function TopologyPart() {
  const words = meshMessages.value.topology;
  const answer = useSteadyAnswer(readTopology, `${meshChanges.value.links}`, EVERY_MS);
  return (
    <Part heading={messages.value.meshParts.topology} intro={words.intro}>
      <Answer answer={answer}>
        {({ nodes, links }) => {
          const active = nodes.filter(({ state }) => state === "active");
          const names = new Map(active.map(({ nodeId, name }) => [nodeId, name]));
          const nameOf = (id: string) => names.get(id) ?? id;
          return (
            <>
              {active.length > 1 && <Drawing nodes={active} links={links} />}
              {active.length > MOST_DRAWN && <p class="hint">{words.tooMany(format.value.count(MOST_DRAWN))}</p>}
              {links.length === 0 ? <Empty text={words.none} hint={words.noneHint} /> : (
                <ListTable
                  label={words.table}
                  items={links}
                  keyOf={({ a, b }) => `${a} ${b}`}
                  columns={[
                    {
                      key: "ends",
                      heading: words.columns.ends,
                      main: true,
                      cell: ({ a, b }) => words.between(nameOf(a), nameOf(b)),
                    },
                    {
                      key: "path",
                      heading: words.columns.path,
                      cell: ({ path }) => <span class={`mesh-path mesh-path-${path}`}>{words.paths[path]}</span>,
                    },
                    {
                      key: "rtt",
                      heading: words.columns.rtt,
                      cell: ({ rttMs }) => rttMs === null ? "–" : words.ms(format.value.number(rttMs, 1)),
                    },
                    {
                      key: "handshake",
                      heading: words.columns.handshake,
                      cell: ({ lastHandshake }) => <Ago time={lastHandshake} />,
                    },
                    {
                      key: "bytes",
                      heading: words.columns.bytes,
                      cell: ({ rxBytes, txBytes }) => `${format.value.bytes(rxBytes)} / ${format.value.bytes(txBytes)}`,
                    },
                  ]}
                />
              )}
            </>
          );
        }}
      </Answer>
    </Part>
  );
}

function Drawing({ nodes, links }: { readonly nodes: readonly NodeView[]; readonly links: readonly LinkView[] }) {
  const words = meshMessages.value.topology;
  const drawn = nodes.slice(0, MOST_DRAWN);
  const places = placesOf(drawn.length);
  const at = new Map(drawn.map(({ nodeId }, index) => [nodeId, places[index]]));
  const lines = links.flatMap((link) => {
    const [from, to] = [at.get(link.a), at.get(link.b)];
    return from === undefined || to === undefined ? [] : [{ link, from, to }];
  });
  const labelled = lines.length <= 12;
  return (
    <figure class="mesh-map">
      <svg
        viewBox={`${-halfWidth} ${-halfHeight} ${2 * halfWidth} ${2 * halfHeight}`}
        role="img"
        aria-label={words.drawing(format.value.count(drawn.length), format.value.count(lines.length))}
      >
        {lines.map(({ link, from, to }) => (
          <g key={`${link.a} ${link.b}`} class={`mesh-line mesh-line-${link.path}`}>
            <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
            {labelled && link.rttMs !== null && (
              <text x={(from.x + to.x) / 2} y={(from.y + to.y) / 2 - 2} text-anchor="middle">
                {words.ms(format.value.number(link.rttMs, link.rttMs < 10 ? 1 : 0))}
              </text>
            )}
          </g>
        ))}
        {drawn.map(({ nodeId, name, presence }, index) => {
          const place = places[index];
          if (place === undefined) return null;
          const side = place.anchor === "start" ? 8 : place.anchor === "end" ? -8 : 0;
          const below = place.anchor === "middle" ? (place.y < 0 ? -9 : 15) : 3;
          return (
            <g key={nodeId} class={`mesh-node mesh-node-${presence}`}>
              <circle cx={place.x} cy={place.y} r={5} />
              <text x={place.x + side} y={place.y + below} text-anchor={place.anchor}>
                {name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name}
              </text>
            </g>
          );
        })}
      </svg>
      <figcaption aria-label={words.legend}>
        {paths.map((path) => <span key={path} class={`mesh-path mesh-path-${path}`}>{words.paths[path]}</span>)}
      </figcaption>
    </figure>
  );
}
