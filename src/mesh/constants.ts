/** Version of the protocol: `v` of every signed object. */
export const protocolVersion = 1;

/** Levels of objects and arrays in a signed object; its own braces are the first. */
export const maxDepth = 16;

/** Largest envelope of a `node_state`, bytes of UTF-8. */
export const maxStateBytes = 4 * 1024 * 1024;
/** Largest signed object of every other kind. */
export const maxObjectBytes = 1024 * 1024;
/** Largest body of `POST /v1/register`. */
export const maxRegisterBytes = 64 * 1024;
/** Largest body of every other request of an agent, after inflating. */
export const maxRequestBytes = 256 * 1024;
/** Largest message between two nodes (`ek.psk_*`). */
export const maxMailBytes = 4 * 1024;
/** Longest join token, characters. */
export const maxTokenCharacters = 4096;

/** How far an envelope's `issued_at` may be from hub time. */
export const maxEventAgeMs = 300_000;
/** How far a request's `iat` may be from hub time, and how long the request lives. */
export const requestLifeMs = 60_000;
/** How long an agent remembers nonces, and how many. */
export const nonceMemoryMs = 600_000;
export const maxNonces = 4096;
/** Events that a stream replays at most; with more missing it begins with `node_state`. */
export const maxReplayedEvents = 256;

/** Interval of `tick` on a stream. */
export const tickIntervalMs = 30_000;
/** An agent opens its stream anew after so long without a tick. */
export const tickTimeoutMs = 90_000;
/** Interval of an agent's heartbeat. */
export const heartbeatIntervalMs = 30_000;
/** Delay of the first and the longest reconnection, full jitter. */
export const reconnectFirstMs = 1_000;
export const reconnectLastMs = 60_000;

/** How long the signing key before the current one still verifies. It never links. */
export const previousKeyLifeMs = 600_000;
/** How long before its first use the hub pins its next TLS key. */
export const nextPinLeadMs = 7 * 86_400_000;
/** Most TLS key pins in a token, a state, a key link or a recovery. */
export const maxPins = 4;

/** Delays after which the leader sends its PSK offer again; the last one repeats. */
export const pskOfferRetryMs: readonly number[] = [10_000, 30_000, 60_000, 300_000];
/** Interval at which the follower repeats its accept, until commit or a handshake. */
export const pskAcceptRetryMs = 10_000;
/** A follower that holds two PSKs alternates when the last handshake is so old. */
export const pskAlternateAfterMs = 135_000;
export const pskAlternateEveryMs = 15_000;
/** A peer with a prepared WireGuard key alternates keys when the last handshake is so old. */
export const keyAlternateAfterMs = 150_000;
export const keyAlternateEveryMs = 30_000;
/** A rotation waits for every peer with a handshake younger than this … */
export const livePeerMs = 180_000;
/** … but no longer than this. */
export const rotationPatienceMs = 24 * 3_600_000;

/** MTU of the mesh interface; TCP's segment size is clamped to it. */
export const meshMtu = 1280;
/** `persistent_keepalive_interval` of every peer, s. */
export const keepaliveSeconds = 25;
/** UDP port on mesh addresses at which agents answer each other's measurements of the round trip. */
export const rttPort = 51819;

/** How long an agent keeps the observers as peers, at most, and how often it asks anew. */
export const observationMs = 15_000;
export const observationIntervalMs = 300_000;
/** How long a path is tried before the next. */
export const pathTrialMs = 6_000;

/** Sessions of the hub's relay, which has two UDP ports for each. */
export const maxRelaySessions = 256;
export const relayBitsPerSecond = 20_000_000;
/** A relay forgets where a node sends from after so much silence. */
export const relaySourceLifeMs = 180_000;
