import type { Context, MiddlewareHandler } from "hono";
import type { WebEnv } from "./api_context.ts";
import { Problem } from "./problem.ts";

/** What a request's body may hold unless its route says otherwise. */
export const MAX_BODY_BYTES = 65_536;
/** What a body with a whole configuration may hold. */
export const MAX_CONFIG_BODY_BYTES = 1_048_576;

/**
 * Refuses a body that says it is too large before anybody reads it.
 *
 * @param limitOf bytes that a path's body may hold
 */
export function bodyLimit(limitOf: (path: string) => number): MiddlewareHandler<WebEnv> {
  return async function limitBody(context, next) {
    const limit = limitOf(context.req.path);
    if (Number(context.req.header("content-length") ?? 0) > limit) throw tooLarge(limit);
    await next();
  };
}

/**
 * Reads a request's body as a JSON object; nothing at all counts as an empty one. Counts while it reads, so a body of
 * unknown length is bounded too.
 */
export async function readJsonObject(
  context: Context<WebEnv>,
  limitBytes = MAX_BODY_BYTES,
): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of context.req.raw.body ?? []) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(joined(chunks, bytes)));
  } catch {
    // the parser's own words would repeat what was sent
    throw new Problem(400, "bad_request", "The body is not JSON in UTF-8");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Problem(400, "bad_request", "The body must be a JSON object");
  }
  return body as Record<string, unknown>;
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function tooLarge(limitBytes: number): Problem {
  return new Problem(413, "too_large", `A request's body may hold ${limitBytes} bytes here`, {
    headers: { connection: "close" },
  });
}
