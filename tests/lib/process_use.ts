/** What a process used since it started, and what it has now. */
export interface ProcessUse {
  /** Processor time of all its threads, s, in steps of 10 ms. */
  readonly ownS: number;
  /** Processor time of its children that have ended, s. */
  readonly childrenS: number;
  readonly residentBytes: number;
}

/** Reads `/proc/PID/stat` (proc(5), fields 14 to 17) and `VmRSS` of `/proc/PID/status`. */
export async function processUse(pid: number): Promise<ProcessUse> {
  const [stat, status] = await Promise.all(
    ["stat", "status"].map((name) => Deno.readTextFile(`/proc/${pid}/${name}`)),
  );
  // the name before may hold blanks
  const fields = stat?.split(") ")[1]?.split(" ").map(Number) ?? [];
  const seconds = (from: number) => ((fields[from] ?? NaN) + (fields[from + 1] ?? NaN)) / 100;
  return {
    ownS: seconds(11),
    childrenS: seconds(13),
    residentBytes: Number(/VmRSS:\s+(\d+) kB/.exec(status ?? "")?.[1]) * 1024,
  };
}
