/** Below those that systems give out by themselves, to every connection and to whoever asks for any. */
const LOWEST = 10_000;
const HIGHEST = 32_767;
const TRIES = 50;

let last = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));

/**
 * The first port from `preferred` on that nobody listens on at `hostname`, or any free one when the next fifty are
 * taken; 0 asks for any, which is another one each time. Another program can take it before it is used: the caller's bind still has the last word.
 */
export function freePort(hostname: string, preferred: number): number {
  for (const port of candidates(preferred)) {
    try {
      using listener = Deno.listen({ hostname, port });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Deno.errors.AddrInUse(`Cannot find a free port at ${hostname}`);
}

function* candidates(preferred: number): Generator<number> {
  if (preferred !== 0) { for (let port = preferred; port < preferred + TRIES && port <= 65_535; port++) yield port; }
  // what was given out here is not given again soon: it may be free only because nobody has bound it yet
  for (let step = 0; step < TRIES; step++) {
    last = last < HIGHEST ? last + 1 : LOWEST;
    yield last;
  }
  yield 0;
}
