import assert from "node:assert/strict";
import { MeshError } from "./mesh_error.ts";

Deno.test("a refusal has a code for programs and a sentence for people", () => {
  const error = new MeshError("E_HUB", "An event of another hub");
  assert.ok(error instanceof Error);
  assert.deepEqual([error.name, error.code, error.message], ["MeshError", "E_HUB", "An event of another hub"]);
});
