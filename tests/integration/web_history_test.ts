import assert from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { startWeb } from "../../src/web/start_web.ts";
import type { RawHistoryAnswer } from "../../src/web/api_schema.ts";
import { StoredWorld } from "../lib/stored_world.ts";

const TEMPERATURE = "a840410000000001/temperature";
const SECOND_US = 1_000_000;
const ROWS = 12_000;

Deno.test("the API reads what history stored: page by page, as one CSV, and in buckets", async (test) => {
  await using world = await StoredWorld.open();
  const firstUs = Math.floor(Date.now() / 3_600_000) * 3_600_000_000 - 48 * 3600 * SECOND_US;
  for (let row = 0; row < ROWS; row++) {
    world.set(
      { [TEMPERATURE]: row / 4 },
      row % 1000 === 7 ? Quality.BadSensorFailure : Quality.Good,
      firstUs + row * 10 * SECOND_US,
    );
  }
  world.set({ "a840410000000002/cycles": Number.MAX_SAFE_INTEGER, "a840410000000001/state": "on" });
  world.stored.writer.flush();
  const server = await startWeb(world.options({ history: world.stored.queries }));
  const read = async (query: string) => await (await fetch(`${server.url}/api/v1/history${query}`)).json();
  try {
    await test.step("all rows come once, over pages, in order", async () => {
      const values: unknown[] = [];
      const times = new Set<string>();
      let cursor: string | null = "";
      while (cursor !== null) {
        const page: RawHistoryAnswer = await read(
          `?tag=${TEMPERATURE}&limit=3500&from=${firstUs}${cursor === "" ? "" : `&cursor=${cursor}`}`,
        );
        for (const sample of page.samples.filter(({ serverMade }) => !serverMade)) {
          values.push(sample.value);
          times.add(sample.sourceTime);
        }
        cursor = page.next;
      }
      assert.equal(times.size, ROWS);
      assert.deepEqual(values, Array.from({ length: ROWS }, (_, row) => row / 4));
    });

    await test.step("CSV holds the same", async () => {
      const answer = await fetch(`${server.url}/api/v1/history?tag=${TEMPERATURE}&format=csv&from=${firstUs}`);
      const lines = (await answer.text()).trimEnd().split("\r\n").slice(1).map((line) => line.split(","));
      const device = lines.filter(([, , , , , serverMade]) => serverMade === "0");
      assert.equal(device.length, ROWS);
      assert.deepEqual(device[7]?.slice(2, 5), ["1.75", String(Quality.BadSensorFailure), "BadSensorFailure"]);
    });

    await test.step("buckets agree with the rows", async () => {
      const { buckets } = await read(
        `/buckets?tag=${TEMPERATURE}&from=${firstUs}&to=${firstUs + 7200 * SECOND_US}&bucket_seconds=3600`,
      );
      assert.equal(buckets.length, 2);
      const [{ min, max, mean, count }] = buckets;
      assert.deepEqual([min, max, count], [0, 359 / 4, 359]);
      assert(Math.abs(mean - 45) < 0.2, `mean is ${mean}`);
    });

    await test.step("integers are exact and text is text", async () => {
      const { samples: [cycles] } = await read("?tag=a840410000000002/cycles");
      assert.equal(cycles.value, Number.MAX_SAFE_INTEGER);
      const { samples: [state] } = await read("?tag=a840410000000001/state");
      assert.equal(state.value, "on");
    });

    await test.step("a tag that never had a value has an empty history", async () => {
      assert.deepEqual(await read("?tag=a840410000000001/moisture"), {
        tag: "a840410000000001/moisture",
        unit: "%",
        samples: [],
        next: null,
      });
      const { buckets } = await read(`/buckets?tag=a840410000000001/moisture&from=${firstUs}`);
      assert(buckets.length >= 48);
      assert(buckets.every(({ count, mean }: { count: number; mean: number | null }) => count === 0 && mean === null));
    });

    await test.step("after clients left in the middle others are still served", async () => {
      for (let client = 0; client < 30; client++) {
        const gone = new AbortController();
        const answer = await fetch(`${server.url}/api/v1/history?tag=${TEMPERATURE}&format=csv`, {
          signal: gone.signal,
        });
        const reader = answer.body?.getReader();
        await reader?.read();
        gone.abort();
        await assert.rejects(async () => {
          while (!(await reader?.read())?.done);
          throw new Error("the whole answer had come");
        });
      }
      assert.equal((await read(`?tag=${TEMPERATURE}&limit=2`)).samples.length, 2);
    });
  } finally {
    await server.stop();
  }
});
