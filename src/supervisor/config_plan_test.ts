import assert from "node:assert/strict";
import { type Config, configSchema } from "../config/schema.ts";
import { planTakeOver } from "./config_plan.ts";
import { gatewayGrants } from "./permissions.ts";

const metric = (name: string, more: Record<string, unknown> = {}) => ({
  metric_name: name,
  chirpstack_metric_name: name,
  metric_type: "Float",
  ...more,
});
const device = (id: number, read_metric: Record<string, unknown>[], more: Record<string, unknown> = {}) => ({
  device_id: id.toString(16).padStart(16, "0"),
  device_name: `Device ${id}`,
  read_metric,
  ...more,
});
const config = (devices: Record<string, unknown>[], more: Record<string, unknown> = {}) =>
  configSchema.parse({
    application: [{ application_id: "1", application_name: "Plant", device: devices }],
    ...more,
  });

Deno.test("whatever changes below the applications is live: nothing restarts, no session drops", () => {
  const running = config([device(1, [metric("a")]), device(2, [metric("a")])]);
  const valve = { command_id: 1, command_name: "Valve", command_port: 10 };
  for (
    const [what, next] of [
      ["a device", config([device(1, [metric("a")]), device(2, [metric("a")]), device(3, [metric("a")])])],
      ["a device less", config([device(2, [metric("a")])])],
      ["a metric", config([device(1, [metric("a"), metric("b")]), device(2, [metric("a")])])],
      [
        "another place in the message",
        config([
          device(1, [metric("a", { chirpstack_metric_name: "x" })]),
          device(2, [metric("a")]),
        ]),
      ],
      ["another type", config([device(1, [metric("a", { metric_type: "String" })]), device(2, [metric("a")])])],
      [
        "an alarm and an alias",
        config([
          device(1, [metric("a", { alarm: { hi: 1 }, alias: "A" })]),
          device(2, [metric("a")]),
        ]),
      ],
      ["a command", config([device(1, [metric("a")], { command: [valve] }), device(2, [metric("a")])])],
      [
        "thresholds",
        config([device(1, [metric("a")]), device(2, [metric("a")])], {
          opcua: { stale_threshold_seconds: 5 },
          storage: { retention_days: 30 },
          alarms: { stale_devices: false },
          commands: { max_per_minute: 1 },
        }),
      ],
    ] as const
  ) {
    const { effect, restart, replace, changes } = planTakeOver(running, next, [], () => []);
    assert.ok(changes.length > 0, what);
    assert.deepEqual([effect, restart, replace], ["live", [], false], what);
    assert.ok(changes.every((change) => change.effect === "live"), what);
  }
});

Deno.test("a command that moves in the file is no change of those behind it", () => {
  const command = (name: string, id: number) => ({ command_id: id, command_name: name, command_port: 10 });
  const running = config([device(1, [], { command: [command("A", 1), command("B", 2)] })]);
  const next = config([device(1, [], { command: [command("B", 2)] })]);
  const { changes } = planTakeOver(running, next, [], () => []);
  assert.equal(changes.length, 1, JSON.stringify(changes));
});

Deno.test("another discovery server needs another worker, none needs OPC UA alone restarted", () => {
  const opcua = (more: Record<string, unknown>) => config([], { opcua: more });
  const one = { discovery_server_url: "opc.tcp://one.plant:4840" };
  const grantsOf = (next: Config) => gatewayGrants(next, { codePaths: [] });
  for (
    const [before, after, effect] of [
      [{}, one, "worker"],
      [one, { discovery_server_url: "opc.tcp://two.plant:4840" }, "worker"],
      [one, { discovery_server_url: "opc.tcp://one.plant:4841" }, "worker"],
      [one, { discovery_server_url: "opc.tcp://one.plant:4840/UADiscovery" }, "opcua"],
      [one, { ...one, discovery_register_seconds: 30 }, "opcua"],
      [one, {}, "opcua"],
    ] as const
  ) {
    const running = opcua(before);
    const plan = planTakeOver(running, opcua(after), grantsOf(running), grantsOf);
    assert.deepEqual([plan.effect, plan.restart, plan.replace], [effect, ["opcua"], effect === "worker"]);
  }
});
