import { getLogger } from "@logtape/logtape";
import { openAudit } from "../audit/open_audit.ts";
import type { AgentConfig } from "../config/schema.ts";
import { fromBase64, sha256Hex, toBase64 } from "../mesh/encoding.ts";
import type { EventPayload } from "../mesh/events.ts";
import { parseCidr } from "../mesh/ipv4.ts";
import type { NodeState } from "../mesh/state.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { pause } from "../telemetry/pause.ts";
import { AgentFileError } from "./files/agent_file_error.ts";
import { AgentFolder } from "./files/agent_folder.ts";
import { createFirewall, type FirewallCounters } from "./firewall/firewall.ts";
import { explainPolicy, type PolicyAnswer, type PolicyQuestion } from "./firewall/explain_policy.ts";
import { acceptHub } from "./follow/accept_hub.ts";
import { FollowedState } from "./follow/followed_state.ts";
import { Follower } from "./follow/follower.ts";
import { KeyRing } from "./follow/key_ring.ts";
import { HubClient } from "./hub_client/hub_client.ts";
import { HubClock } from "./hub_client/hub_clock.ts";
import { HubRequestError } from "./hub_client/hub_requests.ts";
import { fingerprintOf } from "./join/join_mesh.ts";
import { localAddresses } from "./network/local_addresses.ts";
import { type NetworkFacts, readNetworkFacts } from "./network/network_facts.ts";
import { runProgram } from "./network/run_program.ts";
import { watchNetwork } from "./network/watch_network.ts";
import { createPathSelector } from "./paths/create_path_selector.ts";
import { EndpointPublisher } from "./paths/endpoint_publisher.ts";
import { localEndpoints, localNetworks } from "./paths/local_endpoints.ts";
import { type EndpointObservation, observeEndpoints } from "./paths/observe_endpoints.ts";
import { RttProbe, rttRule } from "./paths/rtt_probe.ts";
import { createPeerEngine } from "./peers/create_peer_engine.ts";
import type { PeerEngine, PeerStatus } from "./peers/peer_engine.ts";
import { peerFiles, peerPinsSchema } from "./peers/peer_files.ts";
import type { AgentStatus } from "./run/agent_status.ts";
import { DeviceKeeper } from "./run/device_keeper.ts";
import { Heartbeats } from "./run/heartbeats.ts";
import { HubWatch } from "./run/hub_watch.ts";
import { PeerLog } from "./run/peer_log.ts";
import { StateWork } from "./run/state_work.ts";

const log = getLogger(["edgekeep", "agent"]);

/** Firewall and interface are looked after so often, ms. */
const REPAIR_MS = 10_000;
/** Files of the agent's audit that are kept, 1 MiB each. */
const AUDIT_FILES = 32;

/** What an agent runs with. */
export interface AgentOptions {
  readonly config: AgentConfig;
  readonly faults: FaultBoard;
  readonly nowUs: () => number;
  readonly version: string;
  /** SHA-256 of the program, hex. */
  readonly binarySha256: string;
}

/** An agent that runs. */
export interface RunningAgent {
  readonly folder: AgentFolder;
  status(): Promise<AgentStatus>;
  peers(): readonly PeerStatus[];
  /** Begins the rotation of the WireGuard key. */
  rotate(): Promise<void>;
  /** Who may reach what here, as the firewall has it. */
  policy(question: PolicyQuestion): PolicyAnswer;
  counters(): Promise<FirewallCounters>;
  /** Has the hub's history count again, as root said; see `acceptHub`. */
  acceptHub(fingerprint: string): Promise<string>;
  /** Tells the hub that this node leaves. Rejects with a HubRequestError. */
  deregister(): Promise<void>;
  /** Ends. `tunnel`: whether the interface goes on carrying packets; else it and its firewall are taken away. */
  stop(options: { readonly tunnel: "keep" | "remove" }): Promise<void>;
}

/**
 * Starts the agent of a node that has joined: firewall first, then the interface and the tunnels of the last state, and
 * then the hub, which need not be there.
 *
 * Rejects with AgentFileError (`not_joined`, `corrupt`, …), DeviceError.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const stack = new AsyncDisposableStack();
  try {
    return await compose(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function compose(
  { config, faults, nowUs, version, binarySha256 }: AgentOptions,
  stack: AsyncDisposableStack,
): Promise<RunningAgent> {
  const startedUs = nowUs();
  const folder = await AgentFolder.open(config.dir);
  const lock = await folder.lock();
  stack.defer(() => lock.release());
  const [keys, trust] = [await folder.keys(), await folder.trust.read()];
  if (keys === null || trust === null) {
    throw new AgentFileError(
      "not_joined",
      config.dir,
      "This machine is no node of a mesh: make a token on the hub (edgekeep hub token create) and run edgekeep agent join",
    );
  }
  const audit = await openAudit({ dir: folder.auditDir, faults, nowUs, maxFiles: AUDIT_FILES });
  stack.defer(() => audit.stop());
  const followed = await FollowedState.load(folder, nowUs, (error) => {
    log.error("{message}", { event: "agent_state_damaged", message: error.message });
    faults.raise("mesh_state_damaged", error.message);
  });

  const stopping = new AbortController();
  const { signal } = stopping;
  const { mesh_ip: meshIp, mesh_cidr: meshCidr } = trust;
  const clock = new HubClock();
  const ring = new KeyRing({ trust, save: (next) => folder.trust.write(next), onPins: () => client.pinsChanged() });
  const client = new HubClient({
    url: trust.url,
    hub: trust.hub,
    nodeId: keys.nodeId,
    identity: keys.identity,
    pins: () => ring.trust.tls_spki,
    keyOf: (index) => ring.keyOf(index),
    clock,
  });
  stack.defer(() => client.stop());

  const watch = new HubWatch({
    faults,
    maxOfflineMs: config.max_offline_hours === 0 ? null : config.max_offline_hours * 3_600_000,
    // what the clocks say of the time before this start, never below nothing
    offlineMsAtStart: followed.contactUs === 0 ? 0 : Math.max(0, (startedUs - followed.contactUs) / 1000),
    timeFloorUs: followed.timeFloorUs,
    nowUs,
  });
  // its own: it has to work when everything else is ending
  const guarding = new AbortController();
  const firewall = createFirewall({ interface: config.interface, meshCidr, signal: guarding.signal, faults });
  const applyPolicy = async (state: NodeState | null) =>
    await firewall.apply([rttRule, ...state?.policy.rules ?? []], state?.peers ?? []);
  // before the interface is up, and before any peer is there
  await applyPolicy(followed.state).catch((error: unknown) => {
    log.error("The mesh's firewall cannot be put in force: {reason}", {
      event: "agent_firewall_failed",
      reason: error instanceof Error ? error.message : String(error),
    });
  });
  const keeper = new DeviceKeeper({
    name: config.interface,
    listenPort: config.listen_port,
    backend: config.backend,
    keys,
    meshIp,
    mayBeUp: () => !firewall.closed && !watch.holdsDown,
    onReopened: () => work.again(),
  });
  let removeTunnel = false;
  stack.defer(async () => {
    await keeper.stop(removeTunnel);
    if (removeTunnel) await firewall.remove();
    guarding.abort();
  });
  await keeper.open();
  const { listenPort } = await keeper.current().state();

  let facts: NetworkFacts = await readNetworkFacts(runProgram, signal);
  const place = { meshInterface: config.interface, meshCidr };
  const selector = createPathSelector({
    localNetworks: () => localNetworks(facts, place),
    meshCidr: () => parseCidr(meshCidr),
    utcMs: () => nowUs() / 1000,
    random: Math.random,
    onTrouble: (_, what) => {
      if (what === "lost") observation.look("path");
      // the hub opens a relay by what heartbeats tell
      heartbeats.soon();
    },
  });
  const engine: PeerEngine = createPeerEngine({
    keys,
    meshIp,
    meshCidr,
    trust: {
      hub: trust.hub,
      adminKey: trust.admin_key === undefined ? null : fromBase64(trust.admin_key, 32),
      cosign: trust.cosign,
    },
    requests: client,
    refusedForGood: (error) => error instanceof HubRequestError && !error.transient,
    store: peerFiles(folder),
    pins: folder.store("peer_pins", peerPinsSchema),
    audit,
    faults,
    hubUs: () => clock.nowUs() ?? nowUs(),
    pause,
    device: () => keeper.current(),
    paths: selector,
    ownObserved: () => observation.report().addresses,
    pathSet: (peer) => rtt.ask(peer),
    nowMs: () => performance.now(),
    nowUs,
  });
  stack.defer(() => engine.stop());
  const rtt = new RttProbe({
    meshIp,
    peers: () => engine.status().filter(({ state }) => state !== "refused" && state !== "pending"),
  });
  stack.defer(() => rtt.stop());
  const peers = (): PeerStatus[] => engine.status().map((peer) => ({ ...peer, rttMs: rtt.rttMs(peer.nodeId) }));
  const observation: EndpointObservation = observeEndpoints({
    device: keeper.view,
    observers: () => followed.state?.observers ?? [],
    peerKeys: () =>
      new Set([keys.tunnel, keys.next].flatMap((key) => key === null ? [] : [toBase64(key.wireGuard.publicKey)])),
    localAddresses: () => localAddresses(facts, config.interface),
  });
  stack.defer(() => observation.stop());
  const publisher = new EndpointPublisher({ put: (report) => client.endpoints(report) });
  stack.defer(() => publisher.stop());
  const publish = () =>
    publisher.publish(localEndpoints(facts, {
      ...place,
      listenPort,
      staticEndpoints: config.static_endpoints,
      lan: config.lan_endpoints,
    }));

  let observers = "";
  const work = new StateWork({
    follow: async (state) => {
      const asked = JSON.stringify(state.observers);
      if (asked !== observers) observation.look("observers");
      observers = asked;
      // the rules of a new peer before the peer, and a firewall that fails keeps the one before
      await applyPolicy(state).catch((error: unknown) => {
        log.error("The mesh's firewall did not follow: {reason}", {
          event: "agent_firewall_failed",
          reason: error instanceof Error ? error.message : String(error),
        });
      });
      await engine.follow(state);
    },
    removed: (peer) => engine.removed(peer),
    event: (event) => doEvent(event, engine, observation),
  });
  stack.defer(() => work.stop());
  const heartbeats = new Heartbeats({
    send: (beat) => client.heartbeat(beat),
    position: () => ({ ...followed.position, sha256: followed.sha256 }),
    peers,
    degraded: () => faults.list().some(({ severity }) => severity === "error"),
    version,
    binarySha256,
  });
  const follower = new Follower({
    hub: trust.hub,
    nodeId: keys.nodeId,
    meshIp,
    meshCidr,
    client,
    clock,
    keys: ring,
    followed,
    audit,
    faults,
    onState: (state, event) => {
      if (event === null) faults.clear("mesh_state_damaged");
      work.state(state, event);
    },
    onEvent: (event) => work.event(event),
    onConnected: (connected) => {
      if (!connected) return;
      publisher.republish();
      heartbeats.now();
    },
  });
  stack.defer(async () => {
    stopping.abort();
    // nothing waits on the network from here
    client.stop();
    await Promise.all([follower.stop(), heartbeats.stop(), watching, repairing]);
    await followed.close().catch(() => {});
  });

  if (followed.state !== null) work.state(followed.state, null);
  publish();
  follower.start();
  heartbeats.start();
  const watching = watchNetwork({
    meshInterface: config.interface,
    signal,
    onChange: (now) => {
      facts = now;
      publish();
      observation.look("network");
      follower.wake();
    },
  });
  const peerLog = new PeerLog();
  const repairing = repair(signal, async () => {
    peerLog.look(engine.status());
    watch.look(follower.status());
    await firewall.verify();
    await keeper.repair();
  });
  log.info("Agent {nodeId} runs with {meshIp} on {interface}", {
    event: "agent_ready",
    nodeId: keys.nodeId,
    meshIp,
    interface: config.interface,
  });

  return {
    folder,
    peers,
    rotate: () => engine.rotateOwnKey(),
    policy: (question) => explainPolicy(followed.state?.policy.rules ?? [], followed.state?.peers ?? [], question),
    counters: () => firewall.counters(),
    async acceptHub(fingerprint) {
      const outcome = await acceptHub({ ring, client }, fingerprint);
      audit.record({
        event: "mesh_hub_accepted",
        principal: "root",
        role: "admin",
        credential: "local",
        address: "local",
        transport: "cli",
        operation: "accept-hub",
        target: trust.hub,
        decision: "allowed",
        rule: null,
        outcome: "ok",
        fields: { key_index: ring.trust.key_index, epoch: ring.trust.recovered_epoch },
      });
      follower.refetch();
      return outcome;
    },
    deregister: () => client.deregister(),
    async status() {
      const all = peers();
      const device = await Promise.resolve().then(() => keeper.current()).catch(() => null);
      const hubUs = clock.nowUs();
      const { epoch, sequence } = followed.position;
      return {
        version,
        startedUs,
        nodeId: keys.nodeId,
        fingerprint: fingerprintOf(keys.identity.publicKey),
        hub: {
          id: trust.hub,
          url: trust.url,
          keyIndex: ring.trust.key_index,
          keySha256: sha256Hex(fromBase64(ring.trust.signing_key, 32)),
          following: follower.status(),
          contactUs: followed.contactUs === 0 ? null : followed.contactUs,
        },
        position: { epoch, sequence },
        meshIp,
        meshCidr,
        joinedUs: trust.joined_us,
        cosign: trust.cosign,
        pskMode: followed.state?.psk_mode ?? null,
        tunnel: {
          interface: config.interface,
          backend: device?.backend ?? null,
          listenPort,
          heldDown: watch.holdsDown ? "offline" : firewall.closed ? "no_firewall" : null,
          generation: keys.tunnel.statement.generation,
          rotating: keys.next !== null,
        },
        nat: observation.report(),
        clockAheadMs: hubUs === null ? null : Math.round((nowUs() - hubUs) / 1000),
        peers: {
          up: all.filter(({ state }) => state === "up").length,
          relayed: all.filter(({ state, path }) => state === "up" && path === "relay").length,
          refused: all.filter(({ state }) => state === "refused").length,
          all: all.length,
        },
        faults: faults.list(),
      };
    },
    async stop({ tunnel }) {
      removeTunnel = tunnel === "remove";
      await stack.disposeAsync();
    },
  };
}

/** What is more than a change of the state. */
async function doEvent(event: EventPayload, engine: PeerEngine, observation: EndpointObservation): Promise<void> {
  switch (event.type) {
    case "peer_mail":
      return await engine.mail(event.payload.message);
    case "peer_key_rotated": {
      const { phase, peer_id: peerId, statement_sha256: statementSha256 } = event.payload;
      return await engine.keyRotated({ phase, peerId, statementSha256 });
    }
    case "rotate_keys":
      return await engine.rotateOwnKey();
    case "key_rotation_ready": {
      const { ready, missing, statement_sha256: statementSha256 } = event.payload;
      return await engine.rotationReady({ ready, missing, statementSha256 });
    }
    case "endpoint_observed":
      return observation.observed(event.payload);
    default:
      return;
  }
}

async function repair(signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await pause(REPAIR_MS, signal);
    if (signal.aborted) return;
    try {
      await look();
    } catch (error) {
      log.warning("Cannot look after the tunnel interface: {reason}", {
        event: "agent_repair_failed",
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
