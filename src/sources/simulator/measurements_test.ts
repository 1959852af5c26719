import assert from "node:assert/strict";
import { flatten, measurementsOf } from "./measurements.ts";
import { templates } from "./templates/all.ts";
import { withWrongTypes } from "./wrong_types.ts";

Deno.test("an object is flattened by keys and positions joined with '_', nulls left out", () => {
  const object = { a: 1, b: { c: "x", d: [true, null, { e: 2 }] }, f: null, g: {}, h: [] };
  assert.deepEqual([...flatten(object)], [["a", 1], ["b_c", "x"], ["b_d_0", true], ["b_d_2_e", 2]]);
});

Deno.test("every metric of every device type is a measurement of its profile", () => {
  for (const template of templates) {
    const measurements = measurementsOf(template);
    for (const { segments, name, kind } of template.metrics) {
      assert.deepEqual(measurements.get(segments.join("_")), { name, kind }, `${template.id} ${name}`);
    }
  }
});

Deno.test("wrong types change every value and keep the shape", () => {
  assert.deepEqual(withWrongTypes({ a: 1, b: [{ c: false, d: null }], e: "text" }), {
    a: "not a number",
    b: [{ c: "maybe", d: null }],
    e: ["text"],
  });
});
