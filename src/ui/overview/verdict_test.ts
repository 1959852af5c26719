import assert from "node:assert/strict";
import { webApp } from "../../../tests/lib/web_request.ts";
import { WebWorld } from "../../../tests/lib/web_world.ts";
import type { StatusAnswer } from "../../web/api_schema.ts";
import { makeFormatter } from "../format.ts";
import { loadGermanFaults } from "../messages/fault_words.ts";
import { catalogues } from "../messages/messages.ts";
import { verdictReasons } from "./verdict.ts";

async function reasonsOf(world: WebWorld, language: "en" | "de" = "en"): Promise<string[]> {
  if (language === "de") await loadGermanFaults();
  using web = webApp(world);
  const status: StatusAnswer = await (await web.get("/api/v1/status")).json();
  return verdictReasons(status, catalogues[language], makeFormatter(language, catalogues[language]), language);
}

Deno.test("without a fault the verdict says how many values are current", async () => {
  const world = new WebWorld();
  assert.deepEqual(await reasonsOf(world), ["Connected, waiting for the first values"]);
  world.set({ "a840410000000001/temperature": 20, "a840410000000001/moisture": 30 });
  assert.deepEqual(await reasonsOf(world), ["2 values are current", "4 wait for their first value"]);
  world.set({ "a840410000000002/cycles": 1 }, 0x80070000);
  assert.deepEqual(await reasonsOf(world), ["1 of 6 values is not current"]);
  assert.deepEqual(await reasonsOf(world, "de"), ["1 von 6 Werten ist nicht aktuell"]);
});

Deno.test("faults come first, with the name of the device, and more than three are counted", async () => {
  const world = new WebWorld();
  world.faults.raise("device_decoding", "text for 'open'", "a840410000000002");
  assert.deepEqual(await reasonsOf(world), ["A device sends values that do not fit (Valve 2)"]);
  assert.deepEqual(await reasonsOf(world, "de"), ["Ein Gerät sendet Werte, die nicht passen (Valve 2)"]);
  world.faults.raise("source_unreachable", "connection refused");
  world.faults.raise("history_reader_down", "exit");
  world.faults.raise("worker_restarted", "crash");
  assert.deepEqual(await reasonsOf(world), [
    "ChirpStack cannot be reached",
    "A device sends values that do not fit (Valve 2)",
    "and 2 more",
  ]);
});

Deno.test("active alarms are told behind everything else", async () => {
  using web = webApp(new WebWorld());
  const status: StatusAnswer = await (await web.get("/api/v1/status")).json();
  const alarms = { total: 3, active: 2, unacknowledged: 1, shelved: 0 };
  const told = (language: "en" | "de") =>
    verdictReasons(
      { ...status, alarms },
      catalogues[language],
      makeFormatter(language, catalogues[language]),
      language,
    );
  assert.deepEqual(told("en"), ["Connected, waiting for the first values", "2 alarms are active"]);
  assert.equal(told("de").at(-1), "2 Alarme stehen an");
});
