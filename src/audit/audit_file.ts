import { writeAll } from "./audit_folder.ts";

/** The file that records are appended to. A line is there as a whole or not at all. */
export class AuditFile {
  readonly path: string;
  readonly #file: Deno.FsFile;
  #bytes: number;
  /** Part of a line may stand behind `#bytes`. */
  #torn = false;

  private constructor(path: string, file: Deno.FsFile, bytes: number) {
    this.path = path;
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Opens the file for appending, and makes it (mode 0600) when it is not there. */
  static open(path: string): AuditFile {
    const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    try {
      return new AuditFile(path, file, file.statSync().size);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends text that ends with a line's end. When the disk refuses, what got there is taken back. */
  append(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#torn) this.#cutBack();
    this.#torn = true;
    try {
      writeAll(this.#file, bytes);
    } catch (error) {
      this.#cutBack();
      throw error;
    }
    this.#bytes += bytes.length;
    this.#torn = false;
  }

  /** Waits until the disk has it. */
  async sync(): Promise<void> {
    await this.#file.syncData();
  }

  syncNow(): void {
    this.#file.syncDataSync();
  }

  close(): void {
    this.#file.close();
  }

  #cutBack(): void {
    this.#file.truncateSync(this.#bytes);
    this.#torn = false;
  }
}
