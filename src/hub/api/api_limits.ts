import type { ConnectionCaps } from "../../http/connection_limits.ts";
import type { HttpTimings } from "../../http/guarded_server.ts";
import { tickIntervalMs } from "../../mesh/constants.ts";

/** How much anybody may ask, and what it may cost. */
export interface HubApiLimits extends ConnectionCaps {
  /** `POST /v1/register` of one source. */
  readonly registersPerMinute: number;
  /** Other requests of one source that no node has signed. */
  readonly openPerMinute: number;
  /** Everything that comes from one source, before anybody looks who it is. */
  readonly addressPerMinute: number;
  /** Requests that a node has signed. */
  readonly nodePerMinute: number;
  /** How many of them may come at once: a node that joins asks for the statement of each of its peers. */
  readonly nodeBurst: number;
  /** States of one node, which cost more than all else. */
  readonly statesPerMinute: number;
  /** Streams that one node opens: each may begin with a state. */
  readonly streamsPerMinute: number;
  /** Heartbeats of one node: reading one with 2,000 peers takes some 20 ms. */
  readonly heartbeatsPerMinute: number;
  /** States that are being answered at once. */
  readonly statesAtOnce: number;
  /** Bytes of all bodies that are on their way. */
  readonly bodyBytes: number;
  /** Bytes that wait for a stream's reader before nothing more is made for it. One message may go beyond. */
  readonly streamBufferBytes: number;
  /** Bytes that wait for all readers before no further state is made. */
  readonly allStreamBufferBytes: number;
}

/**
 * A stream and a request of each of 1,000 nodes, and strangers beside them. A connection costs about 50 kB and its TLS
 * handshake about 3 ms: 20 of one source in a second, two for each node behind one router in its half minute.
 */
export const usualLimits: HubApiLimits = {
  perAddress: 256,
  total: 2_560,
  newPerMinute: 1_200,
  newAtOnce: 600,
  registersPerMinute: 10,
  openPerMinute: 120,
  addressPerMinute: 12_000,
  nodePerMinute: 600,
  nodeBurst: 100,
  statesPerMinute: 30,
  streamsPerMinute: 60,
  heartbeatsPerMinute: 30,
  statesAtOnce: 16,
  bodyBytes: 16 * 1024 * 1024,
  streamBufferBytes: 64 * 1024,
  allStreamBufferBytes: 32 * 1024 * 1024,
};

/** How long things take, ms. */
export interface HubApiTimings extends HttpTimings {
  /** Between two ticks of a stream. */
  readonly tickMs: number;
  /** From beginning to answer with a state to its end. */
  readonly stateAnswerMs: number;
  /** For which one turn may send to streams before other work gets its turn. */
  readonly sliceMs: number;
  /** From ending a stream until its connection is cut. */
  readonly closeGraceMs: number;
}

/** Times as they are outside of tests. */
export const usualTimings: HubApiTimings = {
  firstByteTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  keepAliveTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  tickMs: tickIntervalMs,
  stateAnswerMs: 120_000,
  sliceMs: 8,
  closeGraceMs: 500,
};
