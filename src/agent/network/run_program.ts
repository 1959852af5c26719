import { agentPrograms } from "../../supervisor/agent_programs.ts";

/** A program that the agent runs, and the Debian package that brings it. */
const debianPackages = {
  ip: "iproute2",
  nft: "nftables",
  sysctl: "procps",
  wg: "wireguard-tools",
  "wireguard-go": "wireguard-go",
} as const;
/** Every one of them is among {@link agentPrograms}. */
export type AgentProgram = keyof typeof debianPackages;

/** How a program ended and what it printed. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run is given beside its arguments. */
export interface ProgramOptions {
  /** Text for its standard input: the way for secrets, which never belong into arguments. */
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  /** The program is killed after so long; 10 s unless told. */
  readonly timeoutMs?: number;
}

/** Runs one of the agent's programs to its end; a failure of the program is a result, not an error. */
export type RunProgram = (
  program: AgentProgram,
  args: readonly string[],
  options?: ProgramOptions,
) => Promise<ProgramResult>;

/** A program could not be run to its end. The message names no argument, since input may be secret. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";

  constructor(readonly code: "missing" | "timeout" | "too_much_output" | "aborted", message: string) {
    super(message);
  }
}

/** Most that a program may print on either output, bytes; a thousand peers or rules take less than 2 MiB. */
const mostOutputBytes = 16 * 1024 * 1024;
const defaultTimeoutMs = 10_000;

/**
 * Runs a program by its absolute path, with an empty environment and `/` as its folder.
 *
 * @throws ProgramError
 */
export const runProgram: RunProgram = async (program, args, { stdin, signal, timeoutMs = defaultTimeoutMs } = {}) => {
  if (signal?.aborted) throw new ProgramError("aborted", `Did not run ${program}: the agent is stopping`);
  const child = start(program, args, stdin !== undefined);
  let ended: ProgramError | null = null;
  const end = (error: ProgramError) => {
    ended ??= error;
    try {
      child.kill("SIGKILL");
    } catch {
      // it has ended by itself meanwhile
    }
  };
  const timer = setTimeout(
    () => end(new ProgramError("timeout", `Ended ${program}: it took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  const abort = () => end(new ProgramError("aborted", `Ended ${program}: the agent is stopping`));
  signal?.addEventListener("abort", abort, { once: true });
  const tooMuch = () =>
    end(new ProgramError("too_much_output", `Ended ${program}: it printed more than ${mostOutputBytes} bytes`));
  try {
    const [stdout, stderr, status] = await Promise.all([
      readCapped(child.stdout, tooMuch),
      readCapped(child.stderr, tooMuch),
      child.status,
      ...stdin === undefined ? [] : [write(child.stdin, stdin)],
    ]);
    if (ended !== null) throw ended;
    return { code: status.code, stdout, stderr };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
};

/** Where a program was found, so that the other folders are not tried each time. */
const found = new Map<AgentProgram, string>();

function start(program: AgentProgram, args: readonly string[], input: boolean): Deno.ChildProcess {
  const known = found.get(program);
  const places = agentPrograms.filter((path) => path.endsWith(`/${program}`));
  for (const path of known === undefined ? places : [known, ...places]) {
    try {
      const child = new Deno.Command(path, {
        args: [...args],
        clearEnv: true,
        cwd: "/",
        stdin: input ? "piped" : "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      found.set(program, path);
      return child;
    } catch (error) {
      // a path that did not exist when the permissions were given is not permitted
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
    }
  }
  found.delete(program);
  throw new ProgramError(
    "missing",
    `The program ${program} is missing: install the package ${debianPackages[program]}`,
  );
}

async function write(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  // a program that ends before it has read everything says why by its exit code
  await writer.write(new TextEncoder().encode(text)).catch(() => {});
  await writer.close().catch(() => {});
}

async function readCapped(stream: ReadableStream<Uint8Array>, tooMuch: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    // what is left is read and dropped, so that the killed program's pipe closes
    if (bytes > mostOutputBytes) tooMuch();
    else text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
