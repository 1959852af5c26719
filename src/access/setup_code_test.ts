import assert from "node:assert/strict";
import { configureLog } from "../telemetry/log.ts";
import { noSettings } from "../../tests/lib/access_world.ts";
import { EventFeed } from "../telemetry/event_feed.ts";
import { FaultBoard } from "../telemetry/fault_board.ts";
import { openAccess } from "./open_access.ts";

Deno.test("the set-up code can be read in the log", async () => {
  for (const format of ["text", "json"] as const) {
    const dir = await Deno.makeTempDir();
    const lines: string[] = [];
    const log = await configureLog(
      { level: "info", format, max_file_bytes: 1e6, max_files: 2 },
      ["another secret"],
      (line) => lines.push(line),
    );
    try {
      const nowUs = () => Date.now() * 1000;
      const [faults, feed] = [new FaultBoard(nowUs), new EventFeed(nowUs)];
      const access = await openAccess({ dataDir: dir, settings: noSettings, faults, feed, nowUs });
      access.stop();
      const code = (await Deno.readTextFile(`${dir}/setup-code`)).trim();
      const found = lines.filter((line) => line.includes(code));
      assert.equal(found.length, 1);
      assert.match(found[0] ?? "", /setup_code/);
    } finally {
      await log.dispose();
      await Deno.remove(dir, { recursive: true });
    }
  }
});
