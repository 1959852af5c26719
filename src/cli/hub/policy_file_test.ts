import assert from "node:assert/strict";
import { PolicyFileError, readPolicyFile, writePolicyFile } from "./policy_file.ts";

const rules = [
  {
    id: "scada",
    from: ["group:scada"],
    to: ["pump-house"],
    protocol: "tcp" as const,
    ports: [[4840, 4840], [8000, 8010]] as [number, number][],
    log: true,
    comment: "OPC UA and pages",
  },
  { id: "ping", from: ["*"], to: ["*"], protocol: "icmp" as const, ports: [], log: false, comment: "" },
];

Deno.test("what is written is read again as it was", () => {
  assert.deepEqual(readPolicyFile(writePolicyFile({ version: 7, rules })), { version: 7, rules });
  assert.deepEqual(readPolicyFile(writePolicyFile({ version: 0, rules: [] })), { version: 0, rules: [] });
});

Deno.test("TOML and JSON say the same, and one name needs no list", () => {
  const toml = `[[rule]]\nid = "a"\nfrom = "*"\nto = "plc"\nprotocol = "udp"\nports = [53, "1000-2000", [5, 6]]\n`;
  const { rules } = readPolicyFile(toml);
  assert.deepEqual(rules[0]?.ports, [[53, 53], [1000, 2000], [5, 6]]);
  assert.deepEqual(rules[0]?.from, ["*"]);
  assert.deepEqual(readPolicyFile(JSON.stringify(rules)), { version: null, rules });
  assert.deepEqual(readPolicyFile(JSON.stringify({ version: 3, rules })), { version: 3, rules });
});

Deno.test("what is no policy is refused with the place", () => {
  for (
    const [text, reason] of [
      ["[[rule]\n", /not TOML: line 1/],
      ["{", /not JSON/],
      ['[[rule]]\nid = "a"\n', /^rule\[0\]\.from/],
      ['[[rule]]\nid = "a"\nfrom = "*"\nto = "*"\nprotocol = "tcp"\nports = [0]\n', /^rule\[0\]\.ports/],
      ['[[rule]]\nid = "a"\nfrom = "*"\nto = "*"\nprotocol = "tcp"\nport = 1\n', /port/],
      ['version = 1\nrules = []\n[[rule]]\nid = "a"\nfrom = "*"\nto = "*"\nprotocol = "icmp"\n', /both/],
    ] as const
  ) {
    assert.throws(() => readPolicyFile(text), (error: Error) => {
      assert.ok(error instanceof PolicyFileError, error.message);
      assert.match(error.message, reason);
      return true;
    });
  }
});
