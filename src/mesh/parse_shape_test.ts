import assert from "node:assert/strict";
import { z } from "zod";
import { parseShape } from "./parse_shape.ts";

const schema = z.object({ peers: z.array(z.object({ rx: z.int() })) });

Deno.test("a value of its shape is given back", () => {
  assert.deepEqual(parseShape(schema, { peers: [{ rx: 1, more: 2 }] }, "The body"), { peers: [{ rx: 1 }] });
});

Deno.test("the error says where and which rule, not what was there", () => {
  assert.throws(() => parseShape(schema, { peers: [{ rx: "evil" }] }, "The body"), {
    code: "E_FORM",
    message: "The body is not of its form at 'peers.0.rx': invalid_type",
  });
  assert.throws(() => parseShape(schema, null, "The body"), { message: "The body is not of its form: invalid_type" });
});
