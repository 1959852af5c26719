import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import type { GatewayStatus } from "../../src/telemetry/status.ts";
import { collectOutput } from "./collect_output.ts";
import { processUse } from "./process_use.ts";
import { waitFor } from "./wait_for.ts";

const root = new URL("../../", import.meta.url);

/** A gateway in a process of its own, as an integrator would start it. */
export interface GatewayProcess {
  readonly pid: number;
  readonly webUrl: string;
  readonly opcuaUrl: string;
  /** What it has printed so far. */
  output(): string;
  status(): Promise<GatewayStatus>;
  /** Resident memory of the process, bytes. */
  rssBytes(): Promise<number>;
  /** CPU time that the process has used, s. */
  cpuSeconds(): Promise<number>;
  /** Sends the signal and waits for the end; answers the exit code. */
  end(signal?: Deno.Signal): Promise<number>;
}

/** What a test's gateway is started with. */
export interface GatewayProcessOptions {
  /** A folder of the test's own; the configuration is written there. */
  readonly folder: string;
  /** The configuration; `opcua.host_port` and `runtime.web.listen` must name free ports. */
  readonly config: string;
  readonly opcuaPort: number;
  readonly webPort: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What stands for `edgekeep`: a program and its first arguments. Default: the checkout. */
  readonly program?: readonly [string, ...string[]];
  /** Time to get ready, ms. Default 60,000. */
  readonly deadlineMs?: number;
}

/** The arguments of `deno` that start `edgekeep` from the checkout, with the flags that the task and the binary have. */
export function edgekeepArguments(...args: readonly string[]): string[] {
  const words = manifest.tasks.edgekeep.split(/\s+/);
  const script = words.findIndex((word) => word.endsWith("main.ts"));
  const flags = words.slice(words.indexOf("run") + 1, script);
  // the runtime would say when another start of it holds the lock of the packages' folder, among what the program prints
  return ["run", "--quiet", ...flags, fileURLToPath(new URL("src/main.ts", root)), ...args];
}

/** Starts `edgekeep run` and waits until `/readyz` answers. Ends it when it does not get ready. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const file = join(options.folder, "edgekeep.toml");
  await Deno.writeTextFile(file, options.config, { mode: 0o600 });
  const [program, ...first] = options.program ?? [Deno.execPath(), ...edgekeepArguments()];
  const child = new Deno.Command(program, {
    args: [...first, "run", "--config", file],
    cwd: options.folder,
    env: { ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { text: output, ended: collected } = collectOutput(child);
  let exitCode: number | undefined;
  const exited = child.status.then(({ code }) => exitCode = code);
  const webUrl = `http://127.0.0.1:${options.webPort}`;
  const end = async (signal: Deno.Signal = "SIGTERM") => {
    if (exitCode === undefined) child.kill(signal);
    const code = await exited;
    await collected;
    return code;
  };
  try {
    await waitFor("the gateway to be ready", async () => {
      if (exitCode !== undefined) return true;
      const answer = await fetch(`${webUrl}/readyz`);
      await answer.body?.cancel();
      return answer.ok;
    }, { deadlineMs: options.deadlineMs ?? 60_000, everyMs: 50 });
    if (exitCode !== undefined) throw new Error(`The gateway ended with ${exitCode}`);
  } catch (error) {
    await end("SIGKILL");
    throw new Error(`Cannot start the gateway; it printed:\n${output()}`, { cause: error });
  }
  return {
    pid: child.pid,
    webUrl,
    opcuaUrl: `opc.tcp://127.0.0.1:${options.opcuaPort}`,
    output,
    status: async () => await (await fetch(`${webUrl}/api/v1/status`)).json() as GatewayStatus,
    rssBytes: async () => (await processUse(child.pid)).residentBytes,
    cpuSeconds: async () => (await processUse(child.pid)).ownS,
    end,
  };
}
