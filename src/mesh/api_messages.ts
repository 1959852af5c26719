import { z } from "zod";
import { maxMailBytes } from "./constants.ts";
import { countField, endpointField, hashField, nodeIdField, textField, timeField, versionField } from "./fields.ts";
import type { NodeId } from "./ids.ts";
import { MeshError } from "./mesh_error.ts";
import { parseShape } from "./parse_shape.ts";

/** Which way the packets to a peer go. */
const pathKindSchema = z.enum(["lan", "direct", "relay", "none"]);

/** `POST /v1/nodes/{id}/heartbeat`, every 30 s. */
export const heartbeatSchema = z.object({
  epoch: countField,
  sequence: countField,
  /** Of the state that is applied. */
  state_sha256: hashField.optional(),
  /** `ok`; `degraded` when something does not work; `leaving` before `deregister`. */
  status: z.enum(["ok", "degraded", "leaving"]),
  uptime_s: countField,
  version: versionField,
  binary_sha256: hashField,
  peers: z.array(z.object({
    node_id: nodeIdField,
    /** Absent before the first. */
    last_handshake: timeField.optional(),
    /** Bytes since the interface came up. */
    rx: countField,
    tx: countField,
    path: pathKindSchema,
    /** Absent when it was not measured. */
    rtt_ms: countField.optional(),
  })).max(4096),
});
/** @see heartbeatSchema */
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** `PUT /v1/nodes/{id}/endpoints`: where the node says it listens; what the observers saw the hub knows itself. */
export const endpointReportSchema = z.object({
  endpoints: z.array(z.object({ kind: z.enum(["lan", "static"]), address: endpointField })).max(16),
});
/** @see endpointReportSchema */
export type EndpointReport = z.infer<typeof endpointReportSchema>;

/** `POST /v1/keys/rotate`: exact text of a statement with the next generation. */
export const rotateSchema = z.object({ statement: textField(8192) });

/** `POST /v1/keys/rotate/commit`: the statement whose WireGuard key the node uses now. */
export const rotateCommitSchema = z.object({ statement_sha256: hashField });

/** `POST /v1/nodes/{id}/key-ready`: node {id} has prepared the new key of `peer_id`. */
export const keyReadySchema = z.object({ peer_id: nodeIdField, statement_sha256: hashField });
/** @see keyReadySchema */
export type KeyReady = z.infer<typeof keyReadySchema>;

/** `POST /v1/nodes/{to}/mail`: exact text of an `ek.psk_*`. */
export const mailSchema = z.object({ message: textField(maxMailBytes) });

/** Answer to `GET /v1/hub/keys`: exact texts of every `ek.keylink` and `ek.recover`, oldest first. */
export const hubKeysSchema = z.object({
  links: z.array(textField(4096)).max(1024),
  recoveries: z.array(textField(4096)).max(256),
});
/** @see hubKeysSchema */
export type HubKeys = z.infer<typeof hubKeysSchema>;

/** Text for people on one line: nothing that would break a log or a terminal. */
function printable(maxCharacters: number) {
  return z.string().max(maxCharacters).regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u);
}

/** An answer that is not 204, of RFC 9457, as far as an agent looks at it. `code` is stable. */
export const problemSchema = z.object({
  status: z.int().min(400).max(599),
  code: z.string().regex(/^\w{1,64}$/),
  title: printable(300),
  detail: printable(1000).optional(),
});

/**
 * Reads a body of JSON with one of these schemas. Members that this version does not know are dropped.
 *
 * @throws MeshError `E_SIZE`, `E_FORM`
 */
export function readBody<S extends z.ZodType>(schema: S, body: Uint8Array, maxBytes: number): z.infer<S> {
  if (body.length > maxBytes) throw new MeshError("E_SIZE", `A body of more than ${maxBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new MeshError("E_FORM", "The body is not JSON in UTF-8");
  }
  return parseShape(schema, value, "The body");
}

/** Paths of the hub's API for agents, with query where there is one. */
export const apiPaths = {
  register: "/v1/register",
  /** @param nonce base64 */
  time: (nonce: string) => `/v1/time?nonce=${encodeURIComponent(nonce)}`,
  hubKeys: "/v1/hub/keys",
  statement: (sha256: string) => `/v1/statements/${sha256}`,
  state: (id: NodeId) => `/v1/nodes/${id}/state`,
  events: (id: NodeId) => `/v1/nodes/${id}/events`,
  heartbeat: (id: NodeId) => `/v1/nodes/${id}/heartbeat`,
  endpoints: (id: NodeId) => `/v1/nodes/${id}/endpoints`,
  rotate: "/v1/keys/rotate",
  rotateCommit: "/v1/keys/rotate/commit",
  keyReady: (id: NodeId) => `/v1/nodes/${id}/key-ready`,
  /** @param to the node that the message is for; the sender is the one who signed the request */
  mail: (to: NodeId) => `/v1/nodes/${to}/mail`,
  deregister: (id: NodeId) => `/v1/nodes/${id}/deregister`,
} as const;

/** Where a stream stands: `id:` of a server-sent event and `Last-Event-ID` of the request that goes on with it. */
export interface StreamPosition {
  readonly epoch: number;
  readonly sequence: number;
}

/** `<epoch>-<sequence>` */
export function formatStreamPosition({ epoch, sequence }: StreamPosition): string {
  return `${epoch}-${sequence}`;
}

/** Reads `<epoch>-<sequence>`; null for every other text. */
export function parseStreamPosition(text: string): StreamPosition | null {
  const match = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/.exec(text);
  const [epoch, sequence] = [Number(match?.[1]), Number(match?.[2])];
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(sequence) ? { epoch, sequence } : null;
}
