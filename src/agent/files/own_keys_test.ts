import assert from "node:assert/strict";
import { hubIdOf } from "../../mesh/ids.ts";
import { AgentFileError } from "./agent_file_error.ts";
import { AgentFolder } from "./agent_folder.ts";
import { OwnKeys } from "./own_keys.ts";

const hub = hubIdOf(new Uint8Array(32).fill(1));

async function inFolder(work: (folder: AgentFolder) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-keys-" });
  try {
    await work(await AgentFolder.open(dir));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("the keys of a node are the same after a restart", () =>
  inFolder(async (folder) => {
    assert.equal(await folder.keys(), null);
    const made = await folder.newKeys(hub, 1_736_937_000_000_000);
    const read = await folder.keys();
    assert.equal(read?.nodeId, made.nodeId);
    assert.deepEqual(read?.tunnel, made.tunnel);
    assert.deepEqual(read?.kem.publicKey, made.kem.publicKey);
    assert.deepEqual([made.tunnel.statement.generation, made.next], [1, null]);
  }));

Deno.test("a rotation goes on after a restart at any of its steps", () =>
  inFolder(async (folder) => {
    const path = `${folder.dir}/keys.json`;
    const reopen = async () => await OwnKeys.open(path) ?? assert.fail("there are no keys");
    const first = (await folder.newKeys(hub, 1_736_937_000_000_000)).tunnel;
    await (await reopen()).prepareNext(1_736_937_100_000_000);
    let keys = await reopen();
    assert.deepEqual(keys.tunnel, first);
    assert.deepEqual([keys.next?.statement.generation, keys.next?.switched], [2, false]);
    const { next } = keys;
    await keys.switching();
    keys = await reopen();
    assert.deepEqual([keys.tunnel, keys.next?.switched], [first, true]);
    await assert.rejects(keys.dropNext(), /may have/);
    await keys.commitNext();
    keys = await reopen();
    assert.deepEqual([keys.tunnel.wireGuard, keys.next], [next?.wireGuard, null]);
    await keys.prepareNext(1_736_937_200_000_000);
    await keys.dropNext();
    assert.deepEqual([(await reopen()).next, (await reopen()).tunnel.statement.generation], [null, 2]);
  }));

Deno.test("keys whose statement is of other keys are not used", () =>
  inFolder(async (folder) => {
    await folder.newKeys(hub, 1_736_937_000_000_000);
    const one = JSON.parse(await Deno.readTextFile(`${folder.dir}/keys.json`)).value;
    await folder.newKeys(hub, 1_736_937_000_000_000);
    const other = JSON.parse(await Deno.readTextFile(`${folder.dir}/keys.json`)).value;
    const { z } = await import("zod");
    await folder.store("keys", z.any()).write({ ...one, tunnel: other.tunnel });
    await assert.rejects(folder.keys(), (error) => error instanceof AgentFileError && error.code === "corrupt");
  }));

Deno.test("two agents cannot use one folder", () =>
  inFolder(async (folder) => {
    const lock = await folder.lock();
    await assert.rejects(folder.lock(), (error) => error instanceof AgentFileError && error.code === "in_use");
    lock.release();
    (await folder.lock()).release();
  }));

Deno.test("what is forgotten is gone, leftovers of interrupted writes too, and the audit stays", () =>
  inFolder(async (folder) => {
    await folder.newKeys(hub, 1_736_937_000_000_000);
    await Deno.writeTextFile(`${folder.dir}/.keys.json.0123.edgekeep-tmp`, "half a seed");
    await Deno.mkdir(folder.auditDir);
    await folder.forget();
    assert.deepEqual([...Deno.readDirSync(folder.dir)].map(({ name }) => name), ["audit"]);
  }));
