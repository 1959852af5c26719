import type { z } from "zod";
import { removeLeftovers, replaceFile } from "../../config/write_file.ts";
import { sha256Hex } from "../../mesh/encoding.ts";
import { AgentFileError } from "./agent_file_error.ts";

/** What a {@link JsonFile} holds and how large it may get. */
export interface JsonFileOptions<T> {
  /** Absolute path. */
  readonly path: string;
  /** For messages: "identity", "pairs". */
  readonly what: string;
  readonly schema: z.ZodType<T>;
  /** Most bytes that are read. Default 64 MiB. */
  readonly maxBytes?: number;
}

/**
 * One value on disk, replaced as a whole: whoever reads it, also after a power cut, finds the value before or the value
 * after. A checksum tells a damaged file from a written one. Mode 0600.
 */
export class JsonFile<T> {
  readonly path: string;
  readonly #options: JsonFileOptions<T>;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: JsonFileOptions<T>) {
    this.path = options.path;
    this.#options = options;
  }

  /**
   * The value; `null` when there is no file.
   *
   * @throws {AgentFileError} `corrupt`, `unreadable`, `exposed` when other users may read it
   */
  async read(): Promise<T | null> {
    const { what, maxBytes = 64 * 1024 * 1024 } = this.#options;
    let text: string;
    try {
      const { mode, size, isFile } = await Deno.stat(this.path);
      if (!isFile) throw this.#corrupt("it is no file");
      if (size > maxBytes) throw this.#corrupt(`it has ${size} bytes, more than this file ever has`);
      if (mode !== null && (mode & 0o077) !== 0) {
        throw new AgentFileError(
          "exposed",
          this.path,
          `Cannot use ${this.path} (${what}) as other users may read or change it (mode ${
            (mode & 0o777).toString(8)
          }): ` +
            `if nobody did, chmod 600 ${this.path}; else remove this node from its mesh and join anew`,
        );
      }
      text = await Deno.readTextFile(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      if (error instanceof AgentFileError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new AgentFileError("unreadable", this.path, `Cannot read ${this.path} (${what}): ${reason}`, {
        cause: error,
      });
    }
    return this.#parse(text);
  }

  /**
   * Replaces the value; resolves when it is safe on the disk. Calls run one after the other. After a rejection the file
   * holds what it held.
   *
   * @throws {AgentFileError} `unwritable`
   */
  write(value: T): Promise<void> {
    // taken now: the caller may go on changing its value
    const json = JSON.stringify(value);
    return this.#inOrder(async () => {
      try {
        const text = `{"format":1,"sha256":"${sha256Hex(json)}","value":${json}}\n`;
        await replaceFile(this.path, text, { forceMode: 0o600 });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new AgentFileError(
          "unwritable",
          this.path,
          `Cannot write ${this.path} (${this.#options.what}): ${reason}`,
          { cause: error },
        );
      }
    });
  }

  /** Removes the file, when there is one, and what an interrupted write left. */
  remove(): Promise<void> {
    return this.#inOrder(async () => {
      await removeLeftovers(this.path);
      await Deno.remove(this.path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    });
  }

  /** Removes what an interrupted write left. */
  async tidy(): Promise<void> {
    await removeLeftovers(this.path);
  }

  #inOrder<R>(work: () => Promise<R>): Promise<R> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  #parse(text: string): T {
    let file: unknown;
    try {
      file = JSON.parse(text);
    } catch {
      throw this.#corrupt(text.trim() === "" ? "it is empty" : "it is cut or not JSON");
    }
    const { format, sha256, value } = typeof file === "object" && file !== null ? file as Record<string, unknown> : {};
    if (format !== 1) throw this.#corrupt("it is not in a form that this version knows");
    if (sha256 !== sha256Hex(JSON.stringify(value) ?? "")) throw this.#corrupt("its checksum does not match");
    const parsed = this.#options.schema.safeParse(value);
    if (!parsed.success) throw this.#corrupt(`'${parsed.error.issues[0]?.path.join(".")}' is not as it should be`);
    return parsed.data;
  }

  #corrupt(why: string): AgentFileError {
    return new AgentFileError(
      "corrupt",
      this.path,
      `Cannot use ${this.path} (${this.#options.what}): ${why}. Restore it from a backup, or have this node removed from ` +
        "its mesh and join anew: edgekeep agent join --force",
    );
  }
}
