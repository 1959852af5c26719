import type { Suite } from "./suite.ts";
import { type Claim, type UnitName, units } from "./units.ts";

/** The page `docs/opcua-conformance.md`: every unit of the table with what we say of it and how many tests say so. */
export function conformancePage(suites: readonly Suite[]): string {
  const tests = new Map<string, number>();
  for (const { unit } of suites.flatMap(({ cases }) => cases)) tests.set(unit, (tests.get(unit) ?? 0) + 1);
  const names = Object.keys(units) as UnitName[];
  const of = (status: Claim["status"]) => names.filter((name) => units[name].claim.status === status).length;
  const facets = [...new Set(names.map((name) => units[name].facet))];
  return [
    "# OPC UA conformance",
    "",
    "<!-- Written by tests/conformance/write_conformance_page.ts from tests/conformance/units.ts; a test compares. -->",
    "",
    "The compliance units of the Standard 2017 UA Server Profile (OPC 10000-7) and of the facets beyond it, each with the",
    "tests of ours that check it against a real client in another process or, for transport, byte by byte. This is no",
    "certificate: the tests are ours, not the OPC Foundation's. Everything that the profile demands is offered; one unit of",
    "it, UA Secure Conversation, with limits in how a few faulty messages are answered, which its row names.",
    "",
    `${of("passed")} units passed, ${of("limited")} limited, ${of("not offered")} not offered; ` +
    `${[...tests.values()].reduce((sum, count) => sum + count, 0)} tests.`,
    ...facets.flatMap((facet) => [
      "",
      `## ${facet}`,
      "",
      "| unit | demanded | status | tests | |",
      "| --- | --- | --- | --- | --- |",
      ...names.filter((name) => units[name].facet === facet).map((name) => {
        const { optional, claim } = units[name];
        const reason = claim.status === "passed" ? "" : claim.reason;
        return `| ${name} | ${optional ? "no" : "yes"} | ${claim.status} | ${tests.get(name) ?? ""} | ${reason} |`;
      }),
    ]),
    "",
  ].join("\n");
}
