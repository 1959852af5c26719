import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { formatKeyPath } from "../../src/config/key_path.ts";
import { rules } from "../../src/config/rules.ts";
import { salvage } from "../../src/config/salvage.ts";
import { configSchema } from "../../src/config/schema.ts";
import { nodeAt } from "../../src/config/schema_tree.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import type { PolicyFacts, Unread, Unusable } from "../../src/policy/policy_facts.ts";
import { policyRules } from "../../src/policy/rules.ts";
import { draftOf, findingsOf, plainFacts, policyFixtures } from "./fixture.ts";

const fixtures = await policyFixtures();

for (const { id } of policyRules) {
  Deno.test(`policy rule ${id} tells a configuration that breaks it from one that keeps it`, () => {
    const own = fixtures.filter(({ rule }) => rule === id);
    for (const kind of ["pass", "fail"] as const) {
      assert.ok(own.some((fixture) => fixture.kind === kind), `there is no tests/policy/${id}.${kind}.toml`);
    }
    for (const { file, kind, text, facts, expected } of own) {
      // a text that the schema refuses would prove nothing
      const parsed = configSchema.safeParse(parse(text));
      assert.ok(parsed.success, `${file}: ${parsed.error}`);
      assert.equal(expected.length > 0, kind === "fail", file);
      assert.deepEqual(findingsOf(id, text, facts), expected, file);
    }
  });
}

Deno.test("rules have ids of their own, also beside those of the configuration, and every fixture has a rule", () => {
  const ids = [...policyRules, ...rules].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const known = new Set(policyRules.map(({ id }) => id));
  assert.deepEqual(fixtures.filter(({ rule }) => !known.has(rule)).map(({ file }) => file), []);
});

Deno.test("every finding names a key that exists, says what to do, and ends without a full stop", () => {
  for (const { file, text, facts } of fixtures) {
    for (const problem of evaluate(draftOf(text), facts).findings) {
      const keys = problem.at.filter((segment) => typeof segment === "string");
      assert.notEqual(nodeAt(keys), null, `${file}: ${formatKeyPath(problem.at)}`);
      for (const sentence of [problem.text, problem.fix]) {
        assert.match(sentence, /^[^]{8,}[^.]$/, `${file}: ${sentence}`);
      }
    }
  }
});

Deno.test("no finding and no exposure holds a secret", () => {
  const secret = "Xq7ZpSECRET";
  const text = `[opcua]\nhost_ip_address = "0.0.0.0"\nuser_name = "${secret}"\nuser_password = "${secret}"
[runtime.control]\nendpoint = "tcp://0.0.0.0:1"\nauth_token = "${secret}"`;
  assert.doesNotMatch(JSON.stringify(evaluate(draftOf(text), plainFacts)), /Xq7Zp/);
});

const value = fc.constantFrom<unknown>(
  ...["", "token", "local", "disabled", "self-managed", "provisioned", "require", "plant", "wan", "debug", "None"],
  ...["0.0.0.0:1", "[::]:1", "127.0.0.1:1", "tcp://0.0.0.0:1", "unix://a", "unix://", "0.0.0.0", "a.pem"],
  ...[true, false, 1, -1, [], ["None"], ["*:*"], ["tags.force:x"], {}, null, undefined],
);
const table = (keys: readonly string[]) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] }) },
    { weight: 1, arbitrary: value },
  );
const runtime = configSchema.shape.runtime.unwrap().shape;
const document = fc.record({
  opcua: table(Object.keys(configSchema.shape.opcua.unwrap().shape)),
  runtime: fc.record({
    control: table(Object.keys(runtime.control.unwrap().shape)),
    web: table(Object.keys(runtime.web.unwrap().shape)),
    tls: table(Object.keys(runtime.tls.unwrap().shape)),
    remote: table(Object.keys(runtime.remote.unwrap().shape)),
  }, { requiredKeys: [] }),
  hub: table(Object.keys(configSchema.shape.hub.unwrap().shape)),
  agent: table(Object.keys(configSchema.shape.agent.unwrap().shape)),
}, { requiredKeys: [] });
const unread = fc.constantFrom<Unread | Unusable | null>(
  null,
  { state: "missing" },
  { state: "unreadable", reason: "permission denied" },
  { state: "unusable", reason: "it is empty" },
);
const read = fc.constant("read" as const);
const known = fc.constantFrom(null, true, false);
const facts: fc.Arbitrary<PolicyFacts> = fc.record({
  role: fc.constantFrom("gateway" as const, "hub" as const),
  nowUs: fc.maxSafeInteger(),
  machine: fc.record({ addresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6())), hostname: fc.string() }),
  controlSocket: fc.oneof(fc.constant(null), fc.string({ maxLength: 200 })),
  certificate: fc.oneof(
    unread,
    fc.record({
      state: read,
      names: fc.array(fc.string()),
      notBeforeUs: fc.maxSafeInteger(),
      notAfterUs: fc.maxSafeInteger(),
      fromCa: known,
    }),
  ),
  key: fc.oneof(unread, fc.record({ state: read, mode: fc.constantFrom(null, 0o600, 0o644), matches: known })),
  ca: fc.oneof(unread, fc.record({ state: read })),
});

Deno.test("whatever parts of a configuration are there, and whatever the facts, the policy has an answer", () => {
  fc.assert(
    fc.property(document, facts, (wrong, around) => {
      const draft = salvage(configSchema, wrong);
      const { findings, exposures } = evaluate(draft, around);
      assert.deepEqual(evaluate(draft, around), { findings, exposures });
      for (const exposure of exposures) assert.ok(exposure.authentication.length > 0);
    }),
    { numRuns: 1000 },
  );
});
