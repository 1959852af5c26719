import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { NodeId } from "../../mesh/ids.ts";
import { HubWorld } from "../../../tests/lib/hub_world.ts";

const child = fileURLToPath(new URL("../../../tests/lib/hub_child_main.ts", import.meta.url));

interface Answered {
  readonly token: string;
  readonly node: NodeId;
  readonly sequences: readonly (readonly [NodeId, number])[];
}

/** Runs a hub that registers nodes, and kills it with SIGKILL after so many answers. @returns all that it answered */
async function runAndKill(dir: string, answers: number): Promise<Answered[]> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", child, dir],
    stdout: "piped",
  }).spawn();
  const answered: Answered[] = [];
  let rest = "";
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) answered.push(JSON.parse(line) as Answered);
    if (answered.length >= answers) {
      process.kill("SIGKILL");
      answers = Infinity;
    }
  }
  await process.status;
  return answered;
}

Deno.test("a hub that is killed while nodes join uses no token twice and loses no sequence that it answered", async () => {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-hub-" });
  try {
    for (const answers of [3, 9, 20]) {
      const answered = await runAndKill(dir, answers);
      assert.ok(answered.length >= answers);
      await using world = await HubWorld.open({}, dir);
      const nodes = new Set(world.admin.nodes().map(({ nodeId }) => nodeId));
      for (const { node } of answered) assert.ok(nodes.has(node), "an answered node is missing");
      const joined = new Set<NodeId>();
      for (const { nodes, uses, usesLeft } of world.admin.tokens()) {
        assert.equal(usesLeft + nodes.length, uses);
        for (const node of nodes) {
          assert.ok(!joined.has(node), "a node used two tokens");
          joined.add(node);
        }
      }
      assert.deepEqual(joined, nodes);
      const newest = new Map(answered.flatMap(({ sequences }) => sequences));
      for (const [node, sequence] of newest) {
        assert.ok(world.core.position(node).sequence >= sequence, "a sequence was lost");
        const events = world.core.eventsAfter(node, 0, 1, 256);
        assert.deepEqual(events?.map((event) => event.sequence), events?.map((_, index) => index + 2));
        assert.equal(events?.length, world.core.position(node).sequence - 1);
      }
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
