/** The statuses that this API refuses a request with. */
export type ProblemStatus = 400 | 403 | 404 | 405 | 413 | 500 | 503;

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
}

const titles: Record<ProblemStatus, string> = {
  400: "Bad request",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  413: "Content too large",
  500: "Internal error",
  503: "Not available now",
};

/** Thrown by a route to answer with a problem document. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: ProblemStatus,
    readonly code: string,
    detail: string,
    readonly more: {
      readonly field?: string;
      readonly fix?: string;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail);
  }
}

/** The answer for a problem. */
export function problemResponse(problem: Problem): Response {
  const { field, fix, headers } = problem.more;
  const document: ProblemDocument = {
    type: "about:blank",
    title: titles[problem.status],
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...(field === undefined ? {} : { field }),
    ...(fix === undefined ? {} : { fix }),
  };
  return new Response(JSON.stringify(document), {
    status: problem.status,
    headers: { ...headers, "content-type": "application/problem+json", "cache-control": "no-store" },
  });
}
