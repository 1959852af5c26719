import { join } from "node:path";
import { configSchema } from "../../src/config/schema.ts";
import { type History, openHistory } from "../../src/history/open_history.ts";
import { WebWorld } from "./web_world.ts";

/** A world whose samples are stored in a real history, in a temporary folder. */
export class StoredWorld extends WebWorld implements AsyncDisposable {
  readonly #folder: string;
  #stored: History | null = null;
  #unsubscribe = () => {};

  private constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  static async open(): Promise<StoredWorld> {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-web-" });
    const world = new StoredWorld(folder);
    const { storage } = configSchema.parse({});
    const stored = await openHistory({
      config: { ...storage, database_path: join(folder, "history.db"), backup_interval_hours: 0 },
      dataDir: folder,
      readerUrl: new URL("../../src/history/reader.ts", import.meta.url),
      tags: world.tags,
      faults: world.faults,
      feed: world.feed,
      nowUs: () => Date.now() * 1000,
    });
    world.#stored = stored;
    world.#unsubscribe = world.tags.subscribe((batch) => stored.writer.write(batch));
    return world;
  }

  /** The history that stores this world. */
  get stored(): History {
    if (this.#stored === null) throw new Error("Cannot use the history before it is open");
    return this.#stored;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.#stored?.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
