import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import { type DataLock, takeDataLock } from "../../access/data_lock.ts";
import { AgentFileError } from "./agent_file_error.ts";
import { JsonFile } from "./json_file.ts";
import { OwnKeys } from "./own_keys.ts";
import { positionFileSchema, stateFileSchema } from "./position.ts";
import { trustSchema } from "./trust.ts";
import type { HubId } from "../../mesh/ids.ts";

/**
 * Everything that an agent keeps, in one folder (0700) of its own. `keys.json` without `trust.json` is a join that was
 * interrupted: the same keys are used when it is tried again.
 */
export class AgentFolder {
  readonly dir: string;
  readonly trust;
  readonly position;
  readonly state;

  private constructor(dir: string) {
    this.dir = dir;
    this.trust = new JsonFile({
      path: join(dir, "trust.json"),
      what: "what this node trusts",
      schema: trustSchema,
      maxBytes: 65_536,
    });
    this.position = new JsonFile({ path: join(dir, "position.json"), what: "position", schema: positionFileSchema });
    this.state = new JsonFile({ path: join(dir, "state.json"), what: "last state", schema: stateFileSchema });
  }

  /**
   * The folder, made when it is not there. Its mode is set to 0700.
   *
   * @throws {AgentFileError} `unwritable`, `exposed` when it belongs to another user, or another user chose where it leads
   */
  static async open(dir: string): Promise<AgentFolder> {
    try {
      await refuseLinks(dir);
      await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
      const { uid, mode, isDirectory } = await Deno.stat(dir);
      if (!isDirectory) throw new Error("it is no folder");
      if (uid !== null && uid !== Deno.uid()) {
        throw new AgentFileError(
          "exposed",
          dir,
          `Cannot keep keys in ${dir} as it belongs to user ${uid}, who could take them: run this as that user, or name ` +
            "another folder in [agent].dir",
        );
      }
      if (mode !== null && (mode & 0o777) !== 0o700) await Deno.chmod(dir, 0o700);
    } catch (error) {
      if (error instanceof AgentFileError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new AgentFileError("unwritable", dir, `Cannot use the agent's folder ${dir}: ${reason}`, { cause: error });
    }
    return new AgentFolder(dir);
  }

  /**
   * Makes the folder this process's alone until it is released.
   *
   * @throws {AgentFileError} `in_use` while an agent runs with it
   */
  async lock(): Promise<DataLock> {
    const lock = await takeDataLock(this.dir).catch((error) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AgentFileError("unwritable", this.dir, `Cannot use the agent's folder ${this.dir}: ${reason}`);
    });
    if (lock !== null) return lock;
    throw new AgentFileError(
      "in_use",
      this.dir,
      `An agent runs with ${this.dir}: stop it first (systemctl stop edgekeep-agent)`,
    );
  }

  /** The keys; `null` before the first join. Throws {@link AgentFileError}. */
  keys(): Promise<OwnKeys | null> {
    return OwnKeys.open(this.#keysPath);
  }

  /** New keys for a node of this hub, in the place of those that are there. */
  newKeys(hub: HubId, nowUs: number): Promise<OwnKeys> {
    return OwnKeys.create(this.#keysPath, hub, nowUs);
  }

  /** A file for a part of the agent: `name` becomes `<name>.json`. */
  store<T>(name: string, schema: z.ZodType<T>): JsonFile<T> {
    return new JsonFile({ path: join(this.dir, `${name}.json`), what: name, schema });
  }

  /** The folder of the agent's own audit. */
  get auditDir(): string {
    return join(this.dir, "audit");
  }

  /** The socket that the command line asks the running agent on. */
  get socketPath(): string {
    return join(this.dir, "agent.sock");
  }

  /** Removes keys, trust, position and everything that followed from them; the audit stays. */
  async forget(): Promise<void> {
    // the keys first: without them nothing else is of use to anybody
    for await (const name of this.#jsonFiles("keys.json")) await Deno.remove(join(this.dir, name));
    for await (const name of this.#jsonFiles()) await Deno.remove(join(this.dir, name));
  }

  get #keysPath(): string {
    return join(this.dir, "keys.json");
  }

  async *#jsonFiles(only?: string): AsyncGenerator<string> {
    for await (const { name, isFile } of Deno.readDir(this.dir)) {
      const ours = name.endsWith(".json") || name.endsWith(".edgekeep-tmp");
      if (isFile && ours && (only === undefined || name.includes(only))) yield name;
    }
  }
}

/** Root would change modes, write and delete where another user's link leads. Links of root's own on the way are its will. */
async function refuseLinks(dir: string): Promise<void> {
  const whole = resolve(dir);
  for (let path = whole; path !== dirname(path); path = dirname(path)) {
    const info = await Deno.lstat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      // the agent's worker may not look above its folder; the process that grants it the folder has looked
      if (error instanceof Deno.errors.NotCapable) return null;
      throw error;
    });
    const trusted = info?.uid === 0 || info?.uid === Deno.uid();
    if (info === null || !info.isSymlink || (trusted && path !== whole)) continue;
    throw new AgentFileError(
      "exposed",
      dir,
      `Cannot keep keys in ${dir} as ${path} is a symbolic link: name the folder that it leads to in [agent].dir`,
    );
  }
}
