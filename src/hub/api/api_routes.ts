import type { z } from "zod";
import {
  endpointReportSchema,
  heartbeatSchema,
  hubKeysSchema,
  keyReadySchema,
  mailSchema,
  parseStreamPosition,
  readBody,
  rotateCommitSchema,
  rotateSchema,
  type StreamPosition,
} from "../../mesh/api_messages.ts";
import { maxMailBytes, maxRegisterBytes, maxRequestBytes } from "../../mesh/constants.ts";
import { nonceField } from "../../mesh/fields.ts";
import { isNodeId, type NodeId } from "../../mesh/ids.ts";
import type { HubCore } from "../hub_core.ts";
import { ApiProblem } from "./api_problem.ts";
import type { Caller } from "./authenticate.ts";

/** What a route's handler has to go by. */
export interface ApiCall {
  readonly core: HubCore;
  /** Source of the request, IP address without port. */
  readonly address: string;
  /** Parts of the path in braces. */
  readonly params: Readonly<Record<string, string>>;
  /** Behind the question mark; empty without one. */
  readonly query: string;
  /** Inflated. */
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What a signed route's handler has to go by. */
export interface SignedCall extends ApiCall {
  readonly caller: Caller;
}

/** What is answered: nothing (204), a text of JSON, or a stream. */
export type ApiAnswer =
  | null
  | { readonly text: string }
  | { readonly stream: { readonly position: StreamPosition | null } };

interface RouteBase {
  readonly method: "GET" | "POST" | "PUT";
  /** With `{id}`, `{to}` (nodes) and `{sha256}` in it. */
  readonly path: string;
  readonly summary: string;
  /** Most bytes of the body, before and after inflating. */
  readonly maxBytes: number;
  /** Shape of the body; absent: there is none, or it is a signed object. */
  readonly body?: z.ZodType;
  /** In words, where it is not 204. */
  readonly answer?: { readonly text: string; readonly type: string; readonly schema?: z.ZodType };
}

/** A route that everybody may ask, within limits. */
export interface OpenRoute extends RouteBase {
  readonly access: "open" | "register";
  readonly handle: (call: ApiCall) => ApiAnswer;
}

/** A route for requests that a node has signed. `{id}` in its path is that node. */
export interface SignedRoute extends RouteBase {
  readonly access: "node" | "state";
  /** A limit of its own for each node, beside that of all its requests: these cost more than others. */
  readonly pace?: "heartbeat" | "stream";
  readonly handle: (call: SignedCall) => ApiAnswer;
}

/** One address and method of the API. */
export type ApiRoute = OpenRoute | SignedRoute;

const json = "application/json";
const envelope = (text: string) => ({ text, type: json });
const jsonBytes = (schema: z.ZodType) => ({ body: schema, maxBytes: maxRequestBytes });

/** The API for agents (mesh protocol, HTTP), but for its own description. */
export const apiRoutes: readonly ApiRoute[] = [
  {
    method: "POST",
    path: "/v1/register",
    access: "register",
    summary: "Registers a node: the body is the exact text of an ek.register",
    maxBytes: maxRegisterBytes,
    answer: envelope("Envelope `registered` for the nonce of the ek.register"),
    handle: ({ core, body, address }) => ({ text: core.register(utf8(body), address) }),
  },
  {
    method: "GET",
    path: "/v1/time",
    access: "open",
    summary: "Hub time, for the `nonce` (16 bytes, base64) in the query",
    maxBytes: 0,
    answer: envelope("Envelope `time` for that nonce; its audience and epoch mean nothing"),
    handle: ({ core, query }) => ({ text: core.timeEnvelope(nonceOf(query)) }),
  },
  {
    method: "GET",
    path: "/v1/hub/keys",
    access: "open",
    summary: "The hub's signing keys since the first; each object proves itself",
    maxBytes: 0,
    answer: {
      text: "Exact texts of every ek.keylink and ek.recover, oldest first",
      type: json,
      schema: hubKeysSchema,
    },
    handle: ({ core }) => {
      const texts = core.keyObjects();
      const links = texts.filter((text) => typeOf(text) === "ek.keylink");
      const recoveries = texts.filter((text) => typeOf(text) === "ek.recover");
      return { text: JSON.stringify({ links, recoveries }) };
    },
  },
  {
    method: "GET",
    path: "/v1/statements/{sha256}",
    access: "node",
    summary: "The statement with this hash",
    maxBytes: 0,
    answer: { text: "Exact text of an ek.node, which proves itself", type: json },
    handle: ({ core, params }) => {
      const text = core.statement(params.sha256 ?? "");
      if (text === null) throw new ApiProblem(404, "statement_unknown", "There is no statement with this hash");
      return { text };
    },
  },
  {
    method: "GET",
    path: "/v1/nodes/{id}/state",
    access: "state",
    summary: "All that the hub tells this node",
    maxBytes: 0,
    answer: envelope("Envelope `node_state` for the nonce of the request"),
    handle: ({ core, caller }) => ({ text: core.stateEnvelope(caller.node, caller.nonce) }),
  },
  {
    method: "GET",
    path: "/v1/nodes/{id}/events",
    access: "node",
    pace: "stream",
    summary: "The node's events as they come; goes on behind `Last-Event-ID` (`<epoch>-<sequence>`)",
    maxBytes: 0,
    answer: {
      text: "Server-sent events, each an envelope for the nonce of the request: a tick, then what is missing",
      type: "text/event-stream",
    },
    handle: ({ core, caller, headers }) => {
      const position = positionOf(headers["last-event-id"]);
      // a hub that signs nothing says why: a stream that opened and ended would leave the node to guess
      core.tickEnvelope(caller.node, caller.nonce);
      return { stream: { position } };
    },
  },
  {
    method: "POST",
    path: "/v1/nodes/{id}/heartbeat",
    access: "node",
    pace: "heartbeat",
    summary: "Tells how the node is, and where it stands",
    ...jsonBytes(heartbeatSchema),
    handle: ({ core, caller, body, address }) => {
      core.heartbeat(caller.node, readBody(heartbeatSchema, body, maxRequestBytes), address);
      return null;
    },
  },
  {
    method: "PUT",
    path: "/v1/nodes/{id}/endpoints",
    access: "node",
    summary: "Tells where the node listens, in place of what it told before",
    ...jsonBytes(endpointReportSchema),
    handle: ({ core, caller, body }) => {
      core.putEndpoints(caller.node, readBody(endpointReportSchema, body, maxRequestBytes).endpoints);
      return null;
    },
  },
  {
    method: "POST",
    path: "/v1/keys/rotate",
    access: "node",
    summary: "Begins a change of the node's WireGuard key",
    ...jsonBytes(rotateSchema),
    handle: ({ core, caller, body }) => {
      core.rotate(caller.node, readBody(rotateSchema, body, maxRequestBytes).statement);
      return null;
    },
  },
  {
    method: "POST",
    path: "/v1/keys/rotate/commit",
    access: "node",
    summary: "Says that the node uses its next WireGuard key",
    ...jsonBytes(rotateCommitSchema),
    handle: ({ core, caller, body }) => {
      core.rotateCommit(caller.node, readBody(rotateCommitSchema, body, maxRequestBytes).statement_sha256);
      return null;
    },
  },
  {
    method: "POST",
    path: "/v1/nodes/{id}/key-ready",
    access: "node",
    summary: "Says that the node has prepared a peer's next WireGuard key",
    ...jsonBytes(keyReadySchema),
    handle: ({ core, caller, body }) => {
      const { peer_id: peerId, statement_sha256: statementSha256 } = readBody(keyReadySchema, body, maxRequestBytes);
      core.keyReady(caller.node, { peerId, statementSha256 });
      return null;
    },
  },
  {
    method: "POST",
    path: "/v1/nodes/{to}/mail",
    access: "node",
    summary: "Hands a message to another node: the exact text of an ek.psk_* that the caller has signed",
    body: mailSchema,
    // JSON may write each byte of the message with six
    maxBytes: 6 * maxMailBytes + 64,
    handle: ({ core, caller, params, body }) => {
      const { message } = readBody(mailSchema, body, 6 * maxMailBytes + 64);
      core.mail(caller.node, nodeOf(params.to), message);
      return null;
    },
  },
  {
    method: "POST",
    path: "/v1/nodes/{id}/deregister",
    access: "node",
    summary: "Takes the node out of the mesh for good",
    maxBytes: 0,
    handle: ({ core, caller }) => {
      core.deregister(caller.node);
      return null;
    },
  },
  {
    method: "GET",
    path: "/v1/ping",
    access: "open",
    summary: "Says that the hub is there",
    maxBytes: 0,
    handle: () => null,
  },
];

function utf8(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new ApiProblem(400, "E_FORM", "The body is not UTF-8");
  }
}

/** The one parameter of the time route. */
function nonceOf(query: string): string {
  const params = [...new URLSearchParams(query)];
  const [name, value] = params[0] ?? [];
  if (params.length === 1 && name === "nonce" && nonceField.safeParse(value).success) return value ?? "";
  throw new ApiProblem(400, "nonce_malformed", "The query must be 'nonce' with 16 bytes in base64, percent-encoded");
}

function nodeOf(text: string | undefined): NodeId {
  if (text !== undefined && isNodeId(text)) return text;
  throw new ApiProblem(404, "node_unknown", "There is no such node");
}

function positionOf(header: string | readonly string[] | undefined): StreamPosition | null {
  if (header === undefined) return null;
  const position = typeof header === "string" ? parseStreamPosition(header) : null;
  if (position === null) {
    throw new ApiProblem(400, "position_malformed", "Last-Event-ID must be <epoch>-<sequence> as the stream gave it");
  }
  return position;
}

/** `typ` of a signed object of our own. */
function typeOf(text: string): unknown {
  return (JSON.parse(text) as { readonly typ?: unknown }).typ;
}
