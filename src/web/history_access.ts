import { getLogger } from "@logtape/logtape";
import { type HistoryQueries, HistoryUnavailableError } from "../history/history.ts";
import type { Tag } from "../tags/tag.ts";
import { Problem } from "./problem.ts";

const log = getLogger(["edgekeep", "web"]);

/** Requests to history at one time; the reader has one thread, more would only wait in memory. */
const MAX_ACTIVE = 16;

/** Guards the one reader of history: bounds how many requests use it and puts its failures into words. */
export class HistoryAccess {
  readonly queries: HistoryQueries;
  #active = 0;

  constructor(queries: HistoryQueries) {
    this.queries = queries;
  }

  /** Takes a place; the returned function gives it back, once, however often it is called. */
  enter(): () => void {
    if (this.#active >= MAX_ACTIVE) {
      throw new Problem(503, "busy", "Too many requests for history are under way", {
        headers: { "retry-after": "2" },
      });
    }
    this.#active++;
    let inside = true;
    return () => {
      if (inside) this.#active--;
      inside = false;
    };
  }

  /** Waits for an answer of the reader, with its failures as problems. */
  async ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof HistoryUnavailableError) {
        throw new Problem(503, "history_unavailable", "History cannot be read now: its reader is being restarted", {
          headers: { "retry-after": "2" },
        });
      }
      throw error;
    }
  }

  /** Notes in the log that an answer broke off in the middle, where no status can be sent any more. */
  brokeOff(tag: Tag, error: unknown): void {
    log.error("Reading the history of {tag} broke off: {error}", {
      event: "web_history_broke_off",
      tag: tag.id,
      error,
    });
  }
}
