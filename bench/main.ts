/**
 * Runs every bench, each in a process of its own so that none pays for another's memory, prints the figures beside
 * what they must be, and keeps them as JSON under `bench/results/`.
 *
 * `deno run -A bench/main.ts [--full] [name …]`; a name picks the benches whose file name contains it.
 */
import { parseArgs } from "node:util";
import type { BenchRow } from "./bench_row.ts";

const folder = new URL("./", import.meta.url);
const others = new Set(["main.ts", "bench_row.ts", "run_one.ts"]);
const { values: { full }, positionals } = parseArgs({ allowPositionals: true, options: { full: { type: "boolean" } } });

const files = [...Deno.readDirSync(folder)].map((entry) => entry.name)
  .filter((name) => name.endsWith(".ts") && !name.endsWith("_test.ts") && !others.has(name) && !name.startsWith("lib_"))
  .filter((name) => positionals.length === 0 || positionals.some((wanted) => name.includes(wanted)))
  .toSorted();
if (files.length === 0) {
  console.error(`No bench has a name with: ${positionals.join(", ")}`);
  Deno.exit(2);
}

const results: Record<string, readonly BenchRow[]> = {};
let failed = 0;
for (const file of files) {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      new URL("run_one.ts", folder).href,
      file,
      ...(full ? ["--full"] : []),
    ],
    stdin: "null",
    stderr: "inherit",
  }).output();
  console.log(`\n${file.replace(/\.ts$/, "")}`);
  const line = new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1) ?? "";
  if (!success) {
    failed++;
    console.log("  failed");
    continue;
  }
  const rows = JSON.parse(line) as BenchRow[];
  results[file.replace(/\.ts$/, "")] = rows;
  for (const row of rows) console.log(`  ${describe(row)}`);
}

await Deno.mkdir(new URL("results/", folder), { recursive: true });
const at = new Date().toISOString().replace(/\.\d+Z$/, "Z");
const target = new URL(`results/${at.replaceAll(":", "")}${full ? "-full" : ""}.json`, folder);
const machine = { arch: Deno.build.arch, cores: navigator.hardwareConcurrency, deno: Deno.version.deno };
await Deno.writeTextFile(target, JSON.stringify({ at, full: full ?? false, machine, results }, null, 2) + "\n");
console.log(`\nKept as bench/results/${target.pathname.split("/").at(-1)}`);
if (failed > 0) Deno.exit(1);

function describe({ name, value, unit, must, aim, note }: BenchRow): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  const figure = value.toLocaleString("en-US", { maximumFractionDigits: digits });
  const goal = must === undefined ? "" : `  (must ${must}${aim === undefined ? "" : `, aim ${aim}`})`;
  return `${name.padEnd(62)} ${figure.padStart(12)} ${unit}${goal}${note === undefined ? "" : `  ${note}`}`;
}
