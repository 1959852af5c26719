import assert from "node:assert/strict";
import { CommandsWorld, definitionsOf, valve, valveCommands } from "../lib/commands_world.ts";
import type { ServiceAnswer, WireValue } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";

/** Numbers of the built-in types (OPC 10000-6 §5.1.2). */
const type = { Boolean: 1, Int16: 4, Int32: 6, Int64: 8, Double: 11, String: 12 } as const;

const node = (path: string) => `ns=2;s=${valve}/$cmd/${path}`;

interface CallAnswer {
  readonly status: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly unknown[];
}

/** A connection with the few things that these tests do over it. */
function over(world: CommandsWorld, id: number) {
  const { client } = world;
  const call = (object: string, method: string, args: readonly unknown[]) =>
    client.call<CallAnswer>("call", { id, object, method, args });
  return {
    write: async (path: string, dataType: number, value: unknown) => {
      // arrayType 0: a scalar, which the pair of words of an Int64 does not show
      const data = { $type: "DataValue", value: { dataType, arrayType: 0, value } };
      const nodesToWrite = [{ nodeId: node(path), attributeId: 13, value: data }];
      return (await client.call<ServiceAnswer>("service", { id, service: "Write", fields: { nodesToWrite } }))
        .results[0];
    },
    read: async (path: string) => {
      const [value] = await client.call<WireValue[]>("read", { id, nodes: [node(path)] });
      assert.ok(value);
      return value;
    },
    attribute: async (path: string, attribute: string) =>
      (await client.call<WireValue[]>("read", { id, nodes: [node(path)], attribute }))[0]?.value,
    gateway: (method: string, ...texts: string[]) =>
      call("ns=2;s=Gateway", `ns=2;s=Gateway/${method}`, texts.map((value) => ({ dataType: type.String, value }))),
    call,
    browse: async (nodeId: string) =>
      (await client.call<{ nodeId: string; browseName: string; displayName: string }[]>("browse", { id, node: nodeId }))
        .map(({ browseName }) => browseName.replace(/^\d+:/, "")),
  };
}

Deno.test("commands as OPC UA clients see and send them", async (t) => {
  await using world = await CommandsWorld.open();
  const id = await world.login();
  const operator = over(world, id);
  const subscription = await world.client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
  const watch = (paths: string[]) =>
    world.client.call("monitor", { id, subscription: subscription.subscription, nodes: paths.map(node) });
  const seen = async (path: string) =>
    (await world.client.call<WireValue[]>("notifications", { id, node: node(path) })).map(({ value }) => value);

  await t.step("each enabled command is a variable of its type below the device's folder Commands", async () => {
    const names = await operator.browse(`ns=2;s=${valve}/$cmd`);
    assert.deepEqual(names.toSorted(), [
      "Counter",
      "Flush",
      "Hasty",
      "Level",
      "Mode",
      "NodeVersion",
      "Position",
      "Pulse",
      "Send Pulse",
      "Setpoint",
      "Valve",
    ]);
    assert.ok((await operator.browse(`ns=2;s=${valve}`)).includes("Commands"));
    const types = {
      Valve: type.Boolean,
      Mode: type.Int16,
      Level: type.Int16,
      Setpoint: type.Double,
      Flush: type.Boolean,
      Counter: type.Int64,
      Position: type.String,
      Pulse: type.String,
    };
    for (const [name, number] of Object.entries(types)) {
      assert.equal(await operator.attribute(name, "DataType"), `ns=0;i=${number}`, name);
      // bit 0 CurrentRead, bit 1 CurrentWrite; what takes several values is sent by its method
      assert.equal(await operator.attribute(name, "UserAccessLevel"), name === "Pulse" ? 1 : 3, name);
    }
    assert.equal((await operator.read("Valve")).statusName, "BadWaitingForInitialData");
    assert.equal((await operator.read("Valve/$status/State")).value, "none");
  });

  await t.step("ranges, units and values are the properties that the standard names for them", async () => {
    const range = await operator.read("Level/$EURange");
    assert.deepEqual([range.statusName, range.value], ["Good", { low: 0, high: 100 }]);
    assert.deepEqual((await operator.read("Setpoint/$EURange")).value, { low: -20, high: 40 });
    const unit = (await operator.read("Setpoint/$EngineeringUnits")).value as { displayName: { text: string } };
    assert.equal(unit.displayName.text, "°C");
    const values = (await operator.read("Mode/$EnumValues")).value as { displayName: { text: string } }[];
    assert.deepEqual(values.map(({ displayName }) => displayName.text), ["0", "1", "2"]);
    assert.deepEqual((await operator.read("Position/$AllowedValues")).value, ["open", "close", "ajar"]);
  });

  await t.step("a value that is written is a command, and its way is pushed", async () => {
    await watch(["Valve", "Valve/$status/State", "Valve/$status/LastId"]);
    const before = Date.now();
    assert.equal(await operator.write("Valve", type.Boolean, true), "GoodCompletesAsynchronously");
    await world.reaches("Valve", "queued");
    assert.equal((await operator.read("Valve")).statusName, "BadWaitingForInitialData");
    assert.equal((await operator.read("Valve/$status/Requested")).value, true);
    world.uplink();
    await world.reaches("Valve", "transmitted");
    world.uplink();
    await world.reaches("Valve", "acked");
    assert.deepEqual(world.received(), ["01"]);
    const value = await operator.read("Valve");
    assert.deepEqual([value.statusName, value.value], ["Good", true]);
    const acked = world.commands.newest(valve, "Valve");
    assert.equal(value.sourceUs, acked?.updatedUs);
    assert.ok((value.sourceUs ?? 0) >= before * 1000);
    const states: unknown[] = [];
    await waitFor("the last state", async () => {
      states.push(...await seen("Valve/$status/State"));
      return states.at(-1) === "acked";
    });
    assert.deepEqual(states, ["none", "pending", "queued", "transmitted", "acked"]);
    assert.deepEqual((await seen("Valve/$status/LastId")).at(-1), acked?.id);
  });

  await t.step("an equal value is another command", async () => {
    assert.equal(await operator.write("Valve", type.Boolean, true), "GoodCompletesAsynchronously");
    assert.equal(await operator.write("Valve", type.Boolean, true), "GoodCompletesAsynchronously");
    const open = world.commands.list({ devEui: valve, open: true, limit: 9 }).toReversed();
    assert.equal(open.length, 2);
    for (const { id } of open) await world.deliver(id);
    await world.reaches("Valve", "acked");
    assert.deepEqual(world.received(), ["01", "01", "01"]);
  });

  await t.step("one of several values is told as text, too", async () => {
    assert.equal((await operator.read("Mode/$ValueAsText")).statusName, "BadWaitingForInitialData");
    await watch(["Mode/$ValueAsText"]);
    assert.equal(await operator.write("Mode", type.Int16, 2), "GoodCompletesAsynchronously");
    await world.reaches("Mode", "queued");
    world.uplink();
    await world.reaches("Mode", "transmitted");
    assert.equal((await operator.read("Mode")).value, 2);
    const texts: unknown[] = [];
    await waitFor("the text", async () => {
      texts.push(...await seen("Mode/$ValueAsText"));
      return texts.length >= 2;
    });
    assert.equal((texts.at(-1) as { text: string } | null)?.text, "2");
  });

  await t.step("what does not fit is refused with the reason, and nothing is sent", async () => {
    const sent = world.commands.list({ limit: 1000 }).length;
    assert.equal(await operator.write("Level", type.Int16, 101), "BadOutOfRange");
    assert.equal(await operator.write("Level", type.Int32, 1), "BadTypeMismatch");
    assert.equal(await operator.write("Level", type.Double, 1), "BadTypeMismatch");
    assert.equal(await operator.write("Mode", type.Int16, 3), "BadOutOfRange");
    assert.equal(await operator.write("Setpoint", type.Double, 40.5), "BadOutOfRange");
    assert.equal(await operator.write("Counter", type.Int64, [0, 0xffff_ffff]), "GoodCompletesAsynchronously");
    assert.equal(await operator.write("Counter", type.Int64, [1, 0]), "BadOutOfRange");
    assert.equal(await operator.write("Counter", type.Int64, [0x4000_0000, 0]), "BadOutOfRange");
    assert.equal(await operator.write("Position", type.String, "half"), "BadOutOfRange");
    assert.equal(await operator.write("Flush", type.Boolean, false), "BadOutOfRange");
    assert.equal(await operator.write("Pulse", type.String, "{}"), "BadNotWritable");
    assert.equal(await operator.write("Valve/$status/State", type.String, "acked"), "BadNotWritable");
    assert.equal(await operator.write("Hidden", type.Int16, 1), "BadNodeIdUnknown");
    assert.equal(world.commands.list({ limit: 1000 }).length, sent + 1);
  });

  await t.step("a write of a status, of times or of a part is not supported", async () => {
    const value = { dataType: type.Boolean, value: true };
    const write = async (item: Record<string, unknown>) => {
      const answer = await world.client.call<ServiceAnswer>("service", {
        id,
        service: "Write",
        fields: { nodesToWrite: [{ nodeId: node("Valve"), attributeId: 13, ...item }] },
      });
      return answer.results[0];
    };
    const data = (more: Record<string, unknown>) => ({ value: { $type: "DataValue", value, ...more } });
    const sent = world.commands.list({ limit: 1000 }).length;
    assert.equal(await write(data({ sourceTimestamp: { $date: 1 } })), "BadWriteNotSupported");
    assert.equal(await write(data({ serverTimestamp: { $date: 1 } })), "BadWriteNotSupported");
    assert.equal(await write(data({ statusCode: { value: 0x40000000 } })), "BadWriteNotSupported");
    assert.equal(await write({ ...data({}), indexRange: "0:1" }), "BadWriteNotSupported");
    assert.equal(
      await write({ value: { $type: "DataValue", value: { dataType: 1, arrayType: 1, value: [true] } } }),
      "BadTypeMismatch",
    );
    assert.equal(world.commands.list({ limit: 1000 }).length, sent);
  });

  await t.step("one Write may hold commands beside other nodes, each with its own answer", async () => {
    const item = (nodeId: string, dataType: number, value: unknown) => ({
      nodeId,
      attributeId: 13,
      value: { $type: "DataValue", value: { dataType, value } },
    });
    const answer = await world.client.call<ServiceAnswer>("service", {
      id,
      service: "Write",
      fields: {
        nodesToWrite: [
          item("ns=2;s=Gateway/Verdict", type.String, "ok"),
          item(node("Mode"), type.Int16, 1),
          item("ns=2;s=nowhere", type.String, ""),
          item(node("Mode"), type.Int16, 7),
        ],
      },
    });
    assert.deepEqual(answer.results, [
      "BadNotWritable",
      "GoodCompletesAsynchronously",
      "BadNodeIdUnknown",
      "BadOutOfRange",
    ]);
  });

  await t.step("a trigger is sent by writing true, and a command with several values by its method", async () => {
    assert.equal(await operator.write("Flush", type.Boolean, true), "GoodCompletesAsynchronously");
    const send = (position: number, seconds: number) =>
      operator.call(`ns=2;s=${valve}/$cmd`, node("Pulse/$send"), [
        { dataType: type.Int16, value: position },
        { dataType: type.Int16, value: seconds },
      ]);
    const answer = await send(50, 600);
    assert.equal(answer.status, "Good");
    assert.equal(world.commands.newest(valve, "Pulse")?.id, answer.outputs[0]);
    assert.deepEqual(await send(101, 600), {
      status: "BadInvalidArgument",
      inputs: ["BadOutOfRange", "Good"],
      outputs: [],
    });
    const wrongType = await operator.call(`ns=2;s=${valve}/$cmd`, node("Pulse/$send"), [
      { dataType: type.Int16, value: 1 },
      { dataType: type.Double, value: 1 },
    ]);
    assert.deepEqual([wrongType.status, wrongType.inputs], ["BadInvalidArgument", ["Good", "BadTypeMismatch"]]);
    assert.equal((await operator.read("Pulse/$status/Requested")).value, '{"position":50,"seconds":600}');
  });

  await t.step("SendCommand, GetCommand and CancelCommand", async () => {
    const sent = await operator.gateway("SendCommand", valve, "Pulse", '{"position": 1, "seconds": 2}', "key-1");
    assert.equal(sent.status, "Good");
    const [commandId] = sent.outputs as [string];
    const again = await operator.gateway("SendCommand", valve, "5", '{"seconds": 2, "position": 1}', "key-1");
    assert.deepEqual(again.outputs, [commandId], "the same key gives the same command");
    const reused = await operator.gateway("SendCommand", valve, "Pulse", '{"position": 9, "seconds": 2}', "key-1");
    assert.equal(reused.status, "BadEntryExists");

    const told = await operator.gateway("GetCommand", commandId);
    const command = world.commands.get(commandId);
    assert.deepEqual(told.outputs, [
      "pending",
      "",
      valve,
      "Pulse",
      '{"position":1,"seconds":2}',
      new Date((command?.createdUs ?? 0) / 1000).toISOString(),
      new Date((command?.updatedUs ?? 0) / 1000).toISOString(),
    ]);
    assert.deepEqual((await operator.gateway("CancelCommand", commandId)).outputs, ["cancelled"]);
    assert.equal((await operator.gateway("CancelCommand", commandId)).status, "BadInvalidState");
    assert.equal((await operator.gateway("GetCommand", "nothing")).status, "BadNotFound");

    const status = async (...args: string[]) => {
      const { status, inputs } = await operator.gateway("SendCommand", ...args, "");
      return [status, ...inputs.filter((one) => one !== "Good")];
    };
    assert.deepEqual(await status(valve, "Mode", "1"), ["Good"]);
    assert.deepEqual(await status(valve, "Flush", ""), ["Good"]);
    assert.deepEqual(await status(valve, "Position", '"open"'), ["Good"]);
    assert.deepEqual(await status("0000000000000000", "Mode", "1"), ["BadNotFound"]);
    assert.deepEqual(await status(valve, "Explode", "1"), ["BadNotFound"]);
    assert.deepEqual(await status(valve, "Hidden", "1"), ["BadOutOfService"]);
    assert.deepEqual(await status(valve, "Mode", "{"), ["BadInvalidArgument", "BadInvalidArgument"]);
    assert.deepEqual(await status(valve, "Mode", "[1]"), ["BadInvalidArgument", "BadInvalidArgument"]);
    assert.deepEqual(await status(valve, "Mode", "9"), ["BadInvalidArgument", "BadOutOfRange"]);
    assert.deepEqual(await status(valve, "Mode", '"1"'), ["BadInvalidArgument", "BadTypeMismatch"]);
    assert.deepEqual(await status(valve, "Mode", "{}"), ["BadInvalidArgument", "BadArgumentsMissing"]);
    assert.deepEqual(await status("", "Mode", "1"), ["BadInvalidArgument", "BadOutOfRange"]);
  });

  await t.step("nodes follow changed definitions under the open session", async () => {
    await world.client.call("monitorEvents", {
      id,
      subscription: subscription.subscription,
      type: "ns=0;i=2133",
      fields: ["EventType", "Changes"],
    });
    await watch(["Level", "Mode/$status/State"]);
    await seen("Mode/$status/State");
    const [, mode, level, ...rest] = valveCommands;
    world.commands.define(
      definitionsOf([{ ...level, max: 40_000, command_port: 33 }, { ...mode, enum: [0, 5] }, ...rest]),
    );
    await world.server.handle.follow();
    assert.equal(await operator.attribute("Level", "DataType"), `ns=0;i=${type.Int32}`);
    assert.equal(await operator.write("Mode", type.Int16, 5), "GoodCompletesAsynchronously");
    assert.equal(await operator.write("Valve", type.Boolean, true), "BadNodeIdUnknown");
    await waitFor("the model change", async () => (await world.client.call<unknown[]>("events", { id })).length > 0);
    await waitFor("the item that goes on", async () => (await seen("Mode/$status/State")).includes("pending"));
    world.commands.define(definitionsOf([], []));
    await world.server.handle.follow();
    assert.equal(await operator.attribute("Level", "DataType"), null);
    // neither device has metrics: their commands alone keep them
    assert.deepEqual(await operator.browse(`ns=2;s=${valve}`), []);
    await waitFor(
      "the end of the device's nodes",
      async () => JSON.stringify(await world.client.call<unknown[]>("events", { id })).includes(`ns=2;s=${valve}`),
    );
    world.commands.define(definitionsOf());
    await world.server.handle.follow();
    assert.equal(await operator.attribute("Valve", "DataType"), `ns=0;i=${type.Boolean}`);
  });
});

Deno.test("roles and limits decide before anything is stored, and the record says who asked from where", async (t) => {
  await using world = await CommandsWorld.open({ limits: { max_pending_per_device: 3 } });
  const viewer = over(world, await world.login("viewer"));
  const operator = over(world, await world.login());

  await t.step("a viewer sees commands and sends none", async () => {
    assert.equal(await viewer.attribute("Valve", "UserAccessLevel"), 1);
    assert.equal(await viewer.attribute("Valve", "AccessLevel"), 3);
    assert.equal(await viewer.write("Valve", type.Boolean, true), "BadUserAccessDenied");
    assert.equal((await viewer.gateway("SendCommand", valve, "Valve", "true", "")).status, "BadUserAccessDenied");
    assert.equal((await viewer.gateway("CancelCommand", "x")).status, "BadUserAccessDenied");
    const method = await viewer.call(`ns=2;s=${valve}/$cmd`, node("Pulse/$send"), [
      { dataType: type.Int16, value: 1 },
      { dataType: type.Int16, value: 1 },
    ]);
    assert.equal(method.status, "BadUserAccessDenied");
    assert.deepEqual(world.commands.list({ limit: 10 }), []);
    assert.equal((await viewer.gateway("GetCommand", "x")).status, "BadNotFound");
  });

  await t.step("limits", async () => {
    for (let n = 0; n < 3; n++) {
      assert.equal(await operator.write("Mode", type.Int16, n), "GoodCompletesAsynchronously");
    }
    assert.equal(await operator.write("Mode", type.Int16, 0), "BadTooManyOperations");
    assert.equal((await operator.gateway("SendCommand", valve, "Mode", "0", "")).status, "BadTooManyOperations");
  });

  await t.step("every attempt is on record with the user and the address", async () => {
    const records = await world.world.audit.tail({ limit: 200, event: "operation" });
    const summary = records.map(({ principal, role, address, transport, operation, decision, target }) =>
      [principal, role, address, transport, operation, decision, target].join(" ")
    );
    const refused = "viewer viewer 127.0.0.1 opcua";
    assert.deepEqual(summary, [
      `${refused} commands.send denied ${valve}/Valve`,
      `${refused} commands.send denied ${valve}/Valve`,
      `${refused} commands.cancel denied x`,
      `${refused} commands.send denied ${valve}/Pulse`,
      ...Array.from({ length: 5 }, () => `operator operator 127.0.0.1 opcua commands.send allowed ${valve}/Mode`),
    ]);
  });
});
