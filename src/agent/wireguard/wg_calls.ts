import { toBase64 } from "../../mesh/encoding.ts";
import { checkedAllowedIp, checkedEndpoint, checkedKeepalive, checkedKey } from "./uapi_text.ts";
import type { PeerChange } from "./wireguard_device.ts";

/** One call of `wg`; secrets stand in its input only. */
export interface WgCall {
  readonly args: readonly string[];
  readonly stdin?: string;
}

/** What is set of a peer. */
type Setting = Exclude<PeerChange, { readonly remove: true }>;

/**
 * The calls of `wg` that make changes of peers in their order. As `wg` reads one file of secrets from its input, a call
 * sets one pre-shared key, or several by `addconf` where the changes say all that it would replace. A removal stays in
 * one call with the change behind it, as the replacing of a key needs (mesh-wire §5.7).
 *
 * @throws DeviceError `failed` for a change that is no sound one
 */
export function wgCalls(name: string, changes: readonly PeerChange[]): WgCall[] {
  const calls: WgCall[] = [];
  let group: PeerChange[] = [];
  let whole: Setting[] = [];
  const flush = () => {
    if (whole.length > 1) calls.push(addConfig(name, whole));
    else group.push(...whole);
    if (group.length > 0) calls.push(setPeers(name, group));
    group = [];
    whole = [];
  };
  for (const change of changes) {
    if (isWhole(change) && group.length === 0) {
      whole.push(change);
      continue;
    }
    if (whole.length > 0) flush();
    const psks = [...group, change].filter((one) => !one.remove && one.psk !== undefined).length;
    // a removal opens a new call when the one before has its key, so that what follows it comes with it
    const full = group.some((one) => !one.remove && one.psk !== undefined);
    if (psks > 1 || (full && change.remove)) flush();
    group.push(change);
  }
  flush();
  return calls;
}

/** Says all that `addconf` would set or replace. */
function isWhole(change: PeerChange): change is Setting {
  return !change.remove && change.updateOnly !== true && change.psk !== undefined && change.allowedIps !== undefined;
}

function setPeers(name: string, changes: readonly PeerChange[]): WgCall {
  const psk = changes.flatMap((change) => change.remove || change.psk === undefined ? [] : [change.psk])[0];
  return {
    args: ["set", name, ...changes.flatMap(peerArguments)],
    ...psk === undefined ? {} : { stdin: `${toBase64(checkedKey(psk))}\n` },
  };
}

function peerArguments(change: PeerChange): string[] {
  const peer = ["peer", toBase64(checkedKey(change.publicKey))];
  if (change.remove) return [...peer, "remove"];
  const { psk, endpoint, keepaliveS, allowedIps } = change;
  return [
    ...peer,
    ...psk === undefined ? [] : ["preshared-key", "/dev/stdin"],
    ...endpoint === undefined ? [] : ["endpoint", checkedEndpoint(endpoint)],
    ...keepaliveS === undefined ? [] : ["persistent-keepalive", String(checkedKeepalive(keepaliveS))],
    ...allowedIps === undefined ? [] : ["allowed-ips", allowedIps.map(checkedAllowedIp).join(",")],
  ];
}

function addConfig(name: string, changes: readonly Setting[]): WgCall {
  const lines = changes.flatMap(({ publicKey, psk, endpoint, keepaliveS, allowedIps = [] }) => [
    "[Peer]",
    `PublicKey = ${toBase64(checkedKey(publicKey))}`,
    ...psk === undefined ? [] : [`PresharedKey = ${toBase64(checkedKey(psk))}`],
    ...endpoint === undefined ? [] : [`Endpoint = ${checkedEndpoint(endpoint)}`],
    ...keepaliveS === undefined ? [] : [`PersistentKeepalive = ${checkedKeepalive(keepaliveS)}`],
    ...allowedIps.length === 0 ? [] : [`AllowedIPs = ${allowedIps.map(checkedAllowedIp).join(", ")}`],
  ]);
  return { args: ["addconf", name, "/dev/stdin"], stdin: `${lines.join("\n")}\n` };
}
