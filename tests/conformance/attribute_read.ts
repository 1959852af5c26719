import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { AttributeIds } from "node-opcua";
import { suite } from "./suite.ts";
import { DEV, nodes, type World } from "./world.ts";

type Attribute = keyof typeof AttributeIds;

/** A DataValue as the client process hands it over. */
export interface ReadResult {
  readonly value: { readonly dataType: number; readonly array: boolean; readonly value: unknown } | null;
  readonly status: string;
  readonly source: number | null;
  readonly server: number | null;
}

/** Reads one attribute of one node. */
export async function readOne(
  world: World,
  nodeId: string,
  attribute: Attribute | number = "Value",
  more: Record<string, unknown> = {},
  request: Record<string, unknown> = {},
): Promise<ReadResult> {
  const attributeId = typeof attribute === "number" ? attribute : AttributeIds[attribute];
  const answer = await world.call("Read", {
    nodesToRead: [{ nodeId, ...more }],
    timestampsToReturn: 2,
    ...request,
  }, { unchecked: { "nodesToRead.0.attributeId": attributeId } });
  strictEqual(answer.responseHeader.serviceResult, "Good");
  strictEqual(answer.results.length, 1);
  return answer.results[0] as ReadResult;
}

const base: readonly Attribute[] = ["NodeId", "NodeClass", "BrowseName", "DisplayName"];
/** Node classes with the attributes they must have (OPC 10000-3 §5, tables of the node classes), and some they cannot. */
const classes: readonly (readonly [string, string, number, readonly Attribute[], readonly Attribute[]])[] = [
  ["an Object", "i=2253", 1, ["EventNotifier"], ["Value", "DataType", "IsAbstract", "Executable", "InverseName"]],
  [
    "a Variable",
    nodes.temperature,
    2,
    ["Value", "DataType", "ValueRank", "AccessLevel", "UserAccessLevel", "Historizing"],
    ["EventNotifier", "IsAbstract", "Executable", "InverseName", "ContainsNoLoops"],
  ],
  ["a Method", "i=11492", 4, ["Executable", "UserExecutable"], ["Value", "EventNotifier", "IsAbstract"]],
  ["an ObjectType", "i=58", 8, ["IsAbstract"], ["Value", "EventNotifier", "Executable"]],
  ["a VariableType", "i=62", 16, ["DataType", "ValueRank", "IsAbstract"], [
    "EventNotifier",
    "Executable",
    "AccessLevel",
  ]],
  ["a ReferenceType", "i=35", 32, ["IsAbstract", "Symmetric", "InverseName"], ["Value", "EventNotifier", "DataType"]],
  ["a DataType", "i=11", 64, ["IsAbstract"], ["Value", "EventNotifier", "Symmetric"]],
];

/** The data types of attributes (OPC 10000-3 §5.9) as numbers of built-in types. */
const attributeTypes: readonly (readonly [Attribute, string, number])[] = [
  ["NodeId", nodes.temperature, 17],
  ["NodeClass", nodes.temperature, 6],
  ["BrowseName", nodes.temperature, 20],
  ["DisplayName", nodes.temperature, 21],
  ["Description", nodes.temperature, 21],
  ["DataType", nodes.temperature, 17],
  ["ValueRank", nodes.temperature, 6],
  ["AccessLevel", nodes.temperature, 3],
  ["UserAccessLevel", nodes.temperature, 3],
  ["MinimumSamplingInterval", nodes.temperature, 11],
  ["Historizing", nodes.temperature, 1],
  ["EventNotifier", "i=2253", 3],
  ["Executable", "i=11492", 1],
  ["IsAbstract", "i=58", 1],
];

/** Index ranges that are wrong as such (OPC 10000-4 §7.27), so that no value need be looked at. */
const badRanges = ["a", "-1", "1:", ":1", "3:1", "2:2", "1.5", "1:2:3", " 1", "1,,2"];

/** Read (OPC 10000-4 §5.10.2). */
export const attributeRead = suite("Attribute Read", {}, (conformance) => {
  for (const [what, nodeId, nodeClass, must, cannot] of classes) {
    conformance("Attribute Read", `${what} has the attributes that its node class demands`, async (world) => {
      for (const attribute of [...base, ...must]) {
        const { status, value } = await readOne(world, nodeId, attribute);
        strictEqual(status, "Good", attribute);
        ok(value !== null, attribute);
      }
      strictEqual((await readOne(world, nodeId, "NodeClass")).value?.value, nodeClass);
    });
    for (const attribute of cannot) {
      conformance("Attribute Read", `${what} has no ${attribute}: BadAttributeIdInvalid`, async (world) => {
        const { status, value } = await readOne(world, nodeId, attribute);
        strictEqual(status, "BadAttributeIdInvalid");
        ok(value === null || value.dataType === 0);
      });
    }
  }
  for (const [attribute, nodeId, dataType] of attributeTypes) {
    conformance("Address Space Base", `${attribute} is of the built-in type ${dataType}`, async (world) => {
      strictEqual((await readOne(world, nodeId, attribute)).value?.dataType, dataType);
    });
  }
  for (const attribute of [0, 28, 255, 4294967295]) {
    conformance("Attribute Read", `the attribute ${attribute} does not exist: BadAttributeIdInvalid`, async (world) => {
      strictEqual((await readOne(world, nodes.temperature, attribute)).status, "BadAttributeIdInvalid");
    });
  }
  const unknown = [
    `ns=2;s=${DEV}/nothing`,
    "ns=77;i=1",
    "i=999999",
    "ns=2;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63",
    "ns=2;b=AQID",
  ];
  for (const nodeId of unknown) {
    conformance(
      "Attribute Read",
      `an unknown node (${nodeId.split(";").map((part) => part.slice(0, 4)).join(";")}) is BadNodeIdUnknown`,
      async (world) => {
        strictEqual((await readOne(world, nodeId)).status, "BadNodeIdUnknown");
      },
    );
  }
  conformance("Attribute Read", "the null node is refused alone", async (world) => {
    ok(["BadNodeIdUnknown", "BadNodeIdInvalid"].includes((await readOne(world, "i=0")).status));
  });
  conformance(
    "Attribute Read",
    "a bad node does not fail its neighbours, and answers keep the order",
    async (world) => {
      const { results } = await world.call("Read", {
        nodesToRead: [
          { nodeId: nodes.counter, attributeId: 13 },
          { nodeId: "ns=2;s=nothing", attributeId: 13 },
          { nodeId: nodes.label, attributeId: 13 },
          { nodeId: nodes.label, attributeId: 5, indexRange: "0" },
          { nodeId: nodes.counter, attributeId: 13 },
        ],
      });
      deepStrictEqual(results.map((result: ReadResult) => result.value?.value ?? result.status), [
        7,
        "BadNodeIdUnknown",
        "abcdef",
        "BadIndexRangeNoData",
        7,
      ]);
    },
  );
  conformance("Attribute Read", "one request reads attributes of all kinds of one node", async (world) => {
    const { results } = await world.call("Read", {
      nodesToRead: [1, 2, 3, 4, 13, 14, 15, 17, 18, 20].map((attributeId) => ({ nodeId: nodes.humidity, attributeId })),
    });
    deepStrictEqual(results.map((result: ReadResult) => result.status), Array(10).fill("Good"));
  });
  for (const maxAge of [-1, -0.5, -1e9]) {
    conformance("Attribute Read", `a maxAge of ${maxAge} is refused: BadMaxAgeInvalid`, async (world) => {
      strictEqual(
        await world.fault("Read", { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }], maxAge }),
        "BadMaxAgeInvalid",
      );
    });
  }
  for (const maxAge of [0, 1, 1000, 2147483647, 1e12]) {
    conformance("Attribute Read", `a maxAge of ${maxAge} ms gives the value`, async (world) => {
      strictEqual((await readOne(world, nodes.counter, "Value", {}, { maxAge })).value?.value, 7);
    });
  }
  for (const timestampsToReturn of [4, 5, 1000]) {
    conformance(
      "Attribute Read",
      `timestampsToReturn ${timestampsToReturn}: BadTimestampsToReturnInvalid`,
      async (world) => {
        const fields = { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }] };
        strictEqual(
          await world.fault("Read", fields, { unchecked: { timestampsToReturn } }),
          "BadTimestampsToReturnInvalid",
        );
      },
    );
  }
  const stamps = [["Source", true, false], ["Server", false, true], ["Both", true, true], [
    "Neither",
    false,
    false,
  ]] as const;
  for (const [name, source, server] of stamps) {
    conformance("Attribute Read", `timestampsToReturn ${name} gives just these of a Value`, async (world) => {
      const result = await readOne(world, nodes.temperature, "Value", {}, { timestampsToReturn: name });
      deepStrictEqual([result.source !== null, result.server !== null], [source, server]);
    });
  }
  conformance("Attribute Read", "attributes other than the Value have no source time", async (world) => {
    strictEqual((await readOne(world, nodes.temperature, "BrowseName")).source, null);
  });
  for (const indexRange of badRanges) {
    conformance("Attribute Read", `the index range '${indexRange}' is BadIndexRangeInvalid`, async (world) => {
      strictEqual((await readOne(world, nodes.label, "Value", { indexRange })).status, "BadIndexRangeInvalid");
    });
  }
  const ranges = [["0", "a"], ["5", "f"], ["1:3", "bcd"], ["4:9", "ef"]] as const;
  for (const [indexRange, expected] of ranges) {
    conformance("Attribute Read", `the index range '${indexRange}' of a String is a part of it`, async (world) => {
      const { status, value } = await readOne(world, nodes.label, "Value", { indexRange });
      deepStrictEqual([status, value?.value], ["Good", expected]);
    });
  }
  conformance("Attribute Read", "an index range behind the end of a String is BadIndexRangeNoData", async (world) => {
    strictEqual((await readOne(world, nodes.label, "Value", { indexRange: "6:9" })).status, "BadIndexRangeNoData");
  });
  for (const node of ["temperature", "open", "counter"] as const) {
    conformance("Attribute Read", `an index range of the scalar ${node} is BadIndexRangeNoData`, async (world) => {
      const { status } = await readOne(world, nodes[node], "Value", { indexRange: "0" });
      ok(["BadIndexRangeNoData", "BadIndexRangeInvalid"].includes(status), status);
    });
  }
  conformance("Attribute Read", "an index range picks elements of an array", async (world) => {
    const whole = (await readOne(world, "i=2255")).value?.value as string[];
    const part = await readOne(world, "i=2255", "Value", { indexRange: "1:2" });
    deepStrictEqual([part.status, part.value?.array, part.value?.value], ["Good", true, whole.slice(1, 3)]);
  });
  conformance("Attribute Read", "one element of an array comes as an array", async (world) => {
    const part = await readOne(world, "i=2255", "Value", { indexRange: "2" });
    deepStrictEqual([part.value?.array, part.value?.value], [true, ["urn:edgekeep:gateway"]]);
  });
  conformance("Attribute Read", "an index range behind an array is BadIndexRangeNoData", async (world) => {
    strictEqual((await readOne(world, "i=2255", "Value", { indexRange: "90:99" })).status, "BadIndexRangeNoData");
  });
  conformance("Attribute Read", "an index range of an attribute that is no Value is refused", async (world) => {
    const { status } = await readOne(world, nodes.temperature, "BrowseName", { indexRange: "0" });
    ok(["BadIndexRangeInvalid", "BadIndexRangeNoData"].includes(status), status);
  });
  for (
    const [name, expected] of [["Default JSON", "BadDataEncodingUnsupported"], [
      "nonsense",
      "BadDataEncodingInvalid",
    ]] as const
  ) {
    conformance("Attribute Read", `the data encoding '${name}' of a number is refused`, async (world) => {
      const { status } = await readOne(world, nodes.temperature, "Value", {
        dataEncoding: { namespaceIndex: 0, name },
      });
      ok([expected, "BadDataEncodingInvalid", "BadDataEncodingUnsupported"].includes(status), status);
    });
  }
  conformance(
    "Attribute Read",
    "a data encoding of an attribute that is no Value is BadDataEncodingInvalid",
    async (world) => {
      const { status } = await readOne(world, nodes.temperature, "DisplayName", {
        dataEncoding: { namespaceIndex: 0, name: "Default Binary" },
      });
      strictEqual(status, "BadDataEncodingInvalid");
    },
  );
  conformance("Attribute Read", "a structure is read with the encoding Default Binary", async (world) => {
    const { status, value } = await readOne(world, "i=2256", "Value", {
      dataEncoding: { namespaceIndex: 0, name: "Default Binary" },
    });
    deepStrictEqual([status, (value?.value as { $type: string }).$type], ["Good", "ServerStatusDataType"]);
  });
  const waiting = [["Source", null], ["Both", null]] as const;
  for (const [name, expected] of waiting) {
    conformance(
      "Attribute Read",
      `before the first value there is a status and no source time (${name})`,
      async (world) => {
        const result = await readOne(world, nodes.waiting, "Value", {}, { timestampsToReturn: name });
        deepStrictEqual([result.status, result.source], ["BadWaitingForInitialData", expected]);
      },
    );
  }
  for (const [name, dataType] of [["temperature", 11], ["counter", 6], ["label", 12], ["open", 1]] as const) {
    conformance(
      "Address Space Base",
      `the value of ${name} is of the type that its DataType attribute names`,
      async (world) => {
        strictEqual((await readOne(world, nodes[name])).value?.dataType, dataType);
        strictEqual((await readOne(world, nodes[name], "DataType")).value?.value, `ns=0;i=${dataType}`);
        strictEqual((await readOne(world, nodes[name], "ValueRank")).value?.value, -1);
      },
    );
  }
  conformance(
    "Address Space Atomicity",
    "a value and its status, read while they change, always belong together",
    async (world) => {
      const seen = new Set<string>();
      for (let i = 0; i < 100; i++) {
        world.set("counter", i, i % 2 === 0 ? 0 : 0x808c0000);
        const { value, status } = await readOne(world, nodes.counter);
        strictEqual(Number(value?.value) % 2 === 0 ? "Good" : "BadSensorFailure", status);
        seen.add(status);
      }
      strictEqual(seen.size, 2);
      world.set("counter", 7);
    },
  );
  conformance("Address Space Atomicity", "AccessLevelEx does not deny atomic reads and writes", async (world) => {
    const { status, value } = await readOne(world, nodes.counter, "AccessLevelEx");
    // bits 8 and 9 say that reads and writes are NOT atomic (OPC 10000-3 §8.58)
    if (status === "Good") strictEqual(Number(value?.value) & 0x300, 0);
    else strictEqual(status, "BadAttributeIdInvalid");
  });
  conformance(
    "Address Space Full Array Only",
    "no variable of ours claims that parts of it can be written",
    async (world) => {
      for (const node of [nodes.temperature, nodes.label]) {
        const { value } = await readOne(world, node, "AccessLevel");
        strictEqual(Number(value?.value) & 2, 0);
      }
    },
  );
  conformance("Attribute Read", "a thousand nodes are read in one call, in order", async (world) => {
    const wanted = Array.from({ length: 1000 }, (_, i) => i % 2 === 0 ? nodes.counter : nodes.label);
    const { results } = await world.call("Read", {
      nodesToRead: wanted.map((nodeId) => ({ nodeId, attributeId: 13 })),
    });
    deepStrictEqual(
      results.map((result: ReadResult) => result.value?.value),
      wanted.map((node) => node === nodes.counter ? 7 : "abcdef"),
    );
  });
});
