/** What a process used since it started, and what it has now. */
export interface ProcessUse {
  /** Processor time, s, in steps of 10 ms. */
  readonly ownS: number;
  /** Processor time of its children that have ended, s. */
  readonly childrenS: number;
  readonly residentBytes: number;
}

/** Reads `/proc/PID/stat` (proc(5), fields 14 to 17 and 24). */
export async function processUse(pid: number): Promise<ProcessUse> {
  // the name before may hold blanks
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]?.split(" ").map(Number) ?? [];
  const seconds = (from: number) => ((fields[from] ?? NaN) + (fields[from + 1] ?? NaN)) / 100;
  return { ownS: seconds(11), childrenS: seconds(13), residentBytes: (fields[21] ?? NaN) * 4096 };
}
