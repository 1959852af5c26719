import { statusTitles } from "../http/status_titles.ts";

/** The statuses that this API refuses a request with. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 500 | 502 | 503 | 504;

/** What a refused request is answered with, after RFC 9457 (`application/problem+json`). */
export interface ProblemDocument {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: ProblemStatus;
  /** Stable name of what went wrong, for programs. */
  readonly code: string;
  /** What went wrong, for people. */
  readonly detail: string;
  /** The parameter or field it is about. */
  readonly field?: string;
  /** What to do about it. */
  readonly fix?: string;
  /** Further facts for programs. */
  readonly details?: unknown;
  /** The audit record of the refusal. */
  readonly auditId?: string;
}

/** Thrown by a route to answer with a problem document. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: ProblemStatus,
    readonly code: string,
    detail: string,
    readonly more: {
      readonly field?: string | undefined;
      readonly fix?: string | undefined;
      readonly details?: unknown;
      readonly auditId?: string | undefined;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail);
  }
}

/** The answer for a problem. */
export function problemResponse(problem: Problem): Response {
  const { field, fix, details, auditId, headers } = problem.more;
  const document: ProblemDocument = {
    type: "about:blank",
    title: statusTitles[problem.status],
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(field === undefined ? {} : { field }),
    ...(fix === undefined ? {} : { fix }),
    ...(details === undefined ? {} : { details }),
    ...(auditId === undefined ? {} : { auditId }),
  };
  return new Response(JSON.stringify(document), {
    status: problem.status,
    headers: { ...headers, "content-type": "application/problem+json", "cache-control": "no-store" },
  });
}

/** A time to wait as the Retry-After header has it: whole seconds, at least one (RFC 9110 §10.2.3). */
export function retryAfter(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1000)));
}
