import type { IncomingMessage, ServerResponse } from "node:http";
import { getLogger } from "@logtape/logtape";
import { unmapped } from "../../config/address.ts";
import { addressKey } from "../../config/address_key.ts";
import { LogBudget } from "../../http/log_budget.ts";
import { TokenBuckets } from "../../telemetry/token_buckets.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { version } from "../../version.ts";
import { type HubCore, HubRequestRefused } from "../hub_core.ts";
import { apiDocument } from "./api_document.ts";
import type { HubApiLimits, HubApiTimings } from "./api_limits.ts";
import { ApiProblem, problemOf, sendProblem } from "./api_problem.ts";
import type { ApiAnswer, ApiRoute, OpenRoute, SignedRoute } from "./api_routes.ts";
import { type Caller, readClaims, verifyCaller } from "./authenticate.ts";
import { BodyBudget } from "./body_budget.ts";
import { findRoute } from "./find_route.ts";
import type { RefusalRecord } from "./refusal_record.ts";
import { plainBody, readBody } from "./request_body.ts";
import { StateGate } from "./state_gate.ts";
import type { StreamBoard } from "./stream_board.ts";

const log = getLogger(["edgekeep", "hub"]);
const documentPath = "/v1/openapi.json";

/** What requests are answered with. */
export interface AnswerOptions {
  readonly core: HubCore;
  readonly limits: HubApiLimits;
  readonly timings: HubApiTimings;
  readonly refusals: RefusalRecord;
  readonly streams: StreamBoard;
  readonly nowUs: () => number;
}

/** What is limited, each for every source or node. */
type Bucket = "address" | "register" | "open" | "node" | "state" | "stream" | "heartbeat";

/** A request on its way through the checks. */
interface Asked {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly method: string;
  /** With query, as sent. */
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly address: string;
  /** Known once it is proved. */
  node: NodeId | null;
}

/** Answers the requests of the API: limits, who asks, the route's own work, and what is refused on record. */
export class AnswerRequests {
  readonly #options: AnswerOptions;
  readonly #buckets = {
    address: new TokenBuckets(),
    register: new TokenBuckets(),
    open: new TokenBuckets(),
    node: new TokenBuckets(),
    state: new TokenBuckets(),
    stream: new TokenBuckets(),
    heartbeat: new TokenBuckets(),
  };
  readonly #bodies: BodyBudget;
  readonly #states: StateGate<NodeId>;
  readonly #failures = new LogBudget();
  readonly #running = new Set<Promise<void>>();

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#bodies = new BodyBudget(options.limits.bodyBytes);
    this.#states = new StateGate(options.limits.statesAtOnce);
  }

  /** Answers a request; never throws. */
  answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const target = incoming.url ?? "";
    const mark = target.indexOf("?");
    const asked: Asked = {
      incoming,
      outgoing,
      method: incoming.method ?? "",
      target,
      path: mark < 0 ? target : target.slice(0, mark),
      query: mark < 0 ? "" : target.slice(mark + 1),
      address: unmapped((incoming.socket.remoteAddress ?? "").replace(/%.*$/, "")),
      node: null,
    };
    outgoing.on("error", () => outgoing.destroy());
    const running = this.#answer(asked).catch((error: unknown) => this.#refuse(asked, error));
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #answer(asked: Asked): Promise<void> {
    const { limits } = this.#options;
    const { incoming, method, path, query } = asked;
    if (incoming.httpVersion !== "1.1") {
      throw new ApiProblem(505, "http_version", "The API speaks HTTP/1.1", { close: true });
    }
    this.#take("address", addressKey(asked.address), limits.addressPerMinute);
    if (path === documentPath && method === "GET") {
      this.#take("open", addressKey(asked.address), limits.openPerMinute);
      return send(asked.outgoing, { text: apiDocument(version) });
    }
    const found = findRoute(method, path);
    if (found.kind === "unknown") throw new ApiProblem(404, "no_such_address", "There is nothing at this address");
    if (found.kind === "other_method") {
      throw new ApiProblem(405, "no_such_method", `This address knows ${found.allow}`, { allow: found.allow });
    }
    const { route, params } = found;
    if (query !== "" && route.path !== "/v1/time") {
      throw new ApiProblem(404, "no_such_address", "This address has no parameters in its query");
    }
    if (isOpen(route)) await this.#open(asked, route, params);
    else await this.#signed(asked, route, params);
  }

  async #open(asked: Asked, route: OpenRoute, params: Readonly<Record<string, string>>): Promise<void> {
    const { core, limits } = this.#options;
    const key = addressKey(asked.address);
    if (route.access === "register") this.#take("register", key, limits.registersPerMinute);
    else this.#take("open", key, limits.openPerMinute);
    const sent = await readBody(asked.incoming, route.maxBytes, this.#bodies);
    const body = this.#inflate(asked, route, sent);
    const { address, query } = asked;
    send(asked.outgoing, route.handle({ core, address, params, query, body, headers: asked.incoming.headers }));
  }

  async #signed(asked: Asked, route: SignedRoute, params: Readonly<Record<string, string>>): Promise<void> {
    const { core, limits, nowUs } = this.#options;
    const { incoming, method, target } = asked;
    const about = { header: incoming.headers.authorization, method, path: target, pathNode: params.id ?? null };
    const claims = readClaims(core, about, nowUs());
    const sent = await readBody(incoming, route.maxBytes, this.#bodies);
    const caller = await verifyCaller(core, { asked: about, claims, body: sent, nowUs: nowUs() });
    asked.node = caller.node;
    this.#take("node", caller.node, limits.nodePerMinute, limits.nodeBurst);
    if (route.pace === "stream") this.#take("stream", caller.node, limits.streamsPerMinute);
    if (route.pace === "heartbeat") this.#take("heartbeat", caller.node, limits.heartbeatsPerMinute);
    if (!core.firstSeen(caller.jti, caller.expUs)) {
      throw new ApiProblem(401, "request_replayed", "The request was made before: each is signed for one use");
    }
    const { address, query } = asked;
    const body = this.#inflate(asked, route, sent);
    const call = () => route.handle({ core, address, params, query, body, headers: incoming.headers, caller });
    if (route.access === "state") await this.#answerState(asked, caller, call);
    else this.#deliver(asked, caller, call());
  }

  #deliver(asked: Asked, caller: Caller, answer: ApiAnswer): void {
    if (answer !== null && "stream" in answer) {
      const { node, nonce } = caller;
      // who has gone in the meantime must not take the place of the stream that the node has
      if (asked.outgoing.destroyed) return;
      this.#options.streams.open({ node, nonce, position: answer.stream.position, outgoing: asked.outgoing });
    } else {
      send(asked.outgoing, answer);
    }
  }

  /** One state of each node at a time, few of all: until its reader has taken it, each is in memory as a whole. */
  async #answerState(asked: Asked, caller: Caller, call: () => ApiAnswer): Promise<void> {
    const { limits, timings } = this.#options;
    const { outgoing } = asked;
    this.#take("state", caller.node, limits.statesPerMinute);
    const leave = await this.#states.enter(caller.node);
    if (outgoing.destroyed) return leave();
    const slow = setTimeout(() => outgoing.socket?.destroy(), timings.stateAnswerMs);
    outgoing.once("close", () => {
      clearTimeout(slow);
      leave();
    });
    this.#deliver(asked, caller, call());
  }

  #inflate({ incoming }: Asked, { maxBytes }: ApiRoute, body: Uint8Array): Uint8Array {
    return plainBody(body, incoming.headers["content-encoding"], maxBytes);
  }

  #take(bucket: Bucket, key: string, perMinute: number, holds?: number) {
    const { ok, waitMs } = this.#buckets[bucket].take(key, perMinute, holds);
    if (ok) return;
    const who = bucket === "address" || bucket === "register" || bucket === "open" ? "One source" : "A node";
    throw new ApiProblem(429, "throttled", `${who} may not ask so often`, { retryAfterMs: waitMs });
  }

  #refuse(asked: Asked, error: unknown): void {
    const problem = problemOf(error);
    const { method, target, address, node, incoming, outgoing } = asked;
    if (problem.status === 500 && this.#failures.take() !== null) {
      log.error("A request of an agent failed: {error}", { event: "hub_request_failed", error });
    }
    const refused = { method, path: target, address, node };
    // the core writes down itself what it refuses somebody who has proved who they are
    if (error instanceof HubRequestRefused) this.#options.refusals.count(problem.code);
    else this.#options.refusals.note(problem, refused);
    if (!incoming.complete) {
      // the rest of what it sends is not read: the answer goes out, then the connection ends
      outgoing.once("finish", () => incoming.socket.destroySoon?.());
    }
    if (outgoing.headersSent) outgoing.destroy();
    else sendProblem(outgoing, incoming.complete ? problem : closing(problem));
  }
}

function isOpen(route: ApiRoute): route is OpenRoute {
  return route.access === "open" || route.access === "register";
}

function closing({ status, code, message, more }: ApiProblem): ApiProblem {
  return new ApiProblem(status, code, message, { ...more, close: true });
}

function send(outgoing: ServerResponse, answer: ApiAnswer): void {
  if (outgoing.destroyed) return;
  if (answer === null) {
    outgoing.writeHead(204, { "cache-control": "no-store" });
    outgoing.end();
  } else if ("text" in answer) {
    outgoing.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(answer.text),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    outgoing.end(answer.text);
  }
}
