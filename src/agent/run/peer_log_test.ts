import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { NodeId } from "../../mesh/ids.ts";
import type { PeerStatus } from "../peers/peer_engine.ts";
import { PeerLog } from "./peer_log.ts";

const peer = (number: number, changes: Partial<PeerStatus> = {}): PeerStatus => ({
  nodeId: `n_${String(number).padStart(32, "0")}` as NodeId,
  name: `box-${number}`,
  meshIp: `10.100.0.${number}`,
  state: "up",
  problem: null,
  path: "direct",
  endpoint: "192.0.2.1:51820",
  lastHandshakeUs: 1,
  rttMs: null,
  rxBytes: 0,
  txBytes: 0,
  generation: 1,
  pskEpoch: 1,
  cosigned: false,
  ...changes,
});

async function linesOf(looks: readonly (readonly PeerStatus[])[]): Promise<string[]> {
  const lines: string[] = [];
  await configure({
    sinks: { lines: (record: LogRecord) => void lines.push(record.message.map(String).join("")) },
    loggers: [
      { category: "edgekeep", sinks: ["lines"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: [] },
    ],
    reset: true,
  });
  try {
    const log = new PeerLog();
    for (const peers of looks) log.look(peers);
    return lines;
  } finally {
    await reset();
  }
}

Deno.test("a peer that comes, moves to the relay, goes and is removed makes one line each time", async () => {
  const pending = peer(1, { state: "pending", path: "none" });
  const relayed = peer(1, { path: "relay", endpoint: "203.0.113.1:51900" });
  const idle = peer(1, { state: "idle", path: "none" });
  assert.deepEqual(
    await linesOf([[pending], [peer(1)], [peer(1)], [peer(1, { path: "none" })], [relayed], [idle], [idle], []]),
    [
      "box-1 (10.100.0.1) is reached: direct, 192.0.2.1:51820",
      "box-1 (10.100.0.1) is reached: relay, 203.0.113.1:51900",
      "box-1 (10.100.0.1) is not reached any more",
      "box-1 is no peer any more",
    ],
  );
});

Deno.test("a peer that never answered is not told of, one that is refused is", async () => {
  const refused = peer(2, { state: "refused", problem: "The admin has not co-signed it" });
  assert.deepEqual(await linesOf([[peer(1, { state: "idle", path: "none" }), refused]]), [
    "box-2 (10.100.0.2) is not taken as a peer: The admin has not co-signed it",
  ]);
});

Deno.test("a thousand peers at once make twenty lines and a count", async () => {
  const lines = await linesOf([Array.from({ length: 1000 }, (_, number) => peer(number))]);
  assert.equal(lines.length, 21);
  assert.equal(lines.at(-1), "980 more peers came, went or changed their paths");
});
