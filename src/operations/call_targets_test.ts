import assert from "node:assert/strict";
import type { Caller } from "../access/principal.ts";
import { operations } from "../policy/operations.ts";
import { callTargets, type CommandNames } from "./call_targets.ts";

const commands: CommandNames = {
  named: (device, command) => `${device.toLowerCase()}/${command === "1" ? "Valve" : command}`,
  sent: (id) => id === "known" ? "00ff/Valve" : null,
};
const caller: Caller = { principal: null, transport: "http", address: "192.0.2.7" };

Deno.test("a call acts on what its parameters name, and on every key that it sets", () => {
  assert.deepEqual(callTargets("tags.force", { id: "a/b", value: 3 }, caller, commands), ["a/b"]);
  assert.deepEqual(callTargets("config.restore", { version: 3 }, caller, commands), ["3"]);
  assert.deepEqual(callTargets("setup.claim", { code: "secret", user: "anna" }, caller, commands), ["anna"]);
  assert.deepEqual(callTargets("pair.claim", { code: "secret" }, caller, commands), [null]);
  assert.deepEqual(callTargets("config.set", { set: { "a.b": "1", "c.d": "2" } }, caller, commands), ["a.b", "c.d"]);
  assert.deepEqual(callTargets("commands.send", { device: "00FF", command: 1 }, caller, commands), ["00ff/Valve"]);
  assert.deepEqual(callTargets("commands.send", { device: "00FF" }, caller, commands), [null]);
  assert.deepEqual(callTargets("commands.cancel", { id: "known" }, caller, commands), ["00ff/Valve"]);
  assert.deepEqual(callTargets("commands.cancel", { id: "other" }, caller, commands), ["other"]);
});

Deno.test("parameters of any shape give targets of bounded size", () => {
  const strange = [
    null,
    undefined,
    3,
    "text",
    [],
    {},
    { id: null, name: {}, set: [] },
    { id: ["a"], set: "text", version: true, user: () => {} },
    { id: "x".repeat(10_000), name: "x".repeat(10_000), set: { ["k".repeat(10_000)]: "1" } },
    { set: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, "1"])) },
  ];
  for (const name of Object.keys(operations) as (keyof typeof operations)[]) {
    for (const params of strange) {
      const targets = callTargets(name, params, caller, commands);
      assert.ok(targets.length >= 1 && targets.length <= 64, name);
      for (const target of targets) assert.ok(target === null || target.length <= 256, name);
    }
  }
});
