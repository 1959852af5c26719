import type { StoredValue } from "./rows.ts";

/** Which rows beside those of the span itself a fold wants to see. */
export interface Surroundings {
  /** From before it: none, the last row, the last usable row, or the last two usable rows. */
  readonly before: "none" | "row" | "usable" | "two_usable";
  /** From behind it: none, the first row, or rows up to the first usable one. */
  readonly after: "none" | "row" | "usable";
}

/** Takes the rows of a span one by one, ascending by time, and computes something of them in constant memory. */
export interface RowFold {
  readonly surroundings: Surroundings;
  /** Whether a row has a status and value that can be used. */
  isUsable(state: number, v: StoredValue): boolean;
  add(t: number, state: number, v: StoredValue): void;
  /** All rows were given. */
  end(): void;
}
