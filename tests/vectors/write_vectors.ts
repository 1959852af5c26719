/**
 * Writes the files of this folder anew with the program's own code: after the protocol was changed on purpose, never to
 * make a failing test pass. `deno run -A tests/vectors/write_vectors.ts`
 */
import { createHash } from "node:crypto";
import { canonicalText } from "../../src/mesh/canonical.ts";
import { fromBase64, sha256Hex, toBase64, toBase64Url } from "../../src/mesh/encoding.ts";
import { sealEnvelope } from "../../src/mesh/envelope.ts";
import type { EventType, PayloadOf } from "../../src/mesh/events.ts";
import { formatJoinToken } from "../../src/mesh/join_token.ts";
import { type NodeId, noNode } from "../../src/mesh/ids.ts";
import { decapsulate, encapsulate, type KemKey, kemKeyOf } from "../../src/mesh/kem.ts";
import { sharedSecret, type SigningKey, signingKeyOf, type WireGuardKey, wireGuardKeyOf } from "../../src/mesh/keys.ts";
import type { MembersOf, ObjectType } from "../../src/mesh/objects.ts";
import { endToEndPsk, hubPsk, pskConfirm, pskLeader } from "../../src/mesh/psk.ts";
import { sealObject } from "../../src/mesh/signed_object.ts";
import { type NodeState, stateSha256 } from "../../src/mesh/state.ts";
import { sealStatement } from "../../src/mesh/statements.ts";
import { tokenMac } from "../../src/mesh/token_mac.ts";
import { adminKey, filled, hub, hubKey, node, nodeKey, nonceOf, other, otherKey } from "../lib/mesh_keys.ts";
import { vectorTime } from "../lib/mesh_keys.ts";
import { refusedTexts } from "./refused_texts.ts";

const folder = new URL("./", import.meta.url);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

async function write(name: string, about: string, content: object): Promise<void> {
  const path = new URL(name, folder);
  await Deno.writeTextFile(path, `${JSON.stringify({ about, ...content }, null, 2)}\n`);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path.pathname] }).output();
}

// Keys
const nextHubKey = signingKeyOf(filled(0x06));
const nodeTunnel = wireGuardKeyOf(filled(0x12));
const otherTunnel = wireGuardKeyOf(filled(0x14));
const nodeKem = await kemKeyOf(filled(0x13, 64));
const otherKem = await kemKeyOf(filled(0x15, 64));
const observers = [wireGuardKeyOf(filled(0x31)), wireGuardKeyOf(filled(0x32))];
const leader = pskLeader(node, other);
const follower = leader === node ? other : node;
const followerKem = leader === node ? otherKem : nodeKem;

/** A ciphertext holds randomness: the one of the checked-in file stays as long as it opens. */
async function ciphertextFor(key: KemKey): Promise<Uint8Array> {
  try {
    const { kem } = JSON.parse(await Deno.readTextFile(new URL("keys.json", folder)));
    const ciphertext = fromBase64(kem.ciphertext);
    if (hex(await decapsulate(key, ciphertext)) === kem.secret) return ciphertext;
  } catch {
    // there is none yet
  }
  return (await encapsulate(key.publicKey)).ciphertext;
}
const ciphertext = await ciphertextFor(followerKem);
const kemSecret = await decapsulate(followerKem, ciphertext);

const signing = (name: string, byte: number, key: SigningKey) => ({
  name,
  seed: hex(filled(byte)),
  public_key: toBase64(key.publicKey),
  sha256: sha256Hex(key.publicKey),
});
const tunnel = (name: string, byte: number, { privateKey, publicKey }: WireGuardKey) => ({
  name,
  seed: hex(filled(byte)),
  private_key: toBase64(privateKey),
  public_key: toBase64(publicKey),
});
await write(
  "keys.json",
  "Keys from seeds (hex), ids from keys, one X25519 agreement and one ML-KEM-768 secret. Keys base64 as on the wire.",
  {
    ed25519: [
      signing("hub signing key 0", 0x01, hubKey),
      signing("hub signing key 1", 0x06, nextHubKey),
      signing("node identity", 0x02, nodeKey),
      signing("other identity", 0x04, otherKey),
      signing("admin", 0x05, adminKey),
    ],
    ids: { hub, node, other },
    x25519: [
      tunnel("node", 0x12, nodeTunnel),
      tunnel("other", 0x14, otherTunnel),
      tunnel("observer 0", 0x31, observers[0] ?? nodeTunnel),
      tunnel("observer 1", 0x32, observers[1] ?? nodeTunnel),
    ],
    x25519_shared: {
      between: ["node", "other"],
      secret: hex(sharedSecret(nodeTunnel.privateKey, otherTunnel.publicKey)),
    },
    ml_kem_768: [
      { name: "node", seed: hex(filled(0x13, 64)), public_key: toBase64(nodeKem.publicKey) },
      { name: "other", seed: hex(filled(0x15, 64)), public_key: toBase64(otherKem.publicKey) },
    ],
    kem: { opened_by: follower === node ? "node" : "other", ciphertext: toBase64(ciphertext), secret: hex(kemSecret) },
    refused_ed25519: smallOrder("ed25519"),
    refused_x25519: smallOrder("x25519"),
  },
);

/** Encodings of points of small order, sign or highest bit clear, and second spellings of a key. Hex. */
function smallOrder(curve: "ed25519" | "x25519"): string[] {
  const common = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ];
  return curve === "ed25519"
    ? [
      ...common,
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ]
    : [
      ...common,
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
}

// Signed objects
const objects: object[] = [];
function add<T extends ObjectType>(
  name: string,
  typ: T,
  members: MembersOf<T>,
  signer: string,
  key: SigningKey,
  sealed?: string,
): string {
  const text = sealed ?? sealObject(typ, hub, members, key);
  const { signature: _, ...unsigned } = JSON.parse(text);
  objects.push({ name, typ, signer, members, signed_text: canonicalText(unsigned), text, sha256: sha256Hex(text) });
  return text;
}
function statement(name: string, key: SigningKey, tunnelKey: WireGuardKey, kem: KemKey, generation: number): string {
  const keys = {
    generation,
    issued_at: vectorTime,
    wireguard_key: toBase64(tunnelKey.publicKey),
    kem_key: toBase64(kem.publicKey),
  };
  const text = sealStatement(hub, keys, key);
  const { typ: _typ, v: _v, hub: _hub, signature: _signature, ...members } = JSON.parse(text);
  return add(name, "ek.node", members, key === nodeKey ? "node identity" : "other identity", key, text);
}
add(
  "event of the protocol's first page",
  "ek.event",
  {
    audience: node,
    epoch: 1,
    sequence: 7,
    key_index: 0,
    event_type: "peer_removed",
    event_id: `evt_${"0".repeat(31)}1`,
    issued_at: vectorTime,
    nonce: nonceOf(3),
    reply_to: nonceOf(4),
    payload: { peer_id: noNode },
  },
  "hub signing key 0",
  hubKey,
);
const nodeStatement = statement("statement of node", nodeKey, nodeTunnel, nodeKem, 1);
const otherStatement = statement("statement of other", otherKey, otherTunnel, otherKem, 1);
const nextStatement = statement(
  "statement of node after a rotation",
  nodeKey,
  wireGuardKeyOf(filled(0x16)),
  nodeKem,
  2,
);

const secret = filled(0x0b);
const registration = {
  token_id: "ekt_0001",
  statement: nodeStatement,
  hostname: "pump-station-7",
  version: "0.1.0",
  binary_sha256: sha256Hex("edgekeep"),
  nonce: nonceOf(4),
};
const token_mac = tokenMac(secret, { ...registration, hub });
const register = add("registration of node", "ek.register", { ...registration, token_mac }, "node identity", nodeKey);
const cosign = add(
  "co-signature of other",
  "ek.cosign",
  { node_id: other, mesh_ip: "10.100.0.3", serial: 1, not_after: "2026-01-15T10:30:00Z" },
  "admin",
  adminKey,
);
const revocation = add("revocation", "ek.revoke", { serial: 2, node_ids: [noNode] }, "admin", adminKey);
const pins = [sha256Hex("tls key 0"), sha256Hex("tls key 1")];
const link = add(
  "link to signing key 1",
  "ek.keylink",
  { key_index: 1, signing_key: toBase64(nextHubKey.publicKey), tls_spki: pins, issued_at: vectorTime },
  "hub signing key 0",
  hubKey,
);
add(
  "recovery with signing key 1",
  "ek.recover",
  {
    epoch: 2,
    key_index: 1,
    signing_key: toBase64(nextHubKey.publicKey),
    tls_spki: pins.slice(1),
    issued_at: vectorTime,
  },
  "admin",
  adminKey,
);
const identityOf = (id: NodeId): [string, SigningKey] =>
  id === node ? ["node identity", nodeKey] : ["other identity", otherKey];
const statementOf = (id: NodeId) => sha256Hex(id === node ? nodeStatement : otherStatement);
const pair = { from: leader, to: follower };
const statements = { from_statement: statementOf(leader), to_statement: statementOf(follower) };
const offer = add(
  "PSK offer",
  "ek.psk_offer",
  { ...pair, psk_epoch: 1, psk_hub_id: 1, ...statements, ciphertext: toBase64(ciphertext) },
  ...identityOf(leader),
);
const rekey = add(
  "PSK offer without ciphertext, after psk_hub_id changed",
  "ek.psk_offer",
  { ...pair, psk_epoch: 2, psk_hub_id: 2, ...statements },
  ...identityOf(leader),
);
const master = filled(0x0f);
const derivations = [[offer, 1], [rekey, 2]] as const;
const exchanges = derivations.map(([text, id]) => {
  const pskHub = hubPsk(master, node, other, id);
  const confirm = pskConfirm(kemSecret, pskHub, text);
  const accept = add(
    `PSK accept ${id}`,
    "ek.psk_accept",
    { from: follower, to: leader, psk_epoch: id, offer_sha256: sha256Hex(text), confirm: toBase64(confirm) },
    ...identityOf(follower),
  );
  add(
    `PSK commit ${id}`,
    "ek.psk_commit",
    { ...pair, psk_epoch: id, offer_sha256: sha256Hex(text) },
    ...identityOf(leader),
  );
  return {
    psk_hub_id: id,
    psk_hub: toBase64(pskHub),
    offer: text,
    offer_sha256: sha256Hex(text),
    confirm: toBase64(confirm),
    accept,
    psk: toBase64(endToEndPsk(kemSecret, pskHub, text)),
  };
});
await write(
  "objects.json",
  "One or more of every signed object. `signer` is a name in keys.json; `signed_text` is what the signature covers; `text` is the object on the wire; `sha256` is over `text`.",
  { hub, objects },
);
await write(
  "psk.json",
  'Pre-shared keys of the pair node and other. `psk_hub` from the hub\'s master; `psk` and `confirm` from kem_secret, psk_hub and the exact offer. The second offer has no ciphertext: kem_secret stays. In mode "hub" the PSK is psk_hub. Secrets hex, what goes over the wire or into WireGuard base64.',
  {
    nodes: [node, other],
    leader,
    hub_master: hex(master),
    kem_secret: hex(kemSecret),
    exchanges,
  },
);

// Joining
const token = {
  url: "https://hub.example:8443",
  hub,
  key: sha256Hex(hubKey.publicKey),
  key_index: 0,
  tls_spki: pins.slice(0, 1),
  admin: toBase64(adminKey.publicKey),
  cosign: true,
  id: "ekt_0001",
  secret: toBase64(secret),
  expires_at: "2025-01-15T10:45:00Z",
  group: "pumps",
};
const { admin: _admin, ...plain } = token;
const tokens = [token, { ...plain, cosign: false }].map((members) => ({ members, token: formatJoinToken(members) }));
const { token_mac: _mac, signature: _signature, ...covered } = JSON.parse(register);
await write(
  "join.json",
  "Join tokens, and the MAC of the registration in objects.json with the first one's secret. `mac_text` is what the MAC covers.",
  {
    tokens,
    register,
    mac_text: canonicalText(covered),
    token_mac,
  },
);

// A request
const body = '{"statement_sha256":"' + sha256Hex(nextStatement) + '"}';
const path = "/v1/keys/rotate/commit";
const seconds = Date.UTC(2025, 0, 15, 10, 30) / 1000;
const protectedHeader = '{"alg":"EdDSA","typ":"ek-request+jwt"}';
const claims = JSON.stringify({
  iss: node,
  aud: hub,
  htm: "POST",
  htu: path,
  bh: createHash("sha256").update(body).digest("base64url"),
  iat: seconds,
  exp: seconds + 60,
  jti: toBase64Url(filled(4, 16)),
});
const signingInput = `${toBase64Url(Buffer.from(protectedHeader))}.${toBase64Url(Buffer.from(claims))}`;
const jws = `${signingInput}.${toBase64Url(nodeKey.sign(Buffer.from(signingInput)))}`;
const signedRequest = {
  signer: "node identity",
  node,
  hub,
  method: "POST",
  path,
  body,
  now: vectorTime,
  protected_header: protectedHeader,
  claims,
  signing_input: signingInput,
  authorization: `EdgekeepSig ${jws}`,
  nonce: nonceOf(4),
};
await write(
  "request.json",
  "A signed request. The claims may come in any order and spelling of JSON: the signature is over their base64url as sent.",
  signedRequest,
);

// State and events
const peer = {
  node_id: other,
  name: "control-room",
  mesh_ip: "10.100.0.3",
  statement_sha256: sha256Hex(otherStatement),
  endpoints: [
    { kind: "lan" as const, address: "192.168.1.20:51820" },
    { kind: "observed" as const, address: "203.0.113.20:40001" },
    { kind: "static" as const, address: "[2001:db8::20]:51820" },
  ],
  psk_hub: toBase64(hubPsk(master, node, other, 1)),
  psk_hub_id: 1,
  cosign,
  relay: { session_id: "rs_0001", address: "203.0.113.1:51900", expires_at: "2025-01-15T11:30:00Z" },
};
const state: NodeState = {
  mesh_ip: "10.100.0.2",
  mesh_cidr: "10.100.0.0/16",
  psk_mode: "end-to-end",
  tls_spki: pins,
  observers: observers.map(({ publicKey }, index) => ({
    address: `203.0.113.1:${3478 + index}`,
    public_key: toBase64(publicKey),
  })),
  revocation,
  peers: [peer],
  policy: {
    rules: [
      { id: "opcua", src: [other], protocol: "tcp", ports: [[4840, 4840], [8080, 8443]], log: true },
      { id: "ping", src: ["*"], protocol: "icmp", ports: [], log: false },
    ],
  },
};
const { revocation: _revocation, ...withoutRevocation } = state;
const newer = { ...state, x_future: { peers: 1 } };
const states = [state, { ...withoutRevocation, peers: [] }, newer];
await write(
  "state.json",
  "SHA-256 of the canonical form of a node's state. The last one has a member that version 1 does not know: the hash covers it.",
  {
    states: states.map((one) => ({ state: one, text: canonicalText(one), state_sha256: stateSha256(one) })),
  },
);
const payloads: { readonly [T in EventType]: PayloadOf<T> } = {
  tick: { state_sha256: stateSha256(state) },
  time: {},
  registered: { signing_key: toBase64(hubKey.publicKey), mesh_ip: "10.100.0.2", mesh_cidr: "10.100.0.0/16" },
  node_state: state,
  peer_added: { peer },
  peer_removed: { peer_id: other },
  peer_endpoint_changed: { peer_id: other, endpoints: peer.endpoints.slice(1) },
  peer_key_rotated: { phase: "prepare", peer_id: other, statement_sha256: sha256Hex(nextStatement) },
  peer_psk_changed: { peer_id: other, psk_hub: toBase64(hubPsk(master, node, other, 2)), psk_hub_id: 2 },
  policy_updated: { policy: state.policy },
  rotate_keys: {},
  key_rotation_ready: { ready: [other], missing: [noNode], statement_sha256: sha256Hex(nextStatement) },
  peer_mail: { message: leader === node ? exchanges[0]?.accept ?? "" : offer },
  endpoint_observed: {
    endpoints: [{ observer: 0, address: "203.0.113.10:51820" }, { observer: 1, address: "203.0.113.10:51820" }],
  },
  relay_session_assigned: { peer_id: other, relay: peer.relay },
  relay_session_revoked: { peer_id: other },
  signing_key_rotated: { link },
  hub_settings: { observers: state.observers, tls_spki: pins, psk_mode: "hub" },
  peer_cosigned: { peer_id: other, cosign },
  revocation_updated: { revocation },
};
const events = Object.entries(payloads).map(([event_type, payload], index) => ({
  event_type,
  payload,
  text: sealEnvelope({
    hub,
    audience: event_type === "time" ? noNode : node,
    epoch: 1,
    sequence: 7 + index,
    key_index: 0,
    event_type: event_type as EventType,
    event_id: `evt_${index.toString(16).padStart(32, "0")}`,
    issued_at: vectorTime,
    nonce: nonceOf(0x40 + index),
    reply_to: nonceOf(4),
    payload,
  }, hubKey),
}));
await write(
  "events.json",
  "An envelope with each event, signed with hub signing key 0; all answer the nonce `reply_to`.",
  {
    hub,
    audience: node,
    reply_to: nonceOf(4),
    events,
  },
);

const removed = events.find(({ event_type }) => event_type === "peer_removed")?.text ?? "";
const registered = events.find(({ event_type }) => event_type === "registered")?.text ?? "";
await write(
  "refused.json",
  "Texts that have to be refused, and with which code. `reader`: canonical (text alone), object (typ, hub, public_key), statement (hub), envelope (hub, audience, signing keys by index, reply_to), registration (hub, audience, key_sha256, key_index, reply_to), token, request (text is the Authorization header; hub, node, public_key, method, path, body, now). The first code that applies, in the order of the protocol.",
  {
    refused: refusedTexts({
      removed,
      registered,
      statement: nodeStatement,
      cosign,
      token: tokens[0]?.token ?? "",
      request: signedRequest,
    }),
  },
);
