import { type CollectedOutput, collectOutput } from "../../lib/collect_output.ts";
import { edgekeepArguments } from "../../lib/gateway_process.ts";
import type { Machine, Outcome, StartOptions } from "./machine.ts";

/** `edgekeep` as it runs on a machine of a test, until it is ended. */
export class EdgekeepProcess {
  readonly #child: Deno.ChildProcess;
  readonly #output: CollectedOutput;
  #exitCode: number | null = null;
  readonly #exited: Promise<number>;

  constructor(machine: Machine, args: readonly string[], options: StartOptions = {}) {
    this.#child = machine.spawn(Deno.execPath(), edgekeepArguments(...args), options);
    this.#output = collectOutput(this.#child);
    this.#exited = this.#child.status.then(({ code }) => this.#exitCode = code);
  }

  /** The process of `edgekeep` itself: `ip netns exec` puts it in its own place. */
  get pid(): number {
    return this.#child.pid;
  }

  /** `null` while it runs. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** What it has printed so far. */
  output(): string {
    return this.#output.text();
  }

  /** Sends the signal and waits for the end; answers the exit code. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    if (this.#exitCode === null) this.#child.kill(signal);
    const code = await this.#exited;
    await this.#output.ended;
    return code;
  }
}

/** Runs an `edgekeep` command on a machine to its end. */
export async function edgekeep(
  machine: Machine,
  args: readonly string[],
  options: StartOptions & { readonly input?: string } = {},
): Promise<Outcome> {
  return await machine.run(Deno.execPath(), edgekeepArguments(...args), {
    ...options,
    env: { NO_COLOR: "1", ...options.env },
  });
}
