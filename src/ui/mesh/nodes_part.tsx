import { useState } from "preact/hooks";
import { meshChanges, status } from "../gateway_state.ts";
import type { HubView, NodeView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { messages } from "../messages/messages.ts";
import { useSteadyAnswer } from "../operate/use_steady_answer.ts";
import { FaultList } from "../overview/fault_list.tsx";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { type Action, useAction } from "../parts/use_action.ts";
import { hrefOf } from "../route.ts";
import { ListTable } from "../security/list_table.tsx";
import { Ago, Day } from "../security/moments.tsx";
import { Answer, Card, Done, Empty, Part } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { readHub, readNodes, removeNode, renameNode, rotateNode, setGroups } from "./mesh_calls.ts";
import { Presence } from "./presence.tsx";

const EVERY_MS = 3_000;

/** Who is in the mesh and how they are, with what can be done about it. */
export function NodesPart() {
  const words = meshMessages.value.nodes;
  const hub = useSteadyAnswer(readHub, `${meshChanges.value.nodes}`, EVERY_MS);
  const nodes = useSteadyAnswer(readNodes, `${meshChanges.value.nodes}`, EVERY_MS);
  const action = useAction();
  const [open, setOpen] = useState<string | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const act = async (text: string, work: () => Promise<void>) => {
    setDone(null);
    const worked = await action.run(work);
    await nodes.reload();
    if (worked) setDone(text);
    return worked;
  };
  return (
    <Part heading={messages.value.meshParts.nodes} intro={words.intro}>
      <FaultList faults={status.value?.faults ?? []} />
      <Answer answer={hub}>{(value) => <HubFacts hub={value} />}</Answer>
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      <Answer answer={nodes}>
        {(list) =>
          list.length === 0 ? <Empty text={words.none} hint={words.noneHint} /> : (
            <ListTable
              label={words.table}
              items={list.toSorted(byState)}
              keyOf={({ nodeId }) => nodeId}
              columns={[
                { key: "name", heading: words.columns.name, main: true, cell: ({ name }) => name },
                { key: "presence", heading: words.columns.presence, cell: (node) => <Presence node={node} /> },
                {
                  key: "ip",
                  heading: words.columns.ip,
                  cell: ({ meshIp }) => <span class="mono">{meshIp}</span>,
                },
                {
                  key: "groups",
                  heading: words.columns.groups,
                  cell: ({ groups }) => groups.length === 0 ? <span class="hint">–</span> : groups.join(", "),
                },
                {
                  key: "heard",
                  heading: words.columns.heard,
                  cell: ({ lastHeartbeat }) => <Ago time={lastHeartbeat} />,
                },
                {
                  key: "actions",
                  heading: meshMessages.value.actions,
                  quiet: true,
                  cell: ({ nodeId, name }) => (
                    <div class="row-actions">
                      <button
                        type="button"
                        class="button button-small"
                        aria-expanded={open === nodeId}
                        aria-label={words.moreOf(name)}
                        onClick={() => setOpen(open === nodeId ? null : nodeId)}
                      >
                        {meshMessages.value.more}
                      </button>
                    </div>
                  ),
                },
              ]}
              more={(node) => open === node.nodeId ? <NodeMore node={node} action={action} act={act} /> : null}
            />
          )}
      </Answer>
      {may("admin") && (
        <p>
          <a class="button" href={hrefOf({ page: "mesh", part: "tokens" })}>{words.join}</a>
        </p>
      )}
    </Part>
  );
}

function HubFacts({ hub }: { readonly hub: HubView }) {
  const words = meshMessages.value.hub;
  const { count } = format.value;
  return (
    <Card>
      <p class="mesh-figure">{words.online(count(hub.nodes.online), count(hub.nodes.active))}</p>
      <Facts>
        <Fact name={words.address}>
          <span class="mono">{hub.url}</span>
        </Fact>
        <Fact name={words.network}>
          <span class="mono">{hub.meshCidr}</span>
        </Fact>
        <Fact name={words.psk}>{words.pskModes[hub.pskMode]}</Fact>
        <Fact name={words.relay}>
          {words.relayed(count(hub.relays.sessions), count(hub.relays.most))}
        </Fact>
        <Fact name={words.refused}>{count(hub.refusedRequests)}</Fact>
      </Facts>
    </Card>
  );
}

/** Everything else about one node, and what can be done with it. */
function NodeMore(
  { node, action, act }: {
    readonly node: NodeView;
    readonly action: Action;
    readonly act: (text: string, work: () => Promise<void>) => Promise<boolean>;
  },
) {
  const words = meshMessages.value.nodes;
  const [name, setName] = useState(node.name);
  const [groups, setGroupsText] = useState(node.groups.join(", "));
  const save = () =>
    act(words.saved(name.trim()), async () => {
      const wanted = groups.split(",").map((group) => group.trim()).filter((group) => group !== "");
      if (wanted.join() !== node.groups.join()) await setGroups(node.nodeId, wanted);
      if (name.trim() !== node.name) await renameNode(node.nodeId, name.trim());
    });
  return (
    <div class="alarm-more">
      <Facts>
        <Fact name={words.id}>
          <span class="mono">{node.nodeId}</span>
        </Fact>
        <Fact name={words.fingerprint}>
          <span class="mono">{node.fingerprint}</span>
        </Fact>
        <Fact name={words.registered}>
          <Day time={node.registered} />
        </Fact>
        <Fact name={words.version}>{node.version}</Fact>
        <Fact name={words.address}>{node.address ?? "–"}</Fact>
        <Fact name={words.columns.nat}>{words.natKinds[node.nat]}</Fact>
        <Fact name={words.endpoints}>
          {node.endpoints.map(({ kind, address }) => (
            <span key={`${kind} ${address}`} class="mesh-endpoint">
              <span class="mono">{address}</span> <span class="hint">{words.endpointKinds[kind]}</span>
            </span>
          ))}
          {node.endpoints.length === 0 && "–"}
        </Fact>
        <Fact name={words.keys}>{format.value.count(node.generation)}</Fact>
        <Fact name={words.position}>
          {node.appliedSequence === null || node.appliedSequence === node.sequence
            ? format.value.count(node.sequence)
            : words.behind(format.value.count(node.appliedSequence), format.value.count(node.sequence))}
        </Fact>
      </Facts>
      {node.state === "active" && may("engineer") && (
        <Form onSend={() => void save()} label={words.moreOf(node.name)}>
          <TextField label={words.name} value={name} onValue={setName} autocomplete="off" />
          <TextField
            label={words.groups}
            hint={words.groupsHint}
            value={groups}
            onValue={setGroupsText}
            autocomplete="off"
          />
          <SendButton busy={action.busy}>{words.save}</SendButton>
        </Form>
      )}
      {node.state === "active" && may("admin") && (
        <div class="row-actions">
          <button
            type="button"
            class="button button-small"
            disabled={action.busy}
            onClick={() => void act(words.rotating(node.name), () => rotateNode(node.nodeId))}
          >
            {words.rotate}
          </button>
          <ConfirmButton
            label={words.remove}
            question={words.removeQuestion(node.name)}
            busy={action.busy}
            onConfirm={() => void act(words.removedNow(node.name), () => removeNode(node.nodeId))}
          />
        </div>
      )}
    </div>
  );
}

/** Active before removed, then by name. */
function byState(a: NodeView, b: NodeView): number {
  return Number(a.state === "removed") - Number(b.state === "removed") || a.name.localeCompare(b.name);
}
