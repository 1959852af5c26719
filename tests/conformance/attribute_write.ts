import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CommandsWorld, valve } from "../lib/commands_world.ts";
import { PASSWORD } from "../lib/operations_world.ts";
import { suite } from "./suite.ts";
import type { World } from "./world.ts";

const command = (name: string) => `ns=2;s=${valve}/$cmd/${name}`;
const ASYNC = "GoodCompletesAsynchronously";

async function write(world: World, items: readonly Record<string, unknown>[], id?: number): Promise<string[]> {
  const answer = await world.call("Write", {
    nodesToWrite: items.map((item) => ({ attributeId: 13, ...item })),
  }, id === undefined ? {} : { id });
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return answer.results as string[];
}

const value = (dataType: number, given: unknown, more: Record<string, unknown> = {}) => ({
  value: { value: { dataType, value: given }, ...more },
});

/** Write (OPC 10000-4 §5.11.4), to the variables of commands and to what is not writable. */
export const attributeWrite = suite("Attribute Write", {
  stage: async () => {
    const commands = await CommandsWorld.open();
    return Object.assign({ server: commands.server, user: "operator", password: PASSWORD }, {
      [Symbol.asyncDispose]: () => commands[Symbol.asyncDispose](),
    });
  },
}, (conformance) => {
  conformance("Attribute Write Values", "a number within its range is taken", async (world) => {
    deepStrictEqual(await write(world, [{ nodeId: command("Level"), ...value(4, 42) }]), [ASYNC]);
  });
  conformance("Attribute Write Values", "the same number again is another command", async (world) => {
    deepStrictEqual(await write(world, [{ nodeId: command("Level"), ...value(4, 42) }]), [ASYNC]);
  });
  conformance("Attribute Write Values", "a text of the list is taken", async (world) => {
    deepStrictEqual(await write(world, [{ nodeId: command("Position"), ...value(12, "open") }]), [ASYNC]);
  });
  const refused: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
    ["a text for a number", { nodeId: command("Level"), ...value(12, "42") }, ["BadTypeMismatch"]],
    ["a Boolean for a number", { nodeId: command("Level"), ...value(1, true) }, ["BadTypeMismatch"]],
    ["a number for a text", { nodeId: command("Position"), ...value(6, 1) }, ["BadTypeMismatch"]],
    ["an array for a number", {
      nodeId: command("Level"),
      value: { value: { dataType: 4, arrayType: 1, value: [1, 2] } },
    }, ["BadTypeMismatch"]],
    ["nothing for a number", { nodeId: command("Level"), value: {} }, ["BadTypeMismatch"]],
    ["null for a number", { nodeId: command("Level"), ...value(0, null) }, ["BadTypeMismatch"]],
    ["a number below the range", { nodeId: command("Level"), ...value(4, -1) }, ["BadOutOfRange"]],
    ["a number above the range", { nodeId: command("Level"), ...value(4, 101) }, ["BadOutOfRange"]],
    ["a number that is not in the list", { nodeId: command("Mode"), ...value(4, 3) }, ["BadOutOfRange"]],
    ["a text that is not in the list", { nodeId: command("Position"), ...value(12, "sideways") }, ["BadOutOfRange"]],
    ["an unknown node", { nodeId: "ns=2;s=nothing", ...value(4, 1) }, ["BadNodeIdUnknown"]],
    ["a command that is switched off", { nodeId: command("Hidden"), ...value(4, 1) }, ["BadNodeIdUnknown"]],
    ["an attribute that the node has not", { nodeId: command("Level"), attributeId: 8, ...value(1, true) }, [
      "BadAttributeIdInvalid",
      "BadNotWritable",
    ]],
    ["the display name", {
      nodeId: command("Level"),
      attributeId: 4,
      value: { value: { dataType: 21, value: { $type: "LocalizedText", text: "x" } } },
    }, ["BadNotWritable", "BadWriteNotSupported", "BadUserAccessDenied"]],
    ["the access level", { nodeId: command("Level"), attributeId: 17, ...value(3, 1) }, [
      "BadNotWritable",
      "BadWriteNotSupported",
      "BadUserAccessDenied",
    ]],
    ["the server's state", { nodeId: "i=2259", ...value(6, 1) }, ["BadNotWritable", "BadUserAccessDenied"]],
    ["the value of an object", { nodeId: `ns=2;s=${valve}`, ...value(6, 1) }, [
      "BadAttributeIdInvalid",
      "BadNotWritable",
      "BadUserAccessDenied",
    ]],
    ["an index range of a number", { nodeId: command("Level"), indexRange: "0", ...value(4, 1) }, [
      "BadWriteNotSupported",
      "BadIndexRangeNoData",
      "BadIndexRangeInvalid",
    ]],
  ];
  for (const [what, item, statuses] of refused) {
    conformance("Attribute Write Values", `${what} is ${statuses.join(" or ")}`, async (world) => {
      const [status = ""] = await write(world, [item]);
      ok(statuses.includes(status), status);
    });
  }
  conformance("Attribute Write Values", "a refused item does not fail its neighbours", async (world) => {
    deepStrictEqual(
      await write(world, [
        { nodeId: command("Level"), ...value(4, 200) },
        { nodeId: command("Level"), ...value(4, 20) },
        { nodeId: "ns=2;s=nothing", ...value(4, 20) },
      ]),
      ["BadOutOfRange", ASYNC, "BadNodeIdUnknown"],
    );
  });
  conformance("Attribute Write Values", "who may only read is refused: BadUserAccessDenied", async (world) => {
    const id = await world.connect({ user: "viewer", password: PASSWORD });
    deepStrictEqual(await write(world, [{ nodeId: command("Level"), ...value(4, 42) }], id), ["BadUserAccessDenied"]);
    await world.client.call("close", { id });
  });
  conformance(
    "Attribute Write Values",
    "AccessLevel says that it is writable, UserAccessLevel for whom",
    async (world) => {
      const levels = async (id?: number) => {
        const { results } = await world.call("Read", {
          nodesToRead: [17, 18].map((attributeId) => ({ nodeId: command("Level"), attributeId })),
        }, id === undefined ? {} : { id });
        return results.map((result: { value: { value: number } }) => (result.value.value & 2) !== 0);
      };
      deepStrictEqual(await levels(), [true, true]);
      const id = await world.connect({ user: "viewer", password: PASSWORD });
      deepStrictEqual(await levels(id), [true, false]);
      await world.client.call("close", { id });
    },
  );
  conformance("Attribute Write Values", "the data type of a command is the one that is taken", async (world) => {
    const { results } = await world.call("Read", {
      nodesToRead: ["Level", "Position"].map((name) => ({ nodeId: command(name), attributeId: 14 })),
    });
    deepStrictEqual(results.map((result: { value: { value: string } }) => result.value.value), [
      "ns=0;i=4",
      "ns=0;i=12",
    ]);
  });
  for (
    const [what, more] of [
      ["a status", { statusCode: true }],
      ["a source time", { sourceTimestamp: { $date: 1_700_000_000_000 } }],
      ["a server time", { serverTimestamp: { $date: 1_700_000_000_000 } }],
    ] as const
  ) {
    conformance(
      "Attribute Write StatusCode & Timestamp",
      `a value with ${what} is BadWriteNotSupported`,
      async (world) => {
        const fields = {
          nodesToWrite: [{
            nodeId: command("Level"),
            attributeId: 13,
            ...value(4, 1, "statusCode" in more ? {} : more),
          }],
        };
        const answer = await world.call(
          "Write",
          fields,
          "statusCode" in more
            ? { unchecked: { "nodesToWrite.0.value.statusCode": { $status: "UncertainInitialValue" } } }
            : {},
        );
        deepStrictEqual(answer.results, ["BadWriteNotSupported"]);
      },
    );
  }
});
