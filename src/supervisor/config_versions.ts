import { textIfThere } from "../config/optional_file.ts";
import { dirname, join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { z } from "zod";
import { replaceFile } from "../config/write_file.ts";
import type { ConfigChange, ConfigVersion, ReloadTrigger } from "./role_protocol.ts";

const log = getLogger(["edgekeep", "supervisor"]);

/** Versions kept; the oldest go first. */
const defaultKept = 100;
/** Changes listed with a version; its text has them all. */
const mostChanges = 200;
const indexName = "index.jsonl";

const recordSchema = z.object({
  version: z.int().min(1),
  timeUs: z.int(),
  by: z.string(),
  trigger: z.enum(["start", "sighup", "control", "web", "cli", "restore"]),
  changes: z.array(z.object({
    path: z.string(),
    before: z.string().nullable(),
    after: z.string().nullable(),
    effect: z.enum(["live", "control", "web", "source", "opcua", "worker", "process"]),
  })),
});

type VersionRecord = z.infer<typeof recordSchema>;

/** What a version is besides its text. */
export interface VersionFacts {
  readonly timeUs: number;
  readonly by: string;
  readonly trigger: ReloadTrigger;
  /** Secrets masked. */
  readonly changes: readonly ConfigChange[];
}

/**
 * Every configuration that was applied: `<n>.toml` with its text, and a line of `index.jsonl` with who and when. All of
 * it private, since the texts may hold secrets. What cannot be written is logged and left out: a full disk must not keep
 * anybody from changing the configuration.
 */
export class ConfigVersions {
  readonly #dir: string;
  readonly #kept: number;
  #records: VersionRecord[] = [];
  #last = 0;

  private constructor(dir: string, kept: number) {
    this.#dir = dir;
    this.#kept = kept;
  }

  /** Opens the folder, and makes it when it is not there. Never rejects. */
  static async open(dir: string, kept = defaultKept): Promise<ConfigVersions> {
    const versions = new ConfigVersions(dir, kept);
    await versions.#open();
    return versions;
  }

  /** The newest, which is the one that runs; `null` when nothing could be kept. */
  get current(): number | null {
    return this.#records.at(-1)?.version ?? null;
  }

  /** Oldest first. */
  list(): ConfigVersion[] {
    return this.#records.map((record) => ({ ...record, current: record.version === this.current }));
  }

  /** The text of a version, or `null` when there is none with this number. */
  async read(version: number): Promise<string | null> {
    if (!this.#records.some((record) => record.version === version)) return null;
    try {
      return await Deno.readTextFile(this.#file(version));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }

  /** Keeps a text as the newest version. Answers its number, or `null` when it cannot be kept. */
  async add(text: string, facts: VersionFacts): Promise<number | null> {
    const version = this.#last + 1;
    const record = { version, ...facts, changes: facts.changes.slice(0, mostChanges) };
    try {
      await replaceFile(this.#file(version), text, { forceMode: 0o600 });
      const records = [...this.#records, record].slice(-this.#kept);
      await this.#writeIndex(records);
      const dropped = this.#records.filter((old) => !records.includes(old));
      this.#records = records;
      this.#last = version;
      for (const old of dropped) await this.#removeFile(old.version);
      return version;
    } catch (error) {
      this.#warn(error);
      return null;
    }
  }

  /** Forgets a version that was taken back. */
  async remove(version: number): Promise<void> {
    const records = this.#records.filter((record) => record.version !== version);
    try {
      await this.#writeIndex(records);
      this.#records = records;
      await this.#removeFile(version);
    } catch (error) {
      this.#warn(error);
    }
  }

  async #open(): Promise<void> {
    try {
      await Deno.mkdir(dirname(this.#dir), { recursive: true, mode: 0o750 });
      await Deno.mkdir(this.#dir, { recursive: true, mode: 0o700 });
      const lines = (await textIfThere(join(this.#dir, indexName)) ?? "").split("\n").filter((line) => line !== "");
      this.#records = lines.flatMap(recordOf);
      // a file without a line is of a version that was not finished
      const files = await Array.fromAsync(Deno.readDir(this.#dir), ({ name }) => /^(\d{1,9})\.toml$/.exec(name)?.[1]);
      this.#last = Math.max(0, ...files.map(Number).filter(Number.isFinite), ...this.#records.map((r) => r.version));
      const unlisted = (name: string | undefined) => !this.#records.some(({ version }) => version === Number(name));
      for (const name of files) if (name !== undefined && unlisted(name)) await this.#removeFile(Number(name));
    } catch (error) {
      this.#warn(error);
    }
  }

  async #writeIndex(records: readonly VersionRecord[]): Promise<void> {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join("");
    await replaceFile(join(this.#dir, indexName), text, { forceMode: 0o600 });
  }

  async #removeFile(version: number): Promise<void> {
    try {
      await Deno.remove(this.#file(version));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #file(version: number): string {
    return join(this.#dir, `${version}.toml`);
  }

  #warn(error: unknown): void {
    log.warning("Cannot keep versions of the configuration in {dir}: {error}", {
      event: "config_versions_unwritable",
      dir: this.#dir,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** A line that is damaged is left out: the others are still worth having. */
function recordOf(line: string): VersionRecord[] {
  try {
    return [recordSchema.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}
