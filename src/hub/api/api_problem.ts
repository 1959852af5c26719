import type { ServerResponse } from "node:http";
import { statusTitles } from "../../http/status_titles.ts";
import { maxRequestBytes } from "../../mesh/constants.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { HubRequestRefused } from "../hub_core.ts";

/** A status that the API refuses with. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 415 | 429 | 500 | 503 | 505;

/** A refusal: an agent never gets more than its code and words for people, so nothing in it can be taken for an order. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    readonly status: ProblemStatus,
    /** Stable, for programs. */
    readonly code: string,
    detail: string,
    readonly more: {
      /** For `Retry-After`, ms. */
      readonly retryAfterMs?: number;
      /** Methods that the address knows, for `Allow`. */
      readonly allow?: string;
      /** Hub time as on the wire, where the clock of a node is what is wrong. */
      readonly hubTime?: string;
      /** Whether the connection ends with the answer. */
      readonly close?: boolean;
    } = {},
  ) {
    super(detail);
  }
}

/** What an error of the core, of the protocol's readers or of this room answers with; unknown ones tell nothing. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof HubRequestRefused) {
    // whoever asks when nothing can be done now is to wait, and not to ask at once again
    const more = error.status === 503 || error.status === 429 ? { retryAfterMs: 5_000 } : {};
    return new ApiProblem(error.status, error.code, error.message, more);
  }
  if (error instanceof MeshError) return new ApiProblem(400, error.code, error.message);
  return new ApiProblem(500, "internal_error", "The hub failed to answer; its log says why");
}

/** The refusal of a body that is too large; the connection ends, since the rest of the body is still on its way. */
export function bodyTooLarge(limitBytes = maxRequestBytes): ApiProblem {
  return new ApiProblem(413, "too_large", `A request's body may hold ${limitBytes} bytes here`, { close: true });
}

/** Answers with `application/problem+json` (RFC 9457). Does nothing when an answer has begun. */
export function sendProblem(outgoing: ServerResponse, { status, code, message, more }: ApiProblem): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const text = JSON.stringify({
    type: "about:blank",
    title: statusTitles[status],
    status,
    code,
    detail: message,
    ...(more.hubTime === undefined ? {} : { hub_time: more.hubTime }),
  });
  outgoing.writeHead(status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    ...(more.allow === undefined ? {} : { allow: more.allow }),
    // whole seconds, at least one (RFC 9110 §10.2.3)
    ...(more.retryAfterMs === undefined
      ? {}
      : { "retry-after": String(Math.max(1, Math.ceil(more.retryAfterMs / 1000))) }),
    ...(more.close === true ? { connection: "close" } : {}),
  });
  outgoing.end(text);
}
