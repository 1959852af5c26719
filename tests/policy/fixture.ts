import { parse } from "smol-toml";
import { salvage } from "../../src/config/salvage.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import type { Draft } from "../../src/config/salvage.ts";
import { formatKeyPath } from "../../src/config/key_path.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import type { PolicyFacts } from "../../src/policy/policy_facts.ts";

/** A configuration that breaks or keeps a rule, and the facts around it. */
export interface PolicyFixture {
  readonly file: string;
  readonly rule: string;
  readonly kind: "pass" | "fail";
  /** Severity and key path of every finding of the rule. */
  readonly expected: readonly string[];
  readonly text: string;
  readonly facts: PolicyFacts;
}

/** A machine with one network, on which nothing was read. */
export const plainFacts: PolicyFacts = {
  role: "gateway",
  nowUs: 1_800_000_000_000_000,
  machine: { addresses: ["127.0.0.1", "192.168.1.20", "::1"], hostname: "plant-gw" },
  controlSocket: "/var/lib/edgekeep/control.sock",
  certificate: null,
  key: null,
  ca: null,
};

/**
 * Reads the fixtures beside this file: `<rule>[.<variant>].pass.toml` and `….fail.toml`. Comments at the top hold what
 * is expected (`# expect: <severity> <key path>`, one a finding) and facts that differ from {@link plainFacts}
 * (`# facts: <JSON>`).
 */
export async function policyFixtures(): Promise<PolicyFixture[]> {
  const folder = new URL("./", import.meta.url);
  const fixtures: PolicyFixture[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".toml")) continue;
    const found = /^(\w+)(?:\.\w+)?\.(pass|fail)\.toml$/.exec(name);
    if (found === null) throw new Error(`Cannot tell which rule ${name} belongs to`);
    const text = await Deno.readTextFile(new URL(name, folder));
    fixtures.push({
      file: name,
      rule: found[1] ?? "",
      kind: found[2] === "pass" ? "pass" : "fail",
      expected: [...text.matchAll(/^# expect: (.+)$/gm)].map((match) => match[1] ?? ""),
      text,
      facts: { ...plainFacts, ...JSON.parse(/^# facts: (.+)$/m.exec(text)?.[1] ?? "{}") },
    });
  }
  return fixtures.sort((a, b) => a.file < b.file ? -1 : 1);
}

/** The valid parts of a configuration. */
export function draftOf(text: string): Draft<Config> {
  return salvage(configSchema, parse(text));
}

/** Severity and key path of every finding of a rule. */
export function findingsOf(rule: string, text: string, facts: PolicyFacts): string[] {
  return evaluate(draftOf(text), facts).findings.filter((problem) => problem.rule === rule)
    .map(({ severity, at }) => `${severity} ${formatKeyPath(at)}`);
}
