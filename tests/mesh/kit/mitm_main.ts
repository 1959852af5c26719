/**
 * A man in the middle with the hub's own TLS key: it ends the agents' TLS, reads and changes what passes, and speaks to
 * the hub in their place. Told what to do by JSON lines on its input, and tells what it saw by JSON lines.
 *
 * Arguments: address to listen on, port, the hub's address, its port, file of the certificate, file of the key.
 */
import { createServer, request } from "node:https";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { canonicalText } from "../../../src/mesh/canonical.ts";
import { fromBase64Url, meshTime, toBase64 } from "../../../src/mesh/encoding.ts";
import { type EnvelopeText, sealEnvelopeText } from "../../../src/mesh/envelope.ts";
import { signingKeyOf } from "../../../src/mesh/keys.ts";
import { readRequestClaims } from "../../../src/mesh/request_signature.ts";
import { textLines } from "../../lib/text_lines.ts";

/** An envelope to be signed with a stolen key, in answer to whatever asks. */
export interface ForgedEnvelope
  extends Omit<EnvelopeText, "reply_to" | "payload" | "issued_at" | "event_id" | "nonce"> {
  readonly payload: Readonly<Record<string, unknown>>;
  /** Seed of the key, hex. */
  readonly seed: string;
}

/** What it can be told. A node that is not named: all of them. */
export type MitmOrder =
  /** Sends a line of its own making down the open event stream of a node. */
  | { readonly do: "inject"; readonly node: string; readonly data: string }
  /** Signs an envelope in answer to the opening of a node's stream, and sends it there. */
  | { readonly do: "forge"; readonly node: string; readonly envelope: ForgedEnvelope }
  /** Event streams stay open, and nothing of the hub's passes any more; or again. */
  | { readonly do: "mute"; readonly on: boolean; readonly node?: string }
  /** Ends a node's stream. */
  | { readonly do: "cut"; readonly node: string }
  /** Answers every question for the state with this text instead of the hub's. `null`: the hub's again. */
  | { readonly do: "state"; readonly text: string | null }
  /** Answers a node's questions for its state with an envelope that it signs. `null`: the hub's again. */
  | { readonly do: "forge_state"; readonly node: string; readonly envelope: ForgedEnvelope | null }
  /** Answers requests for a path with this text. `null`: the hub's again. */
  | { readonly do: "answer"; readonly path: string; readonly text: string | null }
  /** Sends a request of its own to the hub, and tells what came back. */
  | {
    readonly do: "send";
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }
  /** Speaks to a node in the hub's place: opens its streams itself, and nothing of the node's reaches the hub. */
  | { readonly do: "take_over"; readonly node: string; readonly on: boolean }
  /** Answers nothing at all, as if the hub were gone. */
  | { readonly do: "refuse"; readonly on: boolean };

/** What it tells. */
export type MitmNews =
  | { readonly saw: "listening" }
  | { readonly saw: "event"; readonly node: string; readonly data: string }
  | { readonly saw: "state"; readonly node: string; readonly text: string }
  | { readonly saw: "stream"; readonly node: string; readonly open: boolean; readonly nonce: string }
  | {
    readonly saw: "request";
    readonly method: string;
    readonly path: string;
    readonly authorization: string | null;
    readonly encoding: string | null;
    /** Base64. */
    readonly body: string;
    readonly atMs: number;
  }
  /** To an order `send`. */
  | { readonly saw: "answer"; readonly status: number; readonly text: string }
  | { readonly saw: "done" };

if (import.meta.main) {
  const [host = "", port = "", hubHost = "", hubPort = "", certificate = "", key = ""] = Deno.args;
  const tell = (news: MitmNews) => console.log(JSON.stringify(news));
  const streams = new Map<string, { readonly outgoing: ServerResponse; readonly nonce: string }>();
  const muted = new Set<string>();
  const states = new Map<string, ForgedEnvelope>();
  const answers = new Map<string, string>();
  const taken = new Set<string>();
  let state: string | null = null;
  let refusing = false;

  const server = createServer({
    cert: Deno.readTextFileSync(certificate),
    key: Deno.readTextFileSync(key),
    minVersion: "TLSv1.3",
  }, (incoming, outgoing) => void pass(incoming, outgoing).catch(() => outgoing.destroy()));
  server.listen(Number(port), host, () => tell({ saw: "listening" }));

  const onwards = (method: string, path: string, headers: IncomingHttpHeaders) =>
    request({
      host: hubHost,
      port: Number(hubPort),
      method,
      path,
      headers,
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      agent: false,
    });

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (refusing) return void incoming.socket.destroy();
    const parts: Uint8Array[] = [];
    for await (const part of incoming) parts.push(part);
    const body = Buffer.concat(parts);
    const { url: path = "/", method = "" } = incoming;
    const authorization = incoming.headers.authorization ?? null;
    const encoding = incoming.headers["content-encoding"] ?? null;
    tell({
      saw: "request",
      method,
      path,
      authorization,
      encoding,
      body: toBase64(body),
      atMs: Math.round(performance.now()),
    });
    const own = answers.get(path);
    if (own !== undefined) return void outgoing.writeHead(200, { "content-type": "application/json" }).end(own);
    const nonce = nonceOf(authorization);
    const [, node = "", what] = /^\/v1\/nodes\/([^/?]+)\/([a-z-]+)$/.exec(path) ?? [];
    if (taken.has(issuerOf(authorization))) return answerMyself(node, what, nonce, outgoing);
    const onward = onwards(method, path, incoming.headers);
    onward.on("response", (answer) => {
      const headers = { ...answer.headers };
      delete headers["transfer-encoding"];
      delete headers["content-length"];
      if (what === "state") void passState(node, nonce, answer, outgoing, headers);
      else if (what === "events") void passEvents(node, nonce, answer, outgoing, headers);
      else {
        outgoing.writeHead(answer.statusCode ?? 502, headers);
        answer.pipe(outgoing);
      }
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    onward.end(body);
  };

  /** As the hub would, without it. */
  const answerMyself = (node: string, what: string | undefined, nonce: string, outgoing: ServerResponse) => {
    if (what === "events") {
      outgoing.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      const stream = { outgoing, nonce };
      streams.set(node, stream);
      tell({ saw: "stream", node, open: true, nonce });
      return void outgoing.on("close", () => {
        if (streams.get(node) === stream) streams.delete(node);
        tell({ saw: "stream", node, open: false, nonce });
      });
    }
    const forged = what === "state" ? states.get(node) : undefined;
    if (forged !== undefined) return void outgoing.writeHead(200).end(seal(forged, nonce));
    outgoing.writeHead(what === "state" ? 503 : 204).end();
  };

  const passState = async (
    node: string,
    nonce: string,
    answer: IncomingMessage,
    outgoing: ServerResponse,
    headers: IncomingHttpHeaders,
  ) => {
    let text = "";
    try {
      for await (const part of answer.setEncoding("utf8")) text += part;
    } catch {
      return void outgoing.destroy();
    }
    tell({ saw: "state", node, text });
    const forged = states.get(node);
    const own = forged === undefined ? state : seal(forged, nonce);
    outgoing.writeHead(own === null ? answer.statusCode ?? 502 : 200, headers);
    outgoing.end(own ?? text);
  };

  const passEvents = async (
    node: string,
    nonce: string,
    answer: IncomingMessage,
    outgoing: ServerResponse,
    headers: IncomingHttpHeaders,
  ) => {
    outgoing.writeHead(answer.statusCode ?? 502, headers);
    outgoing.flushHeaders();
    const stream = { outgoing, nonce };
    if (answer.statusCode === 200) {
      streams.set(node, stream);
      tell({ saw: "stream", node, open: true, nonce });
    }
    let rest = "";
    try {
      for await (const part of answer.setEncoding("utf8")) {
        rest += part;
        for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
          const block = rest.slice(0, end + 2);
          rest = rest.slice(end + 2);
          const data = /^data: ?(.*)$/m.exec(block)?.[1];
          if (data !== undefined) tell({ saw: "event", node, data });
          if (!muted.has(node) && !muted.has("")) outgoing.write(block);
        }
      }
    } catch {
      // the hub or the agent went away
    }
    outgoing.end(rest);
    if (streams.get(node) !== stream) return;
    streams.delete(node);
    tell({ saw: "stream", node, open: false, nonce });
  };

  const send = async ({ method, path, headers, body }: Extract<MitmOrder, { readonly do: "send" }>) => {
    const onward = onwards(method, path, { ...headers });
    const news = new Promise<MitmNews>((resolve, reject) => {
      onward.on("error", reject);
      onward.on("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part) => text += part);
        answer.on("end", () => resolve({ saw: "answer", status: answer.statusCode ?? 0, text }));
        answer.on("error", reject);
      });
    });
    onward.end(Buffer.from(body, "base64"));
    tell(await news.catch((error): MitmNews => ({ saw: "answer", status: 0, text: String(error) })));
  };

  const obey = async (order: MitmOrder) => {
    switch (order.do) {
      case "inject":
        streams.get(order.node)?.outgoing.write(`data: ${order.data}\n\n`);
        break;
      case "forge": {
        const stream = streams.get(order.node);
        stream?.outgoing.write(`data: ${seal(order.envelope, stream.nonce)}\n\n`);
        break;
      }
      case "mute":
        if (order.on) muted.add(order.node ?? "");
        else muted.delete(order.node ?? "");
        break;
      case "cut":
        streams.get(order.node)?.outgoing.destroy();
        break;
      case "state":
        state = order.text;
        break;
      case "forge_state":
        if (order.envelope === null) states.delete(order.node);
        else states.set(order.node, order.envelope);
        break;
      case "answer":
        if (order.text === null) answers.delete(order.path);
        else answers.set(order.path, order.text);
        break;
      case "send":
        await send(order);
        break;
      case "take_over":
        if (order.on) taken.add(order.node);
        else taken.delete(order.node);
        streams.get(order.node)?.outgoing.destroy();
        break;
      case "refuse":
        refusing = order.on;
        if (refusing) server.closeAllConnections();
        break;
    }
    tell({ saw: "done" });
  };

  for await (const line of textLines(Deno.stdin.readable)) await obey(JSON.parse(line));
  Deno.exit(0);
}

/** The nonce of a signed request; empty: it is none. */
function nonceOf(authorization: string | null): string {
  const claims = claimsOf(authorization);
  return claims === null ? "" : toBase64(fromBase64Url(claims.jti));
}

function issuerOf(authorization: string | null): string {
  return claimsOf(authorization)?.iss ?? "";
}

function claimsOf(authorization: string | null) {
  try {
    return authorization === null ? null : readRequestClaims(authorization);
  } catch {
    return null;
  }
}

function seal({ seed, payload, ...members }: ForgedEnvelope, replyTo: string): string {
  return sealEnvelopeText({
    ...members,
    reply_to: replyTo,
    issued_at: meshTime(Date.now() * 1000),
    payload: canonicalText(payload),
  }, signingKeyOf(Buffer.from(seed, "hex")));
}
