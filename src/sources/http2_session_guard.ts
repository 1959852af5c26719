import http2 from "node:http2";
import { setImmediate } from "node:timers";

/** The runtime's own half of a session, as far as it concerns us. */
interface NativeSession {
  destroy(...args: unknown[]): unknown;
}

type Method = (this: object, ...args: unknown[]) => unknown;

const deferred = new WeakSet<object>();
let guarded = false;

/**
 * Keeps Deno from crashing when the other side says goodbye.
 *
 * Deno 2.9's `node:http2` frees the native session at once when JavaScript ends it, also from inside the callback that
 * reports a GOAWAY frame. The C library that called back then goes on with freed memory, and the whole process aborts
 * or, worse, goes on with a damaged heap (denoland/deno#36788; seen here on clients and servers). A server that restarts
 * behind a proxy, or a proxy that ends idle connections, is all it takes.
 *
 * This moves the freeing behind the callback; what JavaScript sees of a session does not change. Where the runtime has
 * no such native session, nothing is touched. To be called before the first connection; more calls do nothing.
 */
export function guardHttp2Sessions(): void {
  if (guarded) return;
  guarded = true;
  const { Http2Session } = http2 as unknown as { Http2Session?: { readonly prototype: Record<string, Method> } };
  if (Http2Session === undefined) return;
  for (const name of ["close", "destroy"]) {
    const original = Http2Session.prototype[name];
    if (typeof original !== "function") continue;
    Http2Session.prototype[name] = function (...args) {
      deferFreeing(this);
      return original.apply(this, args);
    };
  }
}

// All sessions share one prototype of their native half, which is reached only through a session that has one.
function deferFreeing(session: object): void {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === "kHandle");
  const handle: unknown = key === undefined ? undefined : Reflect.get(session, key);
  if (typeof handle !== "object" || handle === null) return;
  const prototype: unknown = Object.getPrototypeOf(handle);
  if (!hasDestroy(prototype) || deferred.has(prototype)) return;
  deferred.add(prototype);
  const { destroy } = prototype;
  prototype.destroy = function (...args) {
    setImmediate(() => destroy.apply(this, args));
  };
}

function hasDestroy(prototype: unknown): prototype is NativeSession {
  return typeof prototype === "object" && prototype !== null &&
    typeof (prototype as Partial<NativeSession>).destroy === "function";
}
