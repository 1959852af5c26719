import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentFolder } from "../files/agent_folder.ts";
import { WorldKeys } from "../../../tests/lib/peer_world.ts";
import { peerFiles } from "./peer_files.ts";
import { emptyPsk, type PeerRecord } from "./peer_record.ts";

Deno.test("records outlive a restart, one file each, and a damaged one is told apart from a missing one", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const folder = await AgentFolder.open(join(dir, "agent"));
    const records: PeerRecord[] = [];
    for (let count = 0; count < 3; count++) {
      const { nodeId, tunnel } = await WorldKeys.create();
      records.push({
        node_id: nodeId,
        mesh_ip: `10.100.0.${count + 1}`,
        generation: 1,
        statement_sha256: tunnel.statement.sha256,
        statement: tunnel.statement.text,
        previous_sha256: null,
        prepared: null,
        cosign_serial: 0,
        psk: emptyPsk,
      });
    }
    for (const record of records) await peerFiles(folder).save(record);
    const [first, second] = records;
    assert.ok(first !== undefined && second !== undefined);
    const path = join(folder.dir, `peer-${first.node_id}.json`);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("10.100.0.1", "10.100.0.2"));
    // a record under another peer's name is none of that peer's
    await Deno.rename(
      join(folder.dir, `peer-${second.node_id}.json`),
      join(folder.dir, `peer-n_${"0".repeat(32)}.json`),
    );
    const { records: read, damaged } = await peerFiles(folder).load();
    assert.deepEqual(read, records.slice(2));
    assert.deepEqual(new Set(damaged), new Set([first.node_id, `n_${"0".repeat(32)}`]));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
