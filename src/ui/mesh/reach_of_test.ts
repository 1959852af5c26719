import assert from "node:assert/strict";
import { reachOf } from "./reach_of.ts";

Deno.test("a node reaches what the other's firewall lets in from it", () => {
  const reach = reachOf({
    nodes: [{
      nodeId: "a",
      rules: [
        { id: "scada", src: ["b", "c"], protocol: "tcp", ports: [[4840, 4840]] },
        { id: "all", src: ["*"], protocol: "icmp", ports: [] },
        { id: "twice", src: ["b"], protocol: "tcp", ports: [[4840, 4840], [22, 22]] },
      ],
    }],
  });
  assert.deepEqual(reach("b", "a"), ["tcp/4840", "icmp", "tcp/22"]);
  assert.deepEqual(reach("d", "a"), ["icmp"]);
  assert.deepEqual(reach("a", "b"), []);
});
