import { programPath } from "../../lib/requires.ts";

/** What a program printed and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a program is started on a machine. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Its wall clock runs so much ahead, seconds; negative: behind. The monotonic clock stays. */
  readonly clockOffsetS?: number;
  readonly cwd?: string;
}

/** What ping says. */
export interface PingResult {
  readonly sent: number;
  readonly received: number;
}

/** A machine of the test's own: a network namespace with an address, in which programs run. */
export class Machine {
  readonly name: string;
  readonly namespace: string;
  /** Its address on its network. */
  readonly address: string;

  constructor(name: string, namespace: string, address: string) {
    this.name = name;
    this.namespace = namespace;
    this.address = address;
  }

  /** The words that run a program here. */
  command(
    program: string,
    args: readonly string[] = [],
    { clockOffsetS = 0 }: StartOptions = {},
  ): [string, ...string[]] {
    const faked = clockOffsetS === 0 ? [] : fakedClock(clockOffsetS);
    const path = programPath(program) ?? program;
    return [programPath("ip") ?? "ip", "netns", "exec", this.namespace, ...faked, path, ...args];
  }

  /** Starts a program here; both of its outputs are piped. */
  spawn(
    program: string,
    args: readonly string[] = [],
    options: StartOptions & { readonly stdin?: "piped" | "null" } = {},
  ) {
    const [first, ...rest] = this.command(program, args, options);
    return new Deno.Command(first, {
      args: rest,
      env: { ...options.env },
      ...options.cwd === undefined ? {} : { cwd: options.cwd },
      stdin: options.stdin ?? "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** Runs a program to its end, whatever that is. */
  async run(
    program: string,
    args: readonly string[] = [],
    { input, ...options }: StartOptions & { readonly input?: string } = {},
  ): Promise<Outcome> {
    const child = this.spawn(program, args, { ...options, stdin: input === undefined ? "null" : "piped" });
    if (input !== undefined) {
      const writer = child.stdin.getWriter();
      // a program that ends before it has read everything says why by its exit code
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
    }
    const { code, stdout, stderr } = await child.output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  }

  /** Runs a program that must succeed and gives what it printed. */
  async ok(
    program: string,
    args: readonly string[] = [],
    options: StartOptions & { readonly input?: string } = {},
  ): Promise<string> {
    const { code, out, err } = await this.run(program, args, options);
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} on ${this.name} failed (${code}): ${err}${out}`);
    return out;
  }

  /**
   * Sends echo requests to an address and waits for the answers. Once one came, `-W` of ping holds no longer: it gives up
   * what is missing one interval after the last request. With a deadline it goes on asking until so many were answered;
   * what it asks beyond the number is not counted.
   *
   * @param intervalS seconds from one to the next
   * @param waitS for what is missing at the end; as much again as all requests take is added on busy machines
   */
  async ping(address: string, { count = 1, intervalS = 0.2, waitS = 1 } = {}): Promise<PingResult> {
    const patience = count === 1 ? ["-W", String(waitS)] : ["-w", String(Math.ceil(2 * count * intervalS + waitS))];
    const { out } = await this.run("ping", [
      ...["-n", "-c", String(count), "-i", String(intervalS), ...patience],
      address,
    ]);
    const [, sent] = /(\d+) packets transmitted/.exec(out) ?? [];
    if (sent === undefined) return { sent: count, received: 0 };
    return {
      sent: Math.min(count, Number(sent)),
      received: [...answeredSequences(out)].filter((number) => number <= count).length,
    };
  }

  /** Whether one echo request is answered; who is sure that it is gives a busy machine longer. */
  async reaches(address: string, waitS = 1): Promise<boolean> {
    return (await this.ping(address, { count: 1, waitS })).received === 1;
  }
}

/**
 * The words that give a program another wall clock. The program `faketime` would stand between it and its owner, who
 * then could not end it.
 */
function fakedClock(offsetS: number): string[] {
  const library = [...Deno.readDirSync("/usr/lib")].map(({ name }) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`)
    .find((path) => {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        return false;
      }
    });
  if (library === undefined) throw new Error("libfaketimeMT.so.1 is missing: install the Debian package faketime");
  const offset = `${offsetS < 0 ? "-" : "+"}${Math.abs(offsetS)}s`;
  return [programPath("env") ?? "env", `LD_PRELOAD=${library}`, `FAKETIME=${offset}`];
}

/** `icmp_seq` of each request that was answered, by what ping printed. */
export function answeredSequences(text: string): ReadonlySet<number> {
  return new Set([...text.matchAll(/bytes from .*icmp_seq=(\d+)/g)].map(([, number]) => Number(number)));
}
