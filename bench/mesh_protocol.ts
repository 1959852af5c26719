import { toBase64 } from "../src/mesh/encoding.ts";
import { openEnvelope, sealEnvelope } from "../src/mesh/envelope.ts";
import { openInitiation } from "../src/mesh/noise_initiation.ts";
import { wireGuardKeyOf } from "../src/mesh/keys.ts";
import { signRequest, verifyRequest } from "../src/mesh/request_signature.ts";
import { stateSha256 } from "../src/mesh/state.ts";
import { openStatement, sealStatement } from "../src/mesh/statements.ts";
import { hasMac1With, mac1Key } from "../src/mesh/wireguard_packet.ts";
import { exampleEnvelope, exampleMembers, stateOf } from "../tests/lib/mesh_examples.ts";
import { hub, hubKey, node, nodeKey, nonceOf, vectorTimeUs } from "../tests/lib/mesh_keys.ts";
import { wireGuardCapture as capture } from "../tests/lib/wireguard_capture.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";

const PEERS = 1000;
/** Longest that the event loop may stand still, ms. */
const STALL_MS = 30;

/** What the mesh protocol costs: a state of 1,000 peers, an event, a request, a handshake initiation. */
export async function benchMeshProtocol({ full }: BenchOptions): Promise<BenchRow[]> {
  const rounds = full ? 200 : 30;
  const state = stateOf(PEERS);
  const sealed = sealEnvelope(exampleEnvelope("node_state", state), hubKey);
  const expected = { hub, audience: node, keyOf: () => hubKey.publicKey, replyTo: nonceOf(4) };
  const opening = () => openEnvelope(sealed, expected);
  const first = (await timed(1, opening))[0] ?? NaN;
  const open = await timed(rounds, opening);
  const { event } = opening();
  const received = event.type === "node_state" ? event.payload : state;
  const hashing = await timed(rounds, () => stateSha256(received));

  const tick = exampleEnvelope("tick", { state_sha256: stateSha256(received) });
  const sealing = await timed(rounds * 20, () => sealEnvelope(tick, hubKey));
  const sealedTick = sealEnvelope(tick, hubKey);
  const ticks = await timed(rounds * 20, () => openEnvelope(sealedTick, expected));
  const { node_id: _id, identity_key: _key, ...keys } = exampleMembers["ek.node"];
  const text = sealStatement(hub, keys, nodeKey);
  const statements = await timed(rounds * 20, () => openStatement(text, hub));

  const body = new TextEncoder().encode(JSON.stringify({ statement: toBase64(new Uint8Array(500)) }));
  const request = { nodeId: node, hub, method: "POST", path: "/v1/keys/rotate", body, nowUs: vectorTimeUs };
  const { header } = await signRequest({ ...request, key: nodeKey });
  const requests = await timed(rounds * 20, () => verifyRequest({ ...request, header, publicKey: nodeKey.publicKey }));

  const observer = wireGuardKeyOf(capture.responderSeed);
  const initiations = await timed(rounds * 10, () => openInitiation(capture.initiation, observer));
  const key = mac1Key(observer.publicKey);
  const macs = await timed(rounds * 100, () => hasMac1With(capture.initiation, key));

  const size = `${Math.round(sealed.length / 1000)} kB`;
  const ms = (name: string, values: readonly number[], more: Partial<BenchRow> = {}): BenchRow => ({
    name,
    value: percentile(values, 0.5),
    unit: "ms",
    ...more,
  });
  const us = (name: string, values: readonly number[]): BenchRow => ({
    name,
    value: percentile(values, 0.5) * 1000,
    unit: "µs",
  });
  return [
    ms(`opening a state of ${PEERS} peers`, open, { must: STALL_MS, note: `${size}, median` }),
    { name: "the same, 99th percentile", value: percentile(open, 0.99), unit: "ms" },
    { name: "the same, the first time in a process", value: first, unit: "ms" },
    ms("hashing it as received", hashing),
    us("sealing a tick", sealing),
    us("opening a tick", ticks),
    us("opening a statement", statements),
    us("verifying a request", requests),
    us("reading a handshake initiation", initiations),
    us("checking mac1", macs),
  ];
}

/** How long each call took, ms. */
async function timed(rounds: number, work: () => unknown): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}
