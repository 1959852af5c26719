import { useState } from "preact/hooks";
import { ApiError } from "../api_request.ts";
import type { NodeView, PolicyPlanView, PolicyView, RuleView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { messages } from "../messages/messages.ts";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { ListTable } from "../security/list_table.tsx";
import { Answer, Card, Done, Empty, Part } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { planPolicy, readNodes, readPolicy, setPolicy } from "./mesh_calls.ts";
import { PolicyMatrix } from "./policy_matrix.tsx";
import { PolicyPlan } from "./policy_plan.tsx";
import { RuleForm } from "./rule_form.tsx";
import { servicesOf } from "./services_of.ts";

interface Read {
  readonly policy: PolicyView;
  readonly nodes: readonly NodeView[];
  /** What the policy in force does; for who may only read, `null`. */
  readonly plan: PolicyPlanView | null;
}

/** Who may reach what: the rules, a draft of others, and what it would change. */
export function PolicyPart() {
  const words = meshMessages.value.policy;
  const answer = useAnswer<Read>(async (signal) => {
    const [policy, nodes] = await Promise.all([readPolicy(signal), readNodes(signal)]);
    return { policy, nodes, plan: may("engineer") ? await planPolicy(policy.rules) : null };
  });
  const [done, setDone] = useState<string | null>(null);
  return (
    <Part heading={messages.value.meshParts.policy} intro={words.intro}>
      <Done text={done} />
      <Answer answer={answer}>
        {(read) => (
          <Draft
            key={read.policy.version}
            read={read}
            onDone={async (version) => {
              await answer.reload();
              setDone(words.inForce(format.value.count(version)));
            }}
            onTouched={() => setDone(null)}
            reload={answer.reload}
          />
        )}
      </Answer>
    </Part>
  );
}

function Draft(
  { read, onDone, onTouched, reload }: {
    readonly read: Read;
    readonly onDone: (version: number) => Promise<void>;
    readonly onTouched: () => void;
    readonly reload: () => Promise<void>;
  },
) {
  const words = meshMessages.value.policy;
  const { policy, nodes } = read;
  const [rules, setRules] = useState(policy.rules);
  const [plan, setPlan] = useState<PolicyPlanView | null>(null);
  const [editing, setEditing] = useState<string | null>(null);
  const [adding, setAdding] = useState(false);
  const action = useAction();
  const active = nodes.filter(({ state }) => state === "active");
  const nameOf = (id: string) => active.find(({ nodeId }) => nodeId === id)?.name ?? id;
  const touched = rules !== policy.rules;
  const change = (next: readonly RuleView[]) => {
    onTouched();
    setRules(next);
    setPlan(null);
    setEditing(null);
    setAdding(false);
  };
  const discard = async () => {
    change(policy.rules);
    action.forget();
    await reload();
  };
  const tryIt = () => action.run(async () => setPlan(await planPolicy(rules)));
  const apply = () =>
    action.run(async () => {
      const { version } = await setPolicy(rules, policy.version);
      await onDone(version);
    });
  const conflict = action.trouble instanceof ApiError && action.trouble.code === "conflict";
  const matrix = plan ?? read.plan;
  return (
    <>
      {!may("engineer") && <p class="part-intro">{words.reader}</p>}
      <p class="hint">{words.inForce(format.value.count(policy.version))}</p>
      {rules.length === 0 ? <Empty text={words.none} hint={words.noneHint} /> : (
        <ListTable
          label={words.table}
          items={rules}
          keyOf={({ id }) => id}
          columns={[
            { key: "from", heading: words.columns.from, main: true, cell: ({ from }) => whoText(from) },
            { key: "to", heading: words.columns.to, cell: ({ to }) => whoText(to) },
            {
              key: "service",
              heading: words.columns.service,
              cell: (rule) => (
                <span class="mono">
                  {servicesOf(rule).join(", ")}
                  {rule.log && <span class="hint">{words.log}</span>}
                </span>
              ),
            },
            {
              key: "comment",
              heading: words.columns.comment,
              cell: ({ id, comment }) => (
                <>
                  {comment} <span class="hint">{id}</span>
                </>
              ),
            },
            {
              key: "actions",
              heading: meshMessages.value.actions,
              quiet: true,
              cell: ({ id }) =>
                may("engineer") && (
                  <div class="row-actions">
                    <button
                      type="button"
                      class="button button-small"
                      aria-expanded={editing === id}
                      aria-label={`${words.edit}: ${id}`}
                      onClick={() => setEditing(editing === id ? null : id)}
                    >
                      {words.edit}
                    </button>
                    <button
                      type="button"
                      class="button button-small"
                      aria-label={`${words.delete}: ${id}`}
                      onClick={() => change(rules.filter((rule) => rule.id !== id))}
                    >
                      {words.delete}
                    </button>
                  </div>
                ),
            },
          ]}
          more={(rule) =>
            editing === rule.id
              ? (
                <RuleForm
                  rule={rule}
                  taken={rules.filter((other) => other !== rule).map(({ id }) => id)}
                  onTake={(next) => change(rules.map((other) => other === rule ? next : other))}
                  onClose={() => setEditing(null)}
                />
              )
              : null}
        />
      )}
      {may("engineer") && (
        <>
          {adding
            ? (
              <Card heading={words.add}>
                <RuleForm
                  rule={null}
                  taken={rules.map(({ id }) => id)}
                  onTake={(rule) => change([...rules, rule])}
                  onClose={() => setAdding(false)}
                />
              </Card>
            )
            : (
              <p>
                <button type="button" class="button" onClick={() => setAdding(true)}>{words.add}</button>
              </p>
            )}
          {touched && (
            <Card>
              <p>{words.draft}</p>
              <div class="row-actions">
                <button type="button" class="button" disabled={action.busy} onClick={() => void tryIt()}>
                  {words.plan}
                </button>
                <button
                  type="button"
                  class="button button-main"
                  disabled={action.busy || plan === null || !plan.ok}
                  onClick={() => void apply()}
                >
                  {words.apply}
                </button>
                <button type="button" class="button" disabled={action.busy} onClick={() => void discard()}>
                  {words.discard}
                </button>
              </div>
              <TroubleNote trouble={conflict ? new Error(words.conflict) : action.trouble} />
              {plan !== null && <PolicyPlan plan={plan} nameOf={nameOf} />}
            </Card>
          )}
        </>
      )}
      {matrix !== null && active.length > 1 && (
        <Card heading={words.matrix}>
          <p class="hint">{words.matrixOf(plan !== null)}</p>
          <PolicyMatrix plan={matrix} nodes={active} />
        </Card>
      )}
    </>
  );
}

/** Who a side of a rule names, for people. */
function whoText(who: readonly string[]): string {
  return who.map((one) => one === "*" ? meshMessages.value.policy.everybody : one).join(", ");
}
