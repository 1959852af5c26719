import { join } from "node:path";
import { storageSchema } from "../src/config/schema.ts";
import { openHistory } from "../src/history/open_history.ts";
import { type Tag, tagId, tagUpdate } from "../src/tags/tag.ts";
import { startTestServer, testDevice, testTag } from "../tests/lib/opcua_client_gateway.ts";
import type { BenchOptions, BenchRow } from "./bench_row.ts";

const DEVICES = 100;
const TAGS_A_DEVICE = 50;

/**
 * Samples a second through everything that an uplink passes in the gateway's thread: tag store, history (committed)
 * and OPC UA push, with 5,000 tags in batches of one device each; and the longest that the thread was away from its
 * event loop meanwhile, with reads and a backup going on in the reader's.
 */
export async function benchIngest({ full }: BenchOptions): Promise<BenchRow[]> {
  const seconds = full ? 60 : 10;
  const dataDir = await Deno.makeTempDir({ prefix: "edgekeep-bench-" });
  const devices = Array.from({ length: DEVICES }, (_, n) => testDevice(n.toString(16).padStart(16, "0")));
  const names = Array.from({ length: TAGS_A_DEVICE }, (_, n) => `m${n}`);
  try {
    await using server = await startTestServer({
      devices,
      tags: devices.flatMap(({ devEui }) => names.map((name) => testTag(devEui, name))),
    });
    const { tags, faults, feed } = server;
    const history = await openHistory({
      config: storageSchema.parse({ database_path: join(dataDir, "history.db"), backup_interval_hours: 0 }),
      dataDir,
      readerUrl: new URL("../src/history/reader.ts", import.meta.url),
      tags,
      faults,
      feed,
      nowUs: () => Date.now() * 1000,
    });
    const leave = tags.subscribe((batch) => history.writer.write(batch));
    const groups = devices.map(({ devEui }) =>
      names.map((name) => tags.get(tagId(devEui, name))).filter((tag): tag is Tag => tag !== undefined)
    );

    let samples = 0;
    let longestMs = 0;
    let backups = 0;
    let reads = 0;
    const startMs = performance.now();
    let turnMs = startMs;
    const running = () => performance.now() - startMs < seconds * 1000;
    const backing = (async () => {
      while (running()) {
        await history.queries.backup(join(dataDir, "backup", `bench-${backups}.db`));
        backups++;
      }
    })();
    const reading = (async () => {
      while (running()) {
        const id = tagId(devices[reads % DEVICES]?.devEui ?? "", "m7");
        await history.queries.readRaw({ tagId: id, fromUs: null, toUs: null, direction: "forward", limit: 10_000 });
        reads++;
      }
    })();
    for (let round = 0; running(); round++) {
      // one turn of the event loop a device, as uplinks come in
      for (const group of groups) {
        const timeUs = Date.now() * 1000 + round % 1000;
        tags.update(group.map((tag, n) => tagUpdate(tag, Math.sin(round / 10 + n) * 100, timeUs)));
        samples += group.length;
        await new Promise((resolve) => setImmediate(resolve));
        const nowMs = performance.now();
        longestMs = Math.max(longestMs, nowMs - turnMs);
        turnMs = nowMs;
      }
    }
    history.writer.flush();
    const tookMs = performance.now() - startMs;
    await Promise.all([backing, reading]);
    leave();
    await history.stop();
    return [
      {
        name: "ingest through tags, history and OPC UA push, 5,000 tags",
        value: samples / (tookMs / 1000),
        unit: "samples/s",
        must: 10_000,
        aim: 30_000,
        note: `with ${backups} backups and ${reads} reads of 10,000 rows meanwhile`,
      },
      {
        name: "longest stall of the gateway's thread meanwhile",
        value: longestMs,
        unit: "ms",
        must: 100,
        aim: 30,
      },
    ];
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}
