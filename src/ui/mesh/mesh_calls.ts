import { request } from "../api_request.ts";
import type {
  HubView,
  JoinTokenView,
  KeysView,
  NewJoinTokenView,
  NodeView,
  PolicyPlanView,
  PolicyView,
  RuleView,
  TopologyView,
} from "../mesh_answers.ts";

const HUB = "/api/v1/hub";

/** Every node, those that were removed too. */
export async function readNodes(signal: AbortSignal): Promise<readonly NodeView[]> {
  return (await request<{ nodes: NodeView[] }>("GET", `${HUB}/nodes`, { signal })).nodes;
}

/** Nodes and the tunnels between them. */
export function readTopology(signal: AbortSignal): Promise<TopologyView> {
  return request("GET", `${HUB}/topology`, { signal });
}

/** The hub as a whole. */
export function readHub(signal: AbortSignal): Promise<HubView> {
  return request("GET", `${HUB}/status`, { signal });
}

/** Gives a node another name. */
export async function renameNode(node: string, name: string): Promise<void> {
  await request("POST", `${HUB}/nodes/${encodeURIComponent(node)}/rename`, { body: { name } });
}

/** Gives a node other groups. */
export async function setGroups(node: string, groups: readonly string[]): Promise<void> {
  await request("POST", `${HUB}/nodes/${encodeURIComponent(node)}/groups`, { body: { groups } });
}

/** Has a node make new WireGuard keys. */
export async function rotateNode(node: string): Promise<void> {
  await request("POST", `${HUB}/nodes/${encodeURIComponent(node)}/rotate`);
}

/** Takes a node out of the mesh for good. */
export async function removeNode(node: string): Promise<void> {
  await request("POST", `${HUB}/nodes/${encodeURIComponent(node)}/remove`);
}

/** The policy as it is. */
export function readPolicy(signal: AbortSignal): Promise<PolicyView> {
  return request("GET", `${HUB}/policy`, { signal });
}

/** What a policy would change. */
export function planPolicy(rules: readonly RuleView[]): Promise<PolicyPlanView> {
  return request("POST", `${HUB}/policy/plan`, { body: { rules } });
}

/** Puts a policy in force; refused when another one is in force than the one that it starts from. */
export function setPolicy(rules: readonly RuleView[], version: number): Promise<PolicyView> {
  return request("PUT", `${HUB}/policy`, { body: { rules, version } });
}

/** Join tokens, without their secrets. */
export async function readJoinTokens(signal: AbortSignal): Promise<readonly JoinTokenView[]> {
  return (await request<{ tokens: JoinTokenView[] }>("GET", `${HUB}/tokens`, { signal })).tokens;
}

/** Makes a join token. */
export function createJoinToken(
  wish: { readonly label: string; readonly group: string; readonly uses: number; readonly minutes: number },
): Promise<NewJoinTokenView> {
  return request("POST", `${HUB}/tokens`, { body: wish });
}

/** Ends a join token. */
export async function revokeJoinToken(id: string): Promise<void> {
  await request("POST", `${HUB}/tokens/${encodeURIComponent(id)}/revoke`);
}

/** The keys that the mesh trusts. */
export function readKeys(signal: AbortSignal): Promise<KeysView> {
  return request("GET", `${HUB}/keys`, { signal });
}

/** Signs with a new key from now on. */
export function rotateSigningKey(): Promise<KeysView> {
  return request("POST", `${HUB}/keys/rotate-signing`);
}

/** Pins the next TLS key, or serves with it at once. */
export function rotateTlsKey(now: boolean): Promise<KeysView> {
  return request("POST", `${HUB}/keys/rotate-tls`, { body: { now } });
}
