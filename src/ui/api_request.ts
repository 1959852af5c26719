import type { ProblemAnswer } from "../web/api_schema.ts";

/** A request that the gateway refused, in the words of its problem document. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    /** Stable name of what went wrong. */
    readonly code: string,
    /** What went wrong, for people. */
    readonly detail: string,
    readonly more: {
      /** The parameter it is about. */
      readonly field?: string | undefined;
      /** What to do about it. */
      readonly fix?: string | undefined;
      /** Time until another attempt counts. */
      readonly retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(detail);
  }
}

/** The gateway did not answer at all. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** Methods of the API. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** What a request may carry. */
export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

let refused: (error: ApiError) => void = () => {};

/** Names who is told of each refusal for want of a credential or a right: the session may have ended. */
export function onRefusal(listener: (error: ApiError) => void): void {
  refused = listener;
}

/**
 * Asks the API. What writes carries the JSON content type even without a body: the gateway takes nothing else from
 * browsers.
 *
 * @throws {ApiError} when the gateway refuses
 * @throws {UnreachableError} when it does not answer
 */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
  const query = new URLSearchParams(options.query).toString();
  const { signal, body } = options;
  let answer: Response;
  try {
    answer = await fetch(query === "" ? path : `${path}?${query}`, {
      method,
      ...(method === "GET"
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body ?? {}) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new UnreachableError(`The gateway did not answer to ${path}`, { cause: error });
  }
  if (answer.ok) {
    const text = await answer.text();
    return (text === "" ? {} : JSON.parse(text)) as T;
  }
  const error = await refusalOf(answer, path);
  if (answer.status === 401 || answer.status === 403) refused(error);
  throw error;
}

async function refusalOf(answer: Response, path: string): Promise<ApiError> {
  const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  try {
    const { code, detail, field, fix }: ProblemAnswer = await answer.json();
    if (typeof code === "string" && typeof detail === "string") {
      return new ApiError(answer.status, code, detail, { field, fix, retryAfterMs });
    }
  } catch {
    // not a problem document: something between here and the gateway answered
  }
  return new ApiError(answer.status, "unknown", `The answer to ${path} was ${answer.status}`, { retryAfterMs });
}
