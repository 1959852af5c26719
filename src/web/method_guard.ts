import type { MiddlewareHandler } from "hono";
import type { WebEnv } from "./api_context.ts";
import { Problem } from "./problem.ts";

/** A route of the application. */
export interface Route {
  readonly method: string;
  /** With `:name` or `{name}` for parts that vary. */
  readonly path: string;
}

/** Which methods addresses take. */
export class MethodTable {
  readonly #routes: readonly { readonly pattern: RegExp; readonly method: string }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => ({
      method,
      pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:[A-Za-z]+|\{[A-Za-z]+\}/g, "[^/]+")}$`),
    }));
  }

  /** The methods that an address takes, HEAD with GET; empty where there is nothing. */
  at(path: string): string[] {
    const methods = new Set(this.#routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    return [...methods].flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]).sort();
  }
}

/**
 * Refuses methods that an address does not take, and says which it takes.
 *
 * @param methodsAt methods that an address takes; empty where there is nothing, which is answered later
 */
export function methodGuard(methodsAt: (path: string) => readonly string[]): MiddlewareHandler<WebEnv> {
  return async function guardMethod(context, next) {
    const { method, path } = context.req;
    const taken = methodsAt(path);
    if (taken.length > 0 && !taken.includes(method)) {
      throw new Problem(405, "method_not_allowed", `This address does not take ${method.slice(0, 16)}`, {
        headers: { allow: taken.join(", ") },
      });
    }
    await next();
  };
}
