import assert from "node:assert/strict";
import fc from "fast-check";
import { allTags, hrefOf, parseRoute, type Route } from "./route.ts";

Deno.test("every route survives the address bar", () => {
  const tags = fc.record({
    page: fc.constant("tags" as const),
    group: fc.option(fc.string({ unit: "grapheme" })),
    tag: fc.option(fc.string({ unit: "grapheme" })),
    show: fc.constantFrom("all" as const, "not_good" as const, "bad" as const),
    search: fc.string({ unit: "grapheme" }),
    diagnostics: fc.boolean(),
  });
  fc.assert(fc.property(tags, (route: Route) => assert.deepEqual(parseRoute(hrefOf(route)), { ...route })));
});

Deno.test("addresses that name nothing lead to the overview, unknown parameters to the preset", () => {
  assert.deepEqual(parseRoute(""), { page: "overview" });
  assert.deepEqual(parseRoute("#/nothing"), { page: "overview" });
  assert.deepEqual(parseRoute("#/tags?show=everything&colour=red"), allTags);
});
