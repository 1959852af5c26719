import type { Case, Suite } from "./suite.ts";
import { startWorld, type World } from "./world.ts";

/**
 * A suite as one test with a step a case, `<unit>: <title>`: leaks are looked for around the whole, since the server and
 * its client live as long. With `CONFORMANCE=<text>` in the environment only cases with the text in unit or title run;
 * `null` when none has it.
 */
export function suiteTest({ name, world: options, cases, lanes }: Suite): Deno.TestDefinition | null {
  const wanted = Deno.env.get("CONFORMANCE") ?? "";
  const chosen = cases.map((one) => ({ ...one, name: `${one.unit}: ${one.title}` }))
    .filter((one) => one.name.includes(wanted));
  if (chosen.length === 0) return null;
  return {
    name: `conformance: ${name}`,
    fn: async (t) => {
      await using world = await startWorld(options);
      const runs = lanes > 1 ? sideBySide(chosen, world, lanes) : undefined;
      for (const [i, one] of chosen.entries()) {
        await t.step({
          name: one.name,
          fn: () => runs?.[i] ?? one.run(world),
          // a neighbour's socket is no leak of this case
          ...(runs === undefined ? {} : { sanitizeOps: false, sanitizeResources: false }),
        });
      }
    },
  };
}

/** Starts all cases, never more than `lanes` at once; the promises end as their cases do. */
function sideBySide(cases: readonly Case[], world: World, lanes: number): Promise<void>[] {
  const ends = cases.map(() => Promise.withResolvers<void>());
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < cases.length; i = next++) {
      await cases[i]?.run(world).then(ends[i]?.resolve, ends[i]?.reject);
    }
  };
  for (let i = 0; i < lanes; i++) void lane();
  const runs = ends.map(({ promise }) => promise);
  // a case that fails early is heard when its step comes
  for (const run of runs) run.catch(() => {});
  return runs;
}
