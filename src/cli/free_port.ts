/**
 * The first port from `preferred` on that nobody listens on at `hostname`, or any free one when the next fifty are
 * taken. Another program can take it before it is used: the caller's bind still has the last word.
 */
export function freePort(hostname: string, preferred: number): number {
  const wanted = Array.from({ length: 50 }, (_, step) => preferred + step).filter((port) => port <= 65_535);
  for (const port of preferred === 0 ? [0] : [...wanted, 0]) {
    try {
      using listener = Deno.listen({ hostname, port });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Deno.errors.AddrInUse(`Cannot find a free port at ${hostname}`);
}
