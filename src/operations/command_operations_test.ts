import assert from "node:assert/strict";
import { OperationsWorld, REMOTE, testValve } from "../../tests/lib/operations_world.ts";

const DEVICE = testValve.devEui;

Deno.test("a command is sent, found, listed and taken back", async () => {
  await using world = await OperationsWorld.open();
  const operator = world.caller("operator");
  const [definition] = (await world.result("commands.definitions", { device: DEVICE.toUpperCase() })).items;
  assert.deepEqual([definition.name, definition.payload, definition.newest], ["Test valve", "valve", null]);
  const sent = await world.result("commands.send", { device: DEVICE.toUpperCase(), command: 1, args: true }, operator);
  assert.deepEqual([sent.state, sent.payload, sent.args, sent.by], [
    "pending",
    "01",
    { value: true },
    "operator of the test",
  ]);
  const { steps, ...got } = await world.result("commands.get", { id: sent.id });
  assert.deepEqual({ ...got, repeated: false }, sent);
  assert.deepEqual(steps.map(({ state }: { state: string }) => state), ["pending"]);
  const named = { device: DEVICE, command: "Test valve", args: { value: false }, key: "k1" };
  const second = await world.result("commands.send", named, operator);
  assert.equal((await world.result("commands.send", named, operator)).id, second.id);
  const first = await world.result("commands.list", { device: DEVICE, command: "1", limit: 1, which: "open" });
  assert.deepEqual([first.items[0].id, first.items.length], [second.id, 1]);
  const rest = await world.result("commands.list", { before: first.next });
  assert.deepEqual([rest.items.map(({ id }: { id: string }) => id), rest.next], [[sent.id], null]);
  assert.equal((await world.result("commands.cancel", { id: sent.id }, operator)).state, "cancelled");
  assert.equal((await world.result("commands.list", { which: "ended" })).items[0].id, sent.id);
  const again = await world.call("commands.cancel", { id: sent.id }, operator);
  assert.ok(!again.ok && again.code === "conflict");
});

Deno.test("a refused command says which parameter does not fit and why, for people and for programs", async () => {
  await using world = await OperationsWorld.open();
  const refused = async (params: Record<string, unknown>) => {
    const answer = await world.call("commands.send", { device: DEVICE, command: "Test valve", args: true, ...params });
    assert.ok(!answer.ok);
    assert.ok(answer.fix);
    const reason = (answer.details as { reason?: string } | undefined)?.reason ?? null;
    return [answer.code, answer.field ?? null, reason];
  };
  assert.deepEqual(await refused({ device: "ff" }), ["not_found", "device", "unknown_device"]);
  assert.deepEqual(await refused({ command: "Pump" }), ["not_found", "command", "unknown_command"]);
  assert.deepEqual(await refused({ args: {} }), ["bad_params", "args.value", "missing_argument"]);
  assert.deepEqual(await refused({ args: 1 }), ["bad_params", "args.value", "wrong_type"]);
  assert.deepEqual(await refused({ args: { value: true, x: 1 } }), ["bad_params", "args.x", "unknown_argument"]);
  assert.deepEqual(await refused({ args: null }), ["bad_params", "args", null]);
  assert.deepEqual(await refused({ ["x"]: 1 }), ["bad_params", "x", null]);
  await world.result("commands.send", { device: DEVICE, command: "Test valve", args: true, key: "k" });
  assert.deepEqual(await refused({ args: false, key: "k" }), ["conflict", "key", "key_reused"]);
});

Deno.test("the audit tells who sent which command to what, and that it was refused", async () => {
  await using world = await OperationsWorld.open();
  const operator = world.caller("operator", REMOTE);
  const sent = await world.result("commands.send", { device: DEVICE.toUpperCase(), command: 1, args: true }, operator);
  const [record] = await world.audit.tail({ limit: 1 });
  assert.deepEqual(
    [record?.operation, record?.target, record?.principal, record?.address, record?.outcome, record?.fields],
    ["commands.send", `${DEVICE}/Test valve`, "operator of the test", REMOTE, "ok", {
      args: '{"value":true}',
      command_id: sent.id,
      device: DEVICE,
    }],
  );
  await world.call("commands.send", { device: DEVICE, command: 1, args: "x".repeat(1024) }, operator);
  const [refused] = await world.audit.tail({ limit: 1 });
  assert.equal(refused?.outcome, "bad_params");
  assert.ok(String(refused?.fields?.args).length <= 512);
  await world.call("commands.cancel", { id: sent.id }, operator);
  assert.equal((await world.audit.tail({ limit: 1 }))[0]?.target, `${DEVICE}/Test valve`);
});

Deno.test("profile wan lets other machines send and take back the commands that are named, however they name them", async () => {
  const remote = { profile: "wan", allow_write: [`commands.*:${DEVICE}/Test valve`] };
  await using world = await OperationsWorld.open({ config: { runtime: { remote } } });
  const operator = world.caller("operator", REMOTE);
  const sent = await world.result(
    "commands.send",
    { device: DEVICE.toUpperCase(), command: "1", args: true },
    operator,
  );
  await world.result("commands.cancel", { id: sent.id }, operator);
  const other = await world.call("commands.send", { device: DEVICE, command: "Pump", args: true }, operator);
  assert.ok(!other.ok && other.code === "permission_denied");
});
