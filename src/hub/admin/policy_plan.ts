import type { HubPolicyChange, HubPolicyPlan, HubRule } from "../../mesh/hub_admin.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { PolicyRule } from "../../mesh/state.ts";
import { type CompiledPolicy, maxPolicyBytes, maxSources, type PolicyNode } from "../core/policy_compiler.ts";
import { namePattern } from "../core/names.ts";

const mostChanges = 500;
const mostRules = 1024;
const mostSourcesShown = 20_000;
const mostNames = 256;
const mostRanges = 64;
const mostFindings = 200;

type Finding = HubPolicyPlan["findings"][number];

/** What is wrong with proposed rules, and worth knowing of them. */
export function policyFindings(
  rules: readonly HubRule[],
  compiled: CompiledPolicy,
  nodes: readonly PolicyNode[],
  removed: ReadonlySet<string>,
): Finding[] {
  const findings: Finding[] = [];
  const add = (severity: Finding["severity"], rule: string, text: string) => {
    if (findings.length < mostFindings) findings.push({ severity, rule: rule.slice(0, 63), text });
  };
  if (rules.length > mostRules) add("error", "", `A policy must have ${mostRules} rules at most`);
  const known = new Set<string>(nodes.flatMap(({ id, name }) => [id, name]));
  const ids = new Set<string>();
  for (const rule of rules.slice(0, mostRules)) {
    if (!namePattern.test(rule.id)) {
      add("error", rule.id, "A rule's id must be letters, digits, '.', '_' and '-', 63 at most");
    }
    if (ids.has(rule.id)) add("error", rule.id, "Another rule has this id");
    ids.add(rule.id);
    for (const text of portFindings(rule)) add("error", rule.id, text);
    if (rule.comment.length > 500) add("error", rule.id, "A comment must have 500 characters at most");
    for (const side of ["from", "to"] as const) {
      if (rule[side].length > mostNames) add("error", rule.id, `'${side}' must have ${mostNames} names at most`);
      for (const name of rule[side].slice(0, mostNames)) {
        if (name === "*" || known.has(name)) continue;
        if (name.startsWith("group:")) {
          if (!namePattern.test(name.slice(6))) {
            add("error", rule.id, `'${name.slice(0, 80)}' is not the name of a group`);
          }
        } else if (removed.has(name)) add("warning", rule.id, `${name} was removed from the mesh`);
        else add("error", rule.id, `There is no node '${name.slice(0, 80)}'`);
      }
    }
  }
  for (const { rule, side } of compiled.empty) add("warning", rule, `'${side}' matches nobody: the rule does nothing`);
  for (const { rule, nodes: count } of compiled.wide) {
    add("error", rule, `'from' is ${count} nodes and may be ${maxSources}: write *`);
  }
  for (const [id, text] of compiled.texts) {
    if (text.length <= maxPolicyBytes) continue;
    const name = nodes.find((node) => node.id === id)?.name ?? id;
    add(
      "error",
      "",
      `The rules of ${name} are ${text.length} bytes long and may be ${maxPolicyBytes}: write * or fewer rules`,
    );
  }
  return findings;
}

function portFindings({ ports, protocol }: HubRule): string[] {
  if (protocol === "icmp") return ports.length === 0 ? [] : ["icmp has no ports"];
  if (ports.length === 0) return [`${protocol} needs ports: write 1-65535 for all`];
  if (ports.length > mostRanges) return [`A rule must have ${mostRanges} ranges of ports at most`];
  const fits = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535;
  return ports.every(([low, high]) => fits(low) && fits(high) && low <= high)
    ? []
    : ["Ports must be from 1 to 65535, the lower one first"];
}

/** Rules of the nodes, those that change first, as far as the sources in all of them are few enough. */
export function effectiveRules(
  before: CompiledPolicy,
  after: CompiledPolicy,
  nodes: readonly PolicyNode[],
): HubPolicyPlan["nodes"] {
  const changes = ({ id }: PolicyNode) => before.texts.get(id) === after.texts.get(id) ? 1 : 0;
  const shown: { nodeId: NodeId; rules: readonly PolicyRule[] }[] = [];
  let sources = 0;
  for (const { id } of nodes.toSorted((a, b) => changes(a) - changes(b))) {
    const rules = after.rulesOf(id);
    sources += rules.reduce((sum, { src }) => sum + src.length, 1);
    if (sources > mostSourcesShown) break;
    shown.push({ nodeId: id, rules });
  }
  return shown;
}

/** What would open and close between each two nodes. */
export function policyChanges(
  before: CompiledPolicy,
  after: CompiledPolicy,
  nodes: readonly PolicyNode[],
): { readonly changes: HubPolicyChange[]; readonly moreChanges: number } {
  const changes: HubPolicyChange[] = [];
  let moreChanges = 0;
  // nodes with the same rules before and after change alike: a thousand nodes have a million pairs
  const alike = new Map<string, Map<string, ReadonlyMap<NodeId, Change>>>();
  for (const to of nodes) {
    const [had, has] = [before.texts.get(to.id) ?? "", after.texts.get(to.id) ?? ""];
    if (had === has) continue;
    const inner = alike.get(had) ?? new Map<string, ReadonlyMap<NodeId, Change>>();
    alike.set(had, inner);
    const found = inner.get(has) ?? changesOf(openings(before.rulesOf(to.id)), openings(after.rulesOf(to.id)), nodes);
    inner.set(has, found);
    for (const [from, change] of found) {
      if (from === to.id) continue;
      if (changes.length >= mostChanges) {
        moreChanges += found.size - (found.has(to.id) ? 1 : 0) - changes.filter((one) => one.to === to.id).length;
        break;
      }
      changes.push({ from, to: to.id, ...change });
    }
  }
  return { changes, moreChanges };
}

type Change = Pick<HubPolicyChange, "opened" | "closed">;

/** What would change for each node that sends to one with these rules. */
function changesOf(
  old: readonly Opening[],
  present: readonly Opening[],
  nodes: readonly PolicyNode[],
): ReadonlyMap<NodeId, Change> {
  const found = new Map<NodeId, Change>();
  for (const { id } of nodes) {
    const [had, has] = [openTo(old, id), openTo(present, id)];
    const opened = [...has].filter((word) => !had.has(word)).sort();
    const closed = [...had].filter((word) => !has.has(word)).sort();
    if (opened.length + closed.length > 0) found.set(id, { opened, closed });
  }
  return found;
}

interface Opening {
  readonly src: ReadonlySet<string>;
  readonly words: readonly string[];
}

function openings(rules: readonly PolicyRule[]): Opening[] {
  return rules.map(({ src, protocol, ports }) => ({
    src: new Set<string>(src),
    words: protocol === "icmp"
      ? ["icmp"]
      : ports.map(([low, high]) => low === high ? `${protocol}/${low}` : `${protocol}/${low}-${high}`),
  }));
}

function openTo(rules: readonly Opening[], id: string): Set<string> {
  return new Set(rules.filter(({ src }) => src.has("*") || src.has(id)).flatMap(({ words }) => words));
}
