import type { ComputedPage } from "../../history/aggregate_query.ts";
import type { ValueColumns } from "./data_value_encoder.ts";

/** Computed values as they go out. Nothing was received at that time, so both times are the same. */
export function computedColumns({ count, timesUs, values, statuses }: ComputedPage): ValueColumns {
  return { count, timesUs, serverTimesUs: timesUs, qualities: statuses, values };
}
