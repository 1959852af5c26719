import assert from "node:assert/strict";
import type { PeerStatus } from "../../agent/peers/peer_engine.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { peersText } from "./peers_text.ts";

const peer: PeerStatus = {
  nodeId: "n_00000000000000000000000000000001" as NodeId,
  name: "pump-house",
  meshIp: "10.100.0.12",
  state: "up",
  problem: null,
  path: "direct",
  endpoint: "203.0.113.102:51820",
  lastHandshakeUs: 1_000_000,
  rttMs: 12.34,
  rxBytes: 2800,
  txBytes: 3_900_000,
  generation: 1,
  pskEpoch: 1,
  cosigned: false,
};

Deno.test("peers fit a terminal of 80 columns; a wide one, or a file, has their traffic too", () => {
  const narrow = peersText([peer], 100_000_000, 80);
  assert.ok(narrow.split("\n").every((line) => line.length <= 80), narrow);
  assert.match(narrow, /^pump-house +10\.100\.0\.12 +up +direct +203\.0\.113\.102:51820 +99 s ago +12\.3 ms$/m);
  assert.match(peersText([peer], 100_000_000, 120), /12\.3 ms +2\.8 kB +3\.9 MB$/m);
  assert.match(peersText([peer], 100_000_000), /RECEIVED +SENT$/m);
});
