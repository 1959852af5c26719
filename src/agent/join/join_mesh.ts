import { isPrivateCidr } from "../../config/cidr.ts";
import { fromBase64, meshTimeUs, newNonce, sha256Hex } from "../../mesh/encoding.ts";
import { openRegistration, type RegistrationEnvelope } from "../../mesh/envelope.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { cidrContains, isHostOf, parseCidr, parseIpv4 } from "../../mesh/ipv4.ts";
import type { JoinToken } from "../../mesh/join_token.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import { tokenMac } from "../../mesh/token_mac.ts";
import { pause } from "../../telemetry/pause.ts";
import { AgentFileError } from "../files/agent_file_error.ts";
import type { AgentFolder } from "../files/agent_folder.ts";
import type { OwnKeys } from "../files/own_keys.ts";
import { firstPosition } from "../follow/followed_state.ts";
import { sendRegistration } from "../hub_client/hub_client.ts";
import { HubRequestError } from "../hub_client/hub_requests.ts";

/** What a node joins with. */
export interface JoinOptions {
  readonly folder: AgentFolder;
  readonly token: JoinToken;
  /** Name that the hub begins with: the machine's host name, made fit. */
  readonly hostname: string;
  readonly version: string;
  /** SHA-256 of the program, hex. */
  readonly binarySha256: string;
  /** Gives up the identity that is there: this machine becomes another node. */
  readonly force: boolean;
  /** Says why the mesh's network cannot be used here; `null`: it can. Asked before anything is stored. */
  readonly networkProblem: (meshCidr: string) => Promise<string | null>;
  /** Told of each wait because the hub takes no more registrations of this address for the moment; ms until the next try. */
  readonly onWait?: (ms: number) => void;
  readonly nowUs: () => number;
  readonly signal?: AbortSignal;
}

/** Longest time that a join waits for its turn, ms: 50 machines behind one router need some 4 minutes. */
const PATIENCE_MS = 600_000;
/** Pause after a refusal that names none, ms. */
const USUAL_PAUSE_MS = 5_000;

/** A node that has joined. */
export interface Joined {
  readonly nodeId: NodeId;
  readonly meshIp: string;
  readonly meshCidr: string;
  /** First 16 hex digits of SHA-256 of the identity key, in groups of four: as the hub's page shows it. */
  readonly fingerprint: string;
}

/** The mesh cannot be joined as it is; the message is for people. */
export class JoinRefused extends Error {
  override readonly name = "JoinRefused";
}

/**
 * Joins a mesh (mesh protocol §5.5): keys are made here, the hub is known by the token's pins before anything is sent,
 * and its answer has to be signed with the key whose hash the token names. A join whose answer was lost can be repeated:
 * the same keys go with it, and the hub gives the same answer. A hub that has taken enough from this address for the
 * moment is asked again when it says so, for ten minutes at most.
 *
 * Rejects with {@link AgentFileError} (`already_joined`, `in_use`, …), {@link JoinRefused}, MeshError, HubRequestError.
 */
export async function joinMesh(options: JoinOptions): Promise<Joined> {
  const { folder, token, force, nowUs } = options;
  const lock = await folder.lock();
  try {
    const joined = await folder.trust.read().catch((error: unknown) => {
      if (force && error instanceof AgentFileError) return null;
      throw error;
    });
    if (joined !== null && !force) {
      throw new AgentFileError(
        "already_joined",
        folder.dir,
        `This machine is a node of the hub ${joined.hub} with ${joined.mesh_ip} already: leave it first (edgekeep agent ` +
          "leave), or give its identity up with --force",
      );
    }
    if (force) await folder.forget();
    const keys = await keysFor(options);
    const envelope = await register(options, keys);
    const { mesh_ip, mesh_cidr, signing_key } = envelope.event.payload;
    const problem = addressProblem(mesh_ip, mesh_cidr, token.url) ?? await options.networkProblem(mesh_cidr);
    if (problem !== null) throw new JoinRefused(problem);
    const issuedUs = meshTimeUs(envelope.issued_at);
    // the position first: with trust, the node has joined
    await folder.position.write(firstPosition(envelope, nowUs(), issuedUs));
    await folder.trust.write({
      hub: token.hub,
      url: token.url,
      signing_key,
      key_index: envelope.key_index,
      tls_spki: token.tls_spki,
      ...token.admin === undefined ? {} : { admin_key: token.admin },
      cosign: token.cosign,
      recovered_epoch: 0,
      accept_any_position: false,
      mesh_ip,
      mesh_cidr,
      joined_us: issuedUs,
    });
    return {
      nodeId: keys.nodeId,
      meshIp: mesh_ip,
      meshCidr: mesh_cidr,
      fingerprint: fingerprintOf(keys.identity.publicKey),
    };
  } finally {
    lock.release();
  }
}

/** First 16 hex digits of SHA-256 of an identity key, in groups of four, for people to compare. */
export function fingerprintOf(identityKey: Uint8Array): string {
  return sha256Hex(identityKey).slice(0, 16).replace(/(.{4})(?=.)/g, "$1 ");
}

/** Keys of a join that was interrupted go on, unless it was one of another hub. */
async function keysFor({ folder, token, nowUs }: JoinOptions): Promise<OwnKeys> {
  const present = await folder.keys();
  return present !== null && present.hub === token.hub ? present : await folder.newKeys(token.hub, nowUs());
}

/** Machines that are set up together come from one address, of which the hub takes a few registrations a minute only. */
async function register(options: JoinOptions, keys: OwnKeys): Promise<RegistrationEnvelope> {
  const { onWait = () => {}, signal = new AbortController().signal } = options;
  let leftMs = PATIENCE_MS;
  for (;;) {
    try {
      return await registerOnce(options, keys);
    } catch (error) {
      if (!(error instanceof HubRequestError && error.status === 429)) throw error;
      const waitMs = error.retryAfterMs ?? USUAL_PAUSE_MS;
      leftMs -= waitMs;
      if (leftMs < 0) throw error;
      onWait(waitMs);
      await pause(waitMs, signal);
      signal.throwIfAborted();
    }
  }
}

async function registerOnce(
  { token, hostname, version, binarySha256, signal }: JoinOptions,
  keys: OwnKeys,
): Promise<RegistrationEnvelope> {
  const members = {
    token_id: token.id,
    statement: keys.tunnel.statement.text,
    hostname,
    version,
    binary_sha256: binarySha256,
    nonce: newNonce(),
  };
  const token_mac = tokenMac(fromBase64(token.secret, 32), { ...members, hub: token.hub });
  const text = sealObject("ek.register", token.hub, { ...members, token_mac }, keys.identity);
  const answer = await sendRegistration({ url: token.url, pins: token.tls_spki, text, signal });
  const envelope = openRegistration(answer, {
    hub: token.hub,
    audience: keys.nodeId,
    keySha256: token.key,
    keyIndex: token.key_index,
    replyTo: members.nonce,
  });
  if (envelope.event.type !== "registered") throw new MeshError("E_FORM", "The hub answered another question");
  return envelope;
}

function addressProblem(meshIp: string, meshCidr: string, hubUrl: string): string | null {
  const [address, cidr] = [parseIpv4(meshIp), parseCidr(meshCidr)];
  if (address === null || cidr === null || !isHostOf(cidr, address)) {
    return `The hub gave this node the address ${meshIp}, which is none of the mesh's network ${meshCidr}`;
  }
  const hub = parseIpv4(URL.parse(hubUrl)?.hostname ?? "");
  if (hub !== null && cidrContains(cidr, hub)) {
    return `The hub's own address lies in the mesh's network ${meshCidr}, where this machine could not reach it any more`;
  }
  // any other would draw this machine's traffic to the Internet, or to itself, into the mesh
  return isPrivateCidr(cidr)
    ? null
    : `The hub's network ${meshCidr} is none for private use: a mesh has its addresses in 10.0.0.0/8, 172.16.0.0/12, ` +
      "192.168.0.0/16 or 100.64.0.0/10";
}
