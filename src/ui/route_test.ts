import assert from "node:assert/strict";
import fc from "fast-check";
import { allTags, hrefOf, parseRoute, type Route, securitySections } from "./route.ts";

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

Deno.test("every part of the security page has an address", () => {
  for (const section of [null, ...securitySections]) {
    assert.deepEqual(parseRoute(hrefOf({ page: "security", section })), { page: "security", section });
  }
  assert.deepEqual(parseRoute("#/security/nothing"), { page: "security", section: null });
});

Deno.test("a pairing link gives its code, and no address shows it", () => {
  assert.deepEqual(parseRoute("#/pair?code=ABCD2345"), { page: "pair", code: "ABCD2345" });
  assert.deepEqual(parseRoute("#/pair"), { page: "pair", code: "" });
  assert.equal(hrefOf({ page: "pair", code: "ABCD2345" }), "#/pair");
});
