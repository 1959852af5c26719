/**
 * A process that stores step after step until it is killed. Arguments: the folder and the first step. Prints `open` when the
 * history is open, `did <step>` before a step and `kept <step>` when all up to that step is committed.
 */
import type { Tag } from "../../../src/tags/tag.ts";
import { HistoryFixture } from "../../lib/history_fixture.ts";
import { clockAt, definitions, samplesOf } from "./history_drill_steps.ts";

const [dir = "", firstStep = "0"] = Deno.args;
const encoder = new TextEncoder();
const say = (line: string) => Deno.stdout.writeSync(encoder.encode(`${line}\n`));

await using fixture = await HistoryFixture.open({ dir, definitions, storage: { flush_ms: 5 } });
const { tags, clock, history, faults } = fixture;
tags.restore([...history.writer.lastSamples()].map((sample) => [sample.tagId, sample]));
const byName = new Map([...tags.list()].map((tag) => [tag.definition.name, tag]));
say("open");

let tidying: Promise<void> = Promise.resolve();
for (let step = Number(firstStep);; step++) {
  say(`did ${step}`);
  clock.nowUs = clockAt(step);
  tags.update(samplesOf(step, (name) => byName.get(name) as Tag));
  tags.sweep();
  if (step % 3 === 0) history.writer.flush();
  // the timer of the writer commits the other steps
  await new Promise((resolve) => setTimeout(resolve, step % 4 === 0 ? 1 : 0));
  if (history.writer.status().rowsPending === 0) say(`kept ${step}`);
  if (step % 60 === 20) tidying = tidying.then(() => history.tidy());
  const [fault] = faults.list();
  if (fault !== undefined) throw new Error(`${fault.code}: ${fault.detail}`);
}
