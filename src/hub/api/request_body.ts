import type { IncomingMessage } from "node:http";
import { gunzipSync } from "node:zlib";
import { ApiProblem, bodyTooLarge } from "./api_problem.ts";
import type { BodyBudget } from "./body_budget.ts";

/**
 * Reads a request's body as it was sent, still compressed; nothing at all is an empty one.
 *
 * @throws ApiProblem `too_large` as soon as it is, `bodies_too_slow` when others needed its place, `request_cut` when the
 *   client went away in the middle
 */
export function readBody(incoming: IncomingMessage, maxBytes: number, budget: BodyBudget): Promise<Uint8Array> {
  const declared = incoming.headers["content-length"];
  if (declared !== undefined && Number(declared) > maxBytes) return Promise.reject(bodyTooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const place = budget.begin(() => {
      finish(() => reject(new ApiProblem(503, "bodies_too_slow", "Too many bodies are on their way", { close: true })));
      incoming.socket.destroy();
    });
    const finish = (then: () => void) => {
      incoming.off("data", take);
      incoming.off("end", end);
      incoming.off("close", cut);
      incoming.off("error", cut);
      // a late error of the connection is nobody's any more
      incoming.on("error", () => {});
      place.end();
      then();
    };
    const take = (part: Uint8Array) => {
      bytes += part.length;
      if (bytes > maxBytes) {
        return finish(() => {
          incoming.pause();
          reject(bodyTooLarge(maxBytes));
        });
      }
      parts.push(part);
      place.add(part.length);
    };
    const end = () => finish(() => resolve(parts.length === 1 ? parts[0] ?? new Uint8Array() : Buffer.concat(parts)));
    const cut = () =>
      finish(() => reject(new ApiProblem(400, "request_cut", "The request broke off", { close: true })));
    incoming.on("data", take);
    incoming.on("end", end);
    incoming.on("close", cut);
    incoming.on("error", cut);
  });
}

/**
 * The body as its sender meant it: inflated where `Content-Encoding` says `gzip`. Inflating ends at the limit, so a small
 * body that would become a huge one costs no more than a large one.
 *
 * @throws ApiProblem `too_large`, `encoding_unknown`, `body_damaged`
 */
export function plainBody(body: Uint8Array, encoding: string | undefined, maxBytes: number): Uint8Array {
  if (encoding === undefined || encoding.toLowerCase() === "identity") return body;
  if (encoding.toLowerCase() !== "gzip") {
    throw new ApiProblem(415, "encoding_unknown", "A body may be compressed with gzip and nothing else");
  }
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) throw bodyTooLarge(maxBytes);
    throw new ApiProblem(400, "body_damaged", "The body is not what gzip makes");
  }
}
