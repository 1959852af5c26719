/** Bounds of the control endpoint besides those that the configuration sets. */
export interface ControlLimits {
  /** Connections open at once that have sent a line. */
  readonly maxConnections: number;
  /** Of these from one address; on a unix socket all. */
  readonly maxPerAddress: number;
  /** Connections open at once that have sent no line yet, TLS handshakes included. */
  readonly maxSilent: number;
  /** Of these from one address; on a unix socket all. */
  readonly maxSilentPerAddress: number;
  /** Without a complete line, a call or a stream for so long, a connection is closed. */
  readonly idleMs: number;
  /** Time until the TLS handshake is done. */
  readonly handshakeMs: number;
  /** Peers that do not take their answers for so long are cut. */
  readonly stalledMs: number;
  /** Calls of one connection that run at once. */
  readonly maxCalls: number;
  /** Refused credentials after which a connection is closed. */
  readonly maxAuthFailures: number;
  /** Bytes of a line without end after which a connection is closed. */
  readonly maxSkippedBytes: number;
  /** Longest answer, characters. */
  readonly maxAnswerLength: number;
  /** A connection with a credential that did nothing for so long may be closed for a newcomer. */
  readonly evictIdleMs: number;
}

const MAX_SILENT = 256;

/** The limits that go with what `[runtime.control]` sets. One address may hold half of the connections. */
export function controlLimits(maxConnections: number, idleSeconds: number, unix: boolean): ControlLimits {
  const share = (all: number) => unix ? all : Math.ceil(all / 2);
  return {
    maxConnections,
    maxPerAddress: share(maxConnections),
    maxSilent: MAX_SILENT,
    maxSilentPerAddress: share(MAX_SILENT),
    idleMs: idleSeconds * 1000,
    handshakeMs: 10_000,
    stalledMs: 30_000,
    maxCalls: 16,
    maxAuthFailures: 5,
    maxSkippedBytes: 16_777_216,
    maxAnswerLength: 16_777_216,
    evictIdleMs: 5_000,
  };
}
