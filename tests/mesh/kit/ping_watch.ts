import { type CollectedOutput, collectOutput } from "../../lib/collect_output.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { answeredSequences, type Machine } from "./machine.ts";

/** What a {@link PingWatch} counted. */
export interface PingCount {
  /** Requests up to the last that was answered: those behind it may still be under way. */
  readonly sent: number;
  /** How many of them had no answer. */
  readonly lost: number;
  /** `icmp_seq` of those that were lost. */
  readonly lostSequences: readonly number[];
}

/** Answers that are waited for at the end, so that what was sent before has had its time, however slow the machine is. */
const LAST_ANSWERS = 3;

/** Echo requests without a pause, ten a second, until it is told to stop. */
export class PingWatch implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: CollectedOutput;
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = collectOutput(child);
  }

  /** Begins, and resolves when the first request was answered: what is done from then on is watched. */
  static async start(machine: Machine, address: string): Promise<PingWatch> {
    const watch = new PingWatch(machine.spawn("ping", ["-n", "-i", "0.1", address]));
    try {
      await waitFor("the first answer to a ping", () => watch.#answered().size > 0);
      return watch;
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Ends it once some more requests were answered; what it counted.
   *
   * @throws {Error} when nothing is answered any more
   */
  async stop(): Promise<PingCount> {
    const before = this.#answered().size;
    await waitFor("answers at the end of the pings", () => this.#answered().size >= before + LAST_ANSWERS);
    this.#child.kill("SIGINT");
    await this.#end();
    const answered = this.#answered();
    const sent = Math.max(...answered);
    const lostSequences = Array.from({ length: sent }, (_, index) => index + 1).filter((number) =>
      !answered.has(number)
    );
    return { sent, lost: lostSequences.length, lostSequences };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#child.kill("SIGKILL");
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#ended = true;
    await this.#output.ended;
    await this.#child.status;
  }

  #answered(): ReadonlySet<number> {
    return answeredSequences(this.#output.text());
  }
}
