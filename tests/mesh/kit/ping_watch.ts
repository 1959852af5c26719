import type { Machine } from "./machine.ts";

/** What a {@link PingWatch} counted. */
export interface PingCount {
  readonly sent: number;
  /** Requests without an answer; those of the last instant, which may still have been under way, do not count. */
  readonly lost: number;
  /** `icmp_seq` of those that were lost. */
  readonly lostSequences: readonly number[];
}

/** Two requests may be under way when it ends. */
const MOST_UNDER_WAY = 2;

/** Echo requests without a pause, ten a second, until it is told to stop. */
export class PingWatch implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = child.output();
  }

  static start(machine: Machine, address: string): PingWatch {
    return new PingWatch(machine.spawn("ping", ["-n", "-i", "0.1", address]));
  }

  /** Ends it; what it counted. */
  async stop(): Promise<PingCount> {
    if (!this.#ended) this.#child.kill("SIGINT");
    this.#ended = true;
    const { stdout } = await this.#output;
    const text = new TextDecoder().decode(stdout);
    const sent = Number(/(\d+) packets transmitted/.exec(text)?.[1] ?? NaN);
    if (!(sent > 0)) throw new Error(`ping said nothing of packets: ${text}`);
    const answered = new Set([...text.matchAll(/bytes from .*icmp_seq=(\d+)/g)].map(([, number]) => Number(number)));
    const missing = Array.from({ length: sent }, (_, index) => index + 1).filter((number) => !answered.has(number));
    const lostSequences = missing.filter((number) =>
      number <= sent - MOST_UNDER_WAY || missing.some((other) => other < number && other <= sent - MOST_UNDER_WAY)
    );
    return { sent, lost: lostSequences.length, lostSequences };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#child.kill("SIGKILL");
    await this.#output;
  }
}
