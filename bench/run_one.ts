/** Runs the one bench that the command line names and prints its rows as the last line of standard output, in JSON. */
import type { BenchOptions, BenchRow } from "./bench_row.ts";

const [file, flag] = Deno.args;
const module = await import(`./${file}`) as Record<string, (options: BenchOptions) => Promise<BenchRow[]>>;
const bench = Object.entries(module).find(([name]) => name.startsWith("bench"))?.[1];
if (bench === undefined) throw new Error(`Cannot run '${file}': it exports no function whose name starts with bench`);
console.log(JSON.stringify(await bench({ full: flag === "--full" })));
Deno.exit(0);
