import assert from "node:assert/strict";
import { join } from "node:path";
import { gatewayId } from "./gateway_id.ts";

async function withFolder(run: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the id is made once and kept", () =>
  withFolder(async (folder) => {
    const id = await gatewayId(folder);
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(await gatewayId(folder), id);
  }));

Deno.test("a damaged id is refused, never replaced", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "gateway-id"), "garbage");
    await assert.rejects(gatewayId(folder), /must hold one UUID/);
    assert.equal(await Deno.readTextFile(join(folder, "gateway-id")), "garbage");
  }));
