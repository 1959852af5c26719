import type { Suite } from "./suite.ts";
import { startWorld } from "./world.ts";

/**
 * Registers a suite as one test with a step a case, `<unit>: <title>`: leaks are looked for around the whole, since the
 * server and its client live as long. With `CONFORMANCE=<text>` in the environment only cases with the text in unit or
 * title run.
 */
export function runSuite({ name, world: options, cases }: Suite): void {
  const wanted = Deno.env.get("CONFORMANCE") ?? "";
  const chosen = cases.map((one) => ({ ...one, name: `${one.unit}: ${one.title}` }))
    .filter((one) => one.name.includes(wanted));
  if (chosen.length === 0) return;
  Deno.test(`conformance: ${name}`, async (t) => {
    await using world = await startWorld(options);
    for (const one of chosen) await t.step(one.name, () => one.run(world));
  });
}
