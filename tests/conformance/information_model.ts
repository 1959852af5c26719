import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readOne, type ReadResult } from "./attribute_read.ts";
import { suite } from "./suite.ts";
import { units } from "./units.ts";
import { nodes, type World } from "./world.ts";

/** The value of a node that must be good. */
async function good(world: World, nodeId: string): Promise<unknown> {
  const { status, value } = await readOne(world, nodeId);
  strictEqual(status, "Good", nodeId);
  return value?.value;
}

/** The ids below a node by a reference type and its subtypes. */
async function targets(world: World, nodeId: string, referenceTypeId: string, browseDirection = 0): Promise<string[]> {
  const { results } = await world.call("Browse", {
    nodesToBrowse: [{
      nodeId,
      browseDirection,
      referenceTypeId,
      includeSubtypes: true,
      nodeClassMask: 0,
      resultMask: 63,
    }],
  });
  return (results[0].references ?? []).map(({ nodeId: id }: { nodeId: string }) => id);
}

/** A property or component of a node by its name. */
async function child(world: World, startingNode: string, ...names: readonly string[]): Promise<string> {
  const { results } = await world.call("TranslateBrowsePathsToNodeIds", {
    browsePaths: [{
      startingNode,
      relativePath: {
        elements: names.map((name) => ({
          referenceTypeId: "i=33",
          includeSubtypes: true,
          targetName: { namespaceIndex: 0, name },
        })),
      },
    }],
  });
  strictEqual(results[0].statusCode, "Good", names.join("/"));
  return results[0].targets[0].targetId;
}

/** Whether a type is another one or below it. */
async function isBelow(world: World, type: string, ancestor: string): Promise<boolean> {
  for (let at: string | undefined = type; at !== undefined; [at] = await targets(world, at, "i=45", 1)) {
    if (at === ancestor) return true;
  }
  return false;
}

const capabilities: readonly (readonly [string, string, number, (value: number) => boolean])[] = [
  ["MinSupportedSampleRate", "i=2272", 11, (value) => value >= 0],
  ["MaxBrowseContinuationPoints", "i=2735", 5, (value) => value === 0 || value >= 5],
  ["MaxQueryContinuationPoints", "i=2736", 5, (value) => value >= 0],
  ["MaxHistoryContinuationPoints", "i=2737", 5, (value) => value >= 1],
  ["MaxArrayLength", "i=11702", 7, (value) => value >= 0],
  ["MaxStringLength", "i=11703", 7, (value) => value >= 0],
  ["MaxNodesPerRead", "i=11705", 7, (value) => value >= 100],
  ["MaxNodesPerWrite", "i=11707", 7, (value) => value >= 0],
  ["MaxNodesPerMethodCall", "i=11709", 7, (value) => value >= 0],
  ["MaxNodesPerBrowse", "i=11710", 7, (value) => value >= 100],
  ["MaxNodesPerRegisterNodes", "i=11711", 7, (value) => value >= 100],
  ["MaxNodesPerTranslateBrowsePathsToNodeIds", "i=11712", 7, (value) => value >= 100],
  ["MaxMonitoredItemsPerCall", "i=11714", 7, (value) => value >= 100],
];

/** Counters of ServerDiagnosticsSummary (OPC 10000-5 §12.9). */
const counters = [
  "serverViewCount",
  "currentSessionCount",
  "cumulatedSessionCount",
  "securityRejectedSessionCount",
  "rejectedSessionCount",
  "sessionTimeoutCount",
  "sessionAbortCount",
  "currentSubscriptionCount",
  "cumulatedSubscriptionCount",
  "publishingIntervalCount",
  "securityRejectedRequestsCount",
  "rejectedRequestsCount",
] as const;

/** The Server object and the model of values (OPC 10000-5, OPC 10000-8). */
export const informationModel = suite("Information Model", {}, (conformance) => {
  const core: readonly (readonly [string, string])[] = [
    ["Root", "i=84"],
    ["Objects", "i=85"],
    ["Types", "i=86"],
    ["Views", "i=87"],
    ["ObjectTypes", "i=88"],
    ["VariableTypes", "i=89"],
    ["DataTypes", "i=90"],
    ["ReferenceTypes", "i=91"],
    ["EventTypes", "i=3048"],
    ["Server", "i=2253"],
    ["ServerStatus", "i=2256"],
    ["ServerCapabilities", "i=2268"],
    ["NamespaceArray", "i=2255"],
    ["ServerArray", "i=2254"],
    ["ServiceLevel", "i=2267"],
  ];
  for (const [name, nodeId] of core) {
    conformance("Base Info Core Structure", `${name} stands where the standard puts it`, async (world) => {
      deepStrictEqual((await readOne(world, nodeId, "BrowseName")).value?.value, {
        $type: "QualifiedName",
        namespaceIndex: 0,
        name,
      });
    });
  }
  conformance(
    "Base Info Core Structure",
    "the server is running, and says since when and what it is",
    async (world) => {
      const status = await good(world, "i=2256") as Record<string, unknown>;
      strictEqual(status.state, 0);
      const started = (status.startTime as { $date: number }).$date;
      const current = (status.currentTime as { $date: number }).$date;
      ok(started <= current && current - started < 3_600_000);
      const build = status.buildInfo as Record<string, unknown>;
      for (const field of ["productName", "productUri", "manufacturerName", "softwareVersion"]) ok(build[field], field);
    },
  );
  conformance("Base Info Core Structure", "the parts of the status are those of the whole", async (world) => {
    const whole = await good(world, "i=2256") as Record<string, unknown>;
    strictEqual(await good(world, "i=2259"), whole.state);
    deepStrictEqual(await good(world, "i=2257"), whole.startTime);
  });
  conformance(
    "Base Info Core Structure",
    "the namespaces are the standard's, the server's and ours, in this order",
    async (world) => {
      deepStrictEqual(await good(world, "i=2255"), [
        "http://opcfoundation.org/UA/",
        "urn:edgekeep:test-gateway",
        "urn:edgekeep:gateway",
      ]);
    },
  );
  conformance("Base Info Core Structure", "the server array begins with the server itself", async (world) => {
    strictEqual((await good(world, "i=2254") as string[])[0], "urn:edgekeep:test-gateway");
  });
  conformance("Base Info Core Structure", "the service level is one of 0 to 255", async (world) => {
    const { value } = await readOne(world, "i=2267");
    strictEqual(value?.dataType, 3);
    ok(Number(value?.value) >= 0 && Number(value?.value) <= 255);
  });
  for (const [name, nodeId, dataType, test] of capabilities) {
    conformance("Base Info Server Capabilities", `${name} is published`, async (world) => {
      const { status, value } = await readOne(world, nodeId);
      strictEqual(status, "Good");
      strictEqual(value?.dataType, dataType);
      ok(test(Number(value?.value)), String(value?.value));
    });
  }
  conformance("Base Info Server Capabilities", "the profiles are URIs of the OPC Foundation", async (world) => {
    const profiles = await good(world, "i=2269") as string[];
    ok(profiles.length > 3);
    for (const profile of profiles) ok(profile.startsWith("http://opcfoundation.org/UA-Profile/"), profile);
  });
  conformance(
    "Base Info Server Capabilities",
    "the Standard 2017 profile is claimed only when all that it demands is offered",
    async (world) => {
      const profiles = await good(world, "i=2269") as string[];
      const whole = Object.values(units).every(({ optional, claim }) => optional || claim.status !== "not offered");
      strictEqual(profiles.some((profile) => profile.endsWith("/StandardUA2017")), whole);
      ok(profiles.some((profile) => profile.endsWith("/EmbeddedUA2017")));
    },
  );
  conformance(
    "Base Info Server Capabilities",
    "a request of more than MaxNodesPerRead is refused, of as many answered",
    async (world) => {
      const most = await good(world, "i=11705") as number;
      const nodesToRead = Array(most).fill({ nodeId: "i=2259", attributeId: 13 });
      strictEqual((await world.call("Read", { nodesToRead })).results.length, most);
      strictEqual(await world.fault("Read", { nodesToRead: [...nodesToRead, nodesToRead[0]] }), "BadTooManyOperations");
    },
  );
  conformance(
    "Base Info Diagnostics",
    "diagnostics are on",
    async (world) => strictEqual(await good(world, "i=2294"), true),
  );
  for (const counter of counters) {
    conformance("Base Info Diagnostics", `the summary counts ${counter}`, async (world) => {
      const summary = await good(world, "i=2275") as Record<string, unknown>;
      strictEqual(typeof summary[counter], "number");
    });
  }
  conformance("Base Info Diagnostics", "a new session is counted while it is there", async (world) => {
    await world.session();
    const count = async () => (await good(world, "i=2275") as { currentSessionCount: number }).currentSessionCount;
    const before = await count();
    const id = await world.connect();
    strictEqual(await count(), before + 1);
    await world.client.call("close", { id });
    strictEqual(await count(), before);
  });
  conformance("Base Info Diagnostics", "who may only read does not see the sessions of others", async (world) => {
    // SessionDiagnosticsArray names users and addresses (OPC 10000-5 §6.3.4)
    strictEqual((await readOne(world, "i=3707")).status, "BadUserAccessDenied");
  });
  conformance(
    "Base Info Type System",
    "each of our nodes' types is in the address space, down to the standard's base",
    async (world) => {
      for (const node of [nodes.temperature, nodes.counter, nodes.label, nodes.open]) {
        const [type] = await targets(world, node, "i=40");
        ok(type !== undefined && await isBelow(world, type, "ns=0;i=62"), node);
      }
      for (const node of [nodes.device, nodes.application]) {
        const [type] = await targets(world, node, "i=40");
        ok(type !== undefined && await isBelow(world, type, "ns=0;i=58"), node);
      }
    },
  );
  conformance("Base Info Type System", "data types lead down to BaseDataType", async (world) => {
    for (const node of [nodes.temperature, nodes.counter, nodes.label, nodes.open]) {
      const type = (await readOne(world, node, "DataType")).value?.value as string;
      ok(await isBelow(world, type, "ns=0;i=24"), type);
    }
  });
  conformance("Base Info Engineering Units", "a unit is given by its UNECE code and sign", async (world) => {
    const unit = await good(world, await child(world, nodes.temperature, "EngineeringUnits")) as Record<
      string,
      unknown
    >;
    deepStrictEqual([unit.unitId, unit.namespaceUri, (unit.displayName as { text: string }).text], [
      4408652,
      "http://www.opcfoundation.org/UA/units/un/cefact",
      "°C",
    ]);
  });
  conformance("Base Info Engineering Units", "percent has the code of percent", async (world) => {
    const unit = await good(world, await child(world, nodes.humidity, "EngineeringUnits")) as Record<string, unknown>;
    strictEqual(unit.unitId, 20529);
  });
  for (const [name, low, high] of [["temperature", -40, 85], ["humidity", 0, 100]] as const) {
    conformance("Data Access AnalogItems", `${name} has its range`, async (world) => {
      const range = await good(world, await child(world, nodes[name], "EURange")) as Record<string, unknown>;
      deepStrictEqual([range.low, range.high], [low, high]);
    });
    conformance("Data Access AnalogItems", `${name} is of an analog type`, async (world) => {
      const [type = ""] = await targets(world, nodes[name], "i=40");
      ok(await isBelow(world, type, "ns=0;i=15318"), type);
    });
  }
  for (const name of ["counter", "label", "open"] as const) {
    conformance(
      "Data Access DataItems",
      `${name} is a data item or a plain variable, and no analog one`,
      async (world) => {
        const [type = ""] = await targets(world, nodes[name], "i=40");
        ok(await isBelow(world, type, "ns=0;i=63"), type);
        ok(!await isBelow(world, type, "ns=0;i=15318"), type);
      },
    );
  }
  const qualities: readonly (readonly [number, string])[] = [
    [0x40900000, "UncertainLastUsableValue"],
    [0x40940000, "UncertainEngineeringUnitsExceeded"],
    [0x80310000, "BadNoCommunication"],
    [0x808c0000, "BadSensorFailure"],
    [0x80070000, "BadDecodingError"],
    [0x00960000, "GoodLocalOverride"],
  ];
  for (const [code, name] of qualities) {
    conformance("Data Access DataItems", `the quality ${name} is the status of the value`, async (world) => {
      world.set("temperature", 20, code);
      strictEqual((await readOne(world, nodes.temperature)).status, name);
      world.set("temperature", 20);
    });
  }
  for (const value of [-40, 0, -0.1, 1e-300, 1.7976931348623157e308, 85.25]) {
    conformance("Data Access DataItems", `the number ${value} arrives as it is`, async (world) => {
      world.set("temperature", value);
      strictEqual((await readOne(world, nodes.temperature)).value?.value, value);
    });
  }
  for (const value of ["", "äöü €", "x".repeat(10_000), "line\nbreak", "\u{1f321}"]) {
    conformance(
      "Data Access DataItems",
      `the text ${JSON.stringify(value.slice(0, 12))} arrives as it is`,
      async (world) => {
        world.set("label", value);
        strictEqual((await readOne(world, nodes.label)).value?.value, value);
      },
    );
  }
  for (const value of [0, -1, 2147483647, -2147483648]) {
    conformance("Data Access DataItems", `the Int32 ${value} arrives as it is`, async (world) => {
      world.set("counter", value);
      const read: ReadResult = await readOne(world, nodes.counter);
      deepStrictEqual([read.value?.dataType, read.value?.value], [6, value]);
    });
  }
  for (const value of [2147483648, -2147483649]) {
    conformance(
      "Data Access DataItems",
      `${value} does not fit an Int32 and is BadOutOfRange, never wrapped`,
      async (world) => {
        world.set("counter", value);
        strictEqual((await readOne(world, nodes.counter)).status, "BadOutOfRange");
      },
    );
  }
  conformance("Security Time Synchronization", "the server's clock is the clock of its responses", async (world) => {
    const before = Date.now();
    const answer = await world.call("Read", { nodesToRead: [{ nodeId: "i=2258", attributeId: 13 }] });
    const after = Date.now();
    for (const time of [answer.results[0].value.value, answer.responseHeader.timestamp] as { $date: number }[]) {
      ok(time.$date >= before - 2000 && time.$date <= after + 2000, JSON.stringify(time));
    }
  });
});
