/**
 * Things that a compromised gateway would try. Each resolves when it worked. The sandbox test runs them twice: in the
 * sandbox, where each must be refused, and outside, where each must work, so that a refusal proves something.
 */
import { execFileSync } from "node:child_process";
import * as dns from "node:dns/promises";
import * as fs from "node:fs";
import { createConnection } from "node:net";
import * as os from "node:os";
import process from "node:process";
import * as sqlite from "node:sqlite";

/** What the attempts aim at; all of it exists, made by the test. */
export interface Targets {
  /** A folder of the test's, outside the data directory. */
  readonly outside: string;
  readonly dataDir: string;
  /** A listener on loopback that the configuration does not name; it also serves `/module.js`. */
  readonly port: number;
  /** A process of the test's. */
  readonly pid: number;
  /** A program that the process may run for the mesh agent; `null` on a machine without one. */
  readonly program: string | null;
}

/** The attempts by name. */
export function escapeAttempts({ outside, dataDir, port, pid, program }: Targets): Record<string, () => unknown> {
  const file = `${outside}/secret`;
  return {
    "connect elsewhere": async () => (await Deno.connect({ hostname: "127.0.0.1", port })).close(),
    "connect elsewhere by node:net": () =>
      new Promise<void>((resolve, reject) => {
        const socket = createConnection({ host: "127.0.0.1", port }, () => {
          socket.destroy();
          resolve();
        });
        socket.on("error", reject);
      }),
    "connect elsewhere by name": async () => (await Deno.connect({ hostname: "localhost", port })).close(),
    "fetch": async () => await (await fetch(`http://127.0.0.1:${port}/module.js`)).text(),
    "open a WebSocket": () =>
      new Promise<void>((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
        // the target speaks no WebSocket: being answered with a refusal means that it was reached
        socket.onerror = (event) =>
          /permission|NotCapable|net access/i.test((event as ErrorEvent).message)
            ? reject(new Error("NotCapable"))
            : resolve();
      }),
    "listen elsewhere": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
    "listen on every address": () => Deno.listen({ hostname: "0.0.0.0", port: 0 }).close(),
    "send a datagram": () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }).close(),
    "listen on a unix socket": () =>
      Deno.listen({ transport: "unix", path: `${outside}/socket-${crypto.randomUUID()}` }).close(),
    "look up a name": () => dns.lookup("localhost"),
    "read /etc/passwd": () => Deno.readTextFileSync("/etc/passwd"),
    "read /etc/passwd by node:fs": () => fs.readFileSync("/etc/passwd"),
    "read /proc/self/environ": () => Deno.readTextFileSync("/proc/self/environ"),
    "read beside the data directory": () => Deno.readTextFileSync(file),
    "read through ..": () => Deno.readTextFileSync(`${dataDir}/../outside/secret`),
    "list the root": () => [...Deno.readDirSync("/")],
    "look at a file's size": () => Deno.statSync(file),
    "write outside": () => Deno.writeTextFileSync(`${outside}/written`, "x"),
    "write outside by node:fs": () => fs.writeFileSync(`${outside}/written`, "x"),
    "write beside the program": () => {
      const path = new URL("./written", import.meta.url);
      Deno.writeTextFileSync(path, "x");
      Deno.removeSync(path);
    },
    "make a folder outside": () => Deno.mkdirSync(`${outside}/folder`, { recursive: true }),
    "make a temporary file": () => Deno.removeSync(Deno.makeTempFileSync()),
    "delete outside": () => {
      Deno.removeSync(`${outside}/deletable`);
      Deno.writeTextFileSync(`${outside}/deletable`, "x");
    },
    "move out of the data directory": () => {
      Deno.writeTextFileSync(`${dataDir}/mine`, "x");
      Deno.renameSync(`${dataDir}/mine`, `${outside}/moved`);
    },
    "link out of the data directory": () => {
      const link = `${dataDir}/link-${crypto.randomUUID()}`;
      Deno.symlinkSync("/etc/passwd", link);
      Deno.removeSync(link);
    },
    "hard-link into the data directory": () => {
      const link = `${dataDir}/hard-${crypto.randomUUID()}`;
      Deno.linkSync(file, link);
      Deno.removeSync(link);
    },
    "open a database outside": () => new sqlite.DatabaseSync(`${outside}/other.db`).close(),
    "attach a database outside": () => {
      const database = new sqlite.DatabaseSync(`${dataDir}/own.db`);
      try {
        database.exec(`ATTACH '${outside}/other.db' AS other`);
      } finally {
        database.close();
      }
    },
    "load an SQLite extension": () => {
      const database = new sqlite.DatabaseSync(`${dataDir}/own.db`, { allowExtension: true });
      database.close();
    },
    "run a program": () => new Deno.Command("/bin/true").outputSync(),
    "run a program by node:child_process": () => execFileSync("/bin/true", { env: {} }),
    "signal a process": () => Deno.kill(pid, "SIGCONT"),
    "signal a process by node:process": () => process.kill(pid, "SIGCONT"),
    "load a native library": () => Deno.dlopen("libc.so.6", {}).close(),
    "load a native add-on": () => process.dlopen({ exports: {} }, "/nonexistent.node"),
    "read the environment": () => Deno.env.get("HOME"),
    "read the whole environment": () => Deno.env.toObject(),
    "change the environment": () => Deno.env.set("EDGEKEEP_X", "1"),
    "import code from the network": async () =>
      await import(`http://127.0.0.1:${port}/module.js?${crypto.randomUUID()}`),
    "import a module outside": async () => await import(`file://${outside}/module.js?${crypto.randomUUID()}`),
    "ask for the load": () => Deno.loadavg(),
    "ask for the user's name": () => os.userInfo(),
    "ask for the kernel": () => Deno.osRelease(),
    ...program === null ? {} : {
      "run a program of the mesh agent": () => new Deno.Command(program, { args: ["--version"] }).outputSync(),
      "start a worker that may run it": () =>
        new Worker("data:application/javascript,", { type: "module", deno: { permissions: { run: [program] } } })
          .terminate(),
    },
    "start a worker that may do more": () =>
      new Worker("data:application/javascript,", { type: "module", deno: { permissions: { run: true } } }).terminate(),
    "start a worker that may read more": () =>
      new Worker("data:application/javascript,", { type: "module", deno: { permissions: { read: ["/etc"] } } })
        .terminate(),
  };
}

/** What the role itself must be able to do with the same configuration. */
export function ordinaryWork(
  { dataDir, ports, chirpstackPort }: { dataDir: string; ports: readonly number[]; chirpstackPort: number | null },
): Record<string, () => unknown> {
  return {
    "listen where the configuration says": () => {
      for (const port of ports) Deno.listen({ hostname: "127.0.0.1", port }).close();
    },
    ...chirpstackPort === null ? {} : {
      "connect to ChirpStack": async () =>
        (await Deno.connect({ hostname: "127.0.0.1", port: chirpstackPort })).close(),
    },
    "write into the data directory": () => Deno.writeTextFileSync(`${dataDir}/note`, "x"),
    "keep a database there": () => {
      const database = new sqlite.DatabaseSync(`${dataDir}/own.db`);
      database.exec("CREATE TABLE IF NOT EXISTS t(x)");
      database.close();
    },
    "know its host's name and addresses": () => [Deno.hostname(), Deno.networkInterfaces()],
    "find an empty environment": () => {
      if (Object.keys(process.env).length > 0) throw new Error(`It holds ${Object.keys(process.env)}`);
    },
  };
}

/** Runs each and tells how it ended: `worked`, or the error's name and message. */
export async function outcomes(attempts: Record<string, () => unknown>): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      results[name] = "worked";
    } catch (error) {
      results[name] = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }
  return results;
}
