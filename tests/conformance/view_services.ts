import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { suite } from "./suite.ts";
import { DEV, nodes, type World } from "./world.ts";

interface Reference {
  readonly referenceTypeId: string;
  readonly isForward: boolean;
  readonly nodeId: string;
  readonly browseName: { readonly namespaceIndex: number; readonly name: string | null } | null;
  readonly displayName: { readonly text: string | null } | null;
  readonly nodeClass: number;
  readonly typeDefinition: string;
}

interface BrowseResult {
  readonly statusCode: string;
  readonly continuationPoint: { readonly $bytes: string } | null;
  readonly references: readonly Reference[] | null;
}

/** A description of everything forward and hierarchical below a node. */
function below(nodeId: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    nodeId,
    browseDirection: 0,
    referenceTypeId: "ns=0;i=33",
    includeSubtypes: true,
    nodeClassMask: 0,
    resultMask: 63,
    ...more,
  };
}

async function browse(
  world: World,
  descriptions: readonly Record<string, unknown>[],
  more: Record<string, unknown> = {},
  id?: number,
): Promise<readonly BrowseResult[]> {
  const answer = await world.call(
    "Browse",
    { nodesToBrowse: descriptions, requestedMaxReferencesPerNode: 0, ...more },
    id === undefined ? {} : { id },
  );
  strictEqual(answer.responseHeader.serviceResult, "Good");
  strictEqual(answer.results.length, descriptions.length);
  return answer.results as BrowseResult[];
}

async function browseOne(world: World, nodeId: string, more: Record<string, unknown> = {}): Promise<BrowseResult> {
  const [result] = await browse(world, [below(nodeId, more)]);
  ok(result);
  return result;
}

const names = (result: BrowseResult | undefined) => (result?.references ?? []).map(({ nodeId }) => nodeId);
const point = (result: BrowseResult | undefined) => result?.continuationPoint?.$bytes ?? "";

async function next(
  world: World,
  points: readonly string[],
  release = false,
  id?: number,
): Promise<readonly BrowseResult[]> {
  const answer = await world.call("BrowseNext", {
    continuationPoints: points.map(($bytes) => ({ $bytes })),
    releaseContinuationPoints: release,
  }, id === undefined ? {} : { id });
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return (answer.results ?? []) as BrowseResult[];
}

async function translate(world: World, startingNode: string, elements: readonly Record<string, unknown>[]) {
  const answer = await world.call("TranslateBrowsePathsToNodeIds", {
    browsePaths: [{ startingNode, relativePath: { elements } }],
  });
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return answer.results[0] as {
    readonly statusCode: string;
    readonly targets: readonly { readonly targetId: string; readonly remainingPathIndex: number }[] | null;
  };
}

const step = (name: string, namespaceIndex = 0, more: Record<string, unknown> = {}) => ({
  referenceTypeId: "ns=0;i=33",
  isInverse: false,
  includeSubtypes: true,
  targetName: { namespaceIndex, name },
  ...more,
});

/** Browse, BrowseNext, TranslateBrowsePathsToNodeIds, RegisterNodes (OPC 10000-4 §5.9). */
export const viewServices = suite("View Services", {}, (conformance) => {
  conformance("View Basic", "the root leads to Objects, Types and Views", async (world) => {
    const found = names(await browseOne(world, "i=84"));
    for (const node of ["ns=0;i=85", "ns=0;i=86", "ns=0;i=87"]) ok(found.includes(node), node);
  });
  conformance("View Basic", "the way from Objects to a value goes by application and device", async (world) => {
    ok(names(await browseOne(world, "i=85")).includes(nodes.application));
    ok(names(await browseOne(world, nodes.application)).includes(nodes.device));
    ok(names(await browseOne(world, nodes.device)).includes(nodes.temperature));
  });
  for (const [direction, forward] of [[0, [true]], [1, [false]], [2, [true, false]]] as const) {
    conformance(
      "View Basic",
      `the direction ${direction} gives just the references of that direction`,
      async (world) => {
        const { references } = await browseOne(world, nodes.device, {
          browseDirection: direction,
          referenceTypeId: null,
        });
        deepStrictEqual(new Set(references?.map(({ isForward }) => isForward)), new Set(forward));
      },
    );
  }
  for (const direction of [3, 4, 100]) {
    conformance("View Basic", `the direction ${direction} is BadBrowseDirectionInvalid`, async (world) => {
      const answer = await world.call("Browse", { nodesToBrowse: [below("i=85")] }, {
        unchecked: { "nodesToBrowse.0.browseDirection": direction },
      });
      strictEqual(answer.results[0].statusCode, "BadBrowseDirectionInvalid");
    });
  }
  conformance("View Basic", "an unknown node is BadNodeIdUnknown, its neighbour answered", async (world) => {
    const [bad, good] = await browse(world, [below("ns=2;s=nothing"), below("i=85")]);
    deepStrictEqual([bad?.statusCode, good?.statusCode], ["BadNodeIdUnknown", "Good"]);
  });
  for (const type of ["ns=0;i=999999", "ns=9;i=33", "ns=2;s=nothing"]) {
    conformance("View Basic", `the unknown reference type ${type} is BadReferenceTypeIdInvalid`, async (world) => {
      strictEqual((await browseOne(world, "i=85", { referenceTypeId: type })).statusCode, "BadReferenceTypeIdInvalid");
    });
  }
  for (const type of ["ns=0;i=85", "ns=0;i=58", nodes.temperature]) {
    conformance(
      "View Basic",
      `a node that is no reference type (${type.slice(0, 12)}) is BadReferenceTypeIdInvalid`,
      async (world) => {
        strictEqual(
          (await browseOne(world, "i=85", { referenceTypeId: type })).statusCode,
          "BadReferenceTypeIdInvalid",
        );
      },
    );
  }
  conformance(
    "View Basic",
    "without subtypes an abstract reference type finds nothing, with them everything",
    async (world) => {
      const without = await browseOne(world, "i=85", { includeSubtypes: false });
      strictEqual(without.references?.length ?? 0, 0);
      ok(((await browseOne(world, "i=85")).references?.length ?? 0) > 1);
    },
  );
  conformance("View Basic", "one reference type finds its own references alone", async (world) => {
    const { references } = await browseOne(world, nodes.temperature, {
      referenceTypeId: "ns=0;i=46",
      includeSubtypes: false,
    });
    deepStrictEqual(new Set(references?.map(({ referenceTypeId }) => referenceTypeId)), new Set(["ns=0;i=46"]));
    deepStrictEqual(references?.map(({ browseName }) => browseName?.name).sort(), ["EURange", "EngineeringUnits"]);
  });
  conformance("View Basic", "no reference type means all of them", async (world) => {
    const { references } = await browseOne(world, nodes.temperature, { referenceTypeId: null });
    const types = new Set(references?.map(({ referenceTypeId }) => referenceTypeId));
    ok(types.has("ns=0;i=40") && types.has("ns=0;i=46"));
  });
  const classMasks = [[1, "Object"], [2, "Variable"], [4, "Method"], [8, "ObjectType"], [16, "VariableType"], [
    32,
    "ReferenceType",
  ], [64, "DataType"]] as const;
  for (const [mask, name] of classMasks) {
    conformance("View Basic", `the node class mask ${name} gives no other class`, async (world) => {
      const results = await browse(
        world,
        ["i=2253", "i=85", "i=2041", "i=58", "i=62", "i=31", "i=22", nodes.device].map((node) =>
          below(node, { nodeClassMask: mask, referenceTypeId: null })
        ),
      );
      const classes = new Set(results.flatMap(({ references }) => references ?? []).map(({ nodeClass }) => nodeClass));
      deepStrictEqual(classes, new Set([mask]));
    });
  }
  conformance("View Basic", "two node classes in one mask give both", async (world) => {
    const { references } = await browseOne(world, "i=2253", { nodeClassMask: 6 });
    deepStrictEqual(new Set(references?.map(({ nodeClass }) => nodeClass)), new Set([2, 4]));
  });
  conformance("View Basic", "a node class mask that nothing fits finds nothing", async (world) => {
    strictEqual((await browseOne(world, nodes.device, { nodeClassMask: 128 })).references?.length ?? 0, 0);
  });
  const fields: readonly (readonly [number, string, (reference: Reference) => boolean])[] = [
    [1, "the reference type", ({ referenceTypeId }) => referenceTypeId !== "ns=0;i=0"],
    [2, "the direction", ({ isForward }) => isForward],
    [4, "the node class", ({ nodeClass }) => nodeClass !== 0],
    [8, "the browse name", ({ browseName }) => Boolean(browseName?.name)],
    [16, "the display name", ({ displayName }) => Boolean(displayName?.text)],
    [32, "the type definition", ({ typeDefinition }) => !/^ns=0;i=0$/.test(typeDefinition)],
  ];
  for (const [mask, what] of fields) {
    conformance("View Basic", `the result mask ${mask} gives ${what} and nothing else`, async (world) => {
      const { references } = await browseOne(world, nodes.device, { resultMask: mask });
      ok(references && references.length > 0);
      for (const reference of references) {
        for (const [other, name, given] of fields) {
          strictEqual(given(reference), other === mask, `${name} with mask ${mask}`);
        }
        ok(reference.nodeId.length > 0);
      }
    });
  }
  conformance("View Basic", "a view that does not exist is BadViewIdUnknown", async (world) => {
    const view = { viewId: "ns=2;s=no view", timestamp: { $date: 0 }, viewVersion: 0 };
    strictEqual(await world.fault("Browse", { view, nodesToBrowse: [below("i=85")] }), "BadViewIdUnknown");
  });
  conformance("View Basic", "a node that is no view is BadViewIdUnknown", async (world) => {
    const view = { viewId: "ns=0;i=85", timestamp: { $date: 0 }, viewVersion: 0 };
    strictEqual(await world.fault("Browse", { view, nodesToBrowse: [below("i=85")] }), "BadViewIdUnknown");
  });
  conformance("View Basic", "the same node twice is answered twice alike", async (world) => {
    const [one, two] = await browse(world, [below("i=2253"), below("i=2253")]);
    deepStrictEqual(names(one), names(two));
  });
  conformance("View Basic", "each reference forward is found again backward", async (world) => {
    for (const child of names(await browseOne(world, nodes.device))) {
      ok(names(await browseOne(world, child, { browseDirection: 1 })).includes(nodes.device), child);
    }
  });
  for (const size of [1, 2, 5]) {
    conformance(
      "View Minimum Continuation Point 01",
      `pages of ${size} give the same references as one answer`,
      async (world) => {
        const whole = names(await browseOne(world, "i=2253"));
        let [page] = await browse(world, [below("i=2253")], { requestedMaxReferencesPerNode: size });
        const paged: string[] = [];
        for (;;) {
          ok(names(page).length <= size);
          paged.push(...names(page));
          if (point(page) === "") break;
          [page] = await next(world, [point(page)]);
        }
        deepStrictEqual(paged, whole);
      },
    );
  }
  conformance(
    "View Minimum Continuation Point 01",
    "as many references as were asked for need no continuation point",
    async (world) => {
      const whole = names(await browseOne(world, nodes.device));
      const [page] = await browse(world, [below(nodes.device)], { requestedMaxReferencesPerNode: whole.length });
      deepStrictEqual([names(page).length, point(page)], [whole.length, ""]);
    },
  );
  conformance("View Minimum Continuation Point 01", "a released continuation point is gone", async (world) => {
    const [page] = await browse(world, [below("i=2253")], { requestedMaxReferencesPerNode: 1 });
    notStrictEqual(point(page), "");
    const [released] = await next(world, [point(page)], true);
    ok(released === undefined || released.statusCode === "Good");
    strictEqual((await next(world, [point(page)]))[0]?.statusCode, "BadContinuationPointInvalid");
  });
  conformance("View Minimum Continuation Point 01", "a continuation point is used once", async (world) => {
    const [page] = await browse(world, [below("i=2253")], { requestedMaxReferencesPerNode: 1 });
    const [second] = await next(world, [point(page)]);
    strictEqual(second?.statusCode, "Good");
    if (point(second) !== point(page)) {
      strictEqual((await next(world, [point(page)]))[0]?.statusCode, "BadContinuationPointInvalid");
    }
    await next(world, [point(second)], true);
  });
  for (const bytes of ["00", "ff".repeat(8), "61".repeat(4000)]) {
    conformance(
      "View Minimum Continuation Point 01",
      `a made-up continuation point of ${bytes.length / 2} bytes is BadContinuationPointInvalid`,
      async (world) => {
        strictEqual((await next(world, [bytes]))[0]?.statusCode, "BadContinuationPointInvalid");
      },
    );
  }
  conformance(
    "View Minimum Continuation Point 01",
    "an empty continuation point is BadContinuationPointInvalid",
    async (world) => {
      strictEqual((await next(world, [""]))[0]?.statusCode, "BadContinuationPointInvalid");
    },
  );
  conformance("View Minimum Continuation Point 01", "a good point beside a bad one goes on", async (world) => {
    const [page] = await browse(world, [below("i=2253")], { requestedMaxReferencesPerNode: 1 });
    const results = await next(world, ["00", point(page)]);
    deepStrictEqual(results.map(({ statusCode }) => statusCode), ["BadContinuationPointInvalid", "Good"]);
    await next(world, [point(results[1])], true);
  });
  conformance("View Minimum Continuation Point 01", "a continuation point belongs to its session", async (world) => {
    const [page] = await browse(world, [below("i=2253")], { requestedMaxReferencesPerNode: 1 });
    const other = await world.connect();
    strictEqual((await next(world, [point(page)], false, other))[0]?.statusCode, "BadContinuationPointInvalid");
    await world.client.call("close", { id: other });
    strictEqual((await next(world, [point(page)], true))[0]?.statusCode ?? "Good", "Good");
  });
  conformance("View Minimum Continuation Point 05", "five browses are paged side by side", async (world) => {
    const starts = ["i=2253", "i=84", "i=85", "i=86", nodes.device];
    const wholes = (await browse(world, starts.map((node) => below(node)))).map(names);
    const pages = await browse(world, starts.map((node) => below(node)), { requestedMaxReferencesPerNode: 1 });
    strictEqual(new Set(pages.map(point)).size, 5);
    const seconds = await next(world, pages.map(point));
    seconds.forEach((second, i) => strictEqual(names(second)[0], wholes[i]?.[1]));
    await next(world, seconds.map(point).filter((bytes) => bytes !== ""), true);
  });
  conformance(
    "View Minimum Continuation Point 05",
    "more continuation points than there are is BadNoContinuationPoints, for the last ones alone",
    async (world) => {
      const other = await world.connect();
      const { results: [limit] } = await world.call("Read", { nodesToRead: [{ nodeId: "i=2735", attributeId: 13 }] });
      const most = limit.value.value as number;
      ok(most === 0 || most >= 5);
      const count = most === 0 ? 50 : most + 1;
      const pages = await browse(
        world,
        Array(count).fill(below("i=2253")),
        { requestedMaxReferencesPerNode: 1 },
        other,
      );
      if (most > 0) {
        strictEqual(pages.filter(({ statusCode }) => statusCode === "Good").length, most);
        strictEqual(pages.at(-1)?.statusCode, "BadNoContinuationPoints");
      }
      await world.client.call("close", { id: other });
    },
  );
  conformance("View TranslateBrowsePath", "a path of browse names leads to the node", async (world) => {
    const { statusCode, targets } = await translate(world, "i=84", [
      step("Objects"),
      step("Server"),
      step("ServerStatus"),
      step("State"),
    ]);
    strictEqual(statusCode, "Good");
    deepStrictEqual(targets?.map(({ targetId, remainingPathIndex }) => [targetId, remainingPathIndex]), [[
      "ns=0;i=2259",
      4294967295,
    ]]);
  });
  conformance("View TranslateBrowsePath", "a path leads to a value of ours", async (world) => {
    const [{ browseName }] = ((await browseOne(world, nodes.device)).references ?? []).filter(({ nodeId }) =>
      nodeId === nodes.temperature
    ) as [Reference];
    const { targets } = await translate(world, nodes.device, [
      step(browseName?.name ?? "", browseName?.namespaceIndex),
    ]);
    strictEqual(targets?.[0]?.targetId, nodes.temperature);
  });
  const badPaths: readonly (readonly [string, string, readonly Record<string, unknown>[], string])[] = [
    ["a name that is not there", "i=84", [step("Nothing")], "BadNoMatch"],
    ["a name of another namespace", "i=84", [step("Objects", 2)], "BadNoMatch"],
    ["a name in other letters", "i=84", [step("objects")], "BadNoMatch"],
    ["the wrong direction", "i=84", [step("Objects", 0, { isInverse: true })], "BadNoMatch"],
    ["no subtypes of an abstract type", "i=84", [step("Objects", 0, { includeSubtypes: false })], "BadNoMatch"],
    ["an unknown reference type", "i=84", [step("Objects", 0, { referenceTypeId: "ns=0;i=999999" })], "BadNoMatch"],
    ["no elements", "i=84", [], "BadNothingToDo"],
    ["an unknown start", `ns=2;s=${DEV}/nothing`, [step("Objects")], "BadNodeIdUnknown"],
    ["an empty last name", "i=84", [step("Objects"), { ...step(""), targetName: {} }], "BadBrowseNameInvalid"],
  ];
  for (const [what, start, elements, status] of badPaths) {
    conformance("View TranslateBrowsePath", `${what} is ${status}`, async (world) => {
      const { statusCode, targets } = await translate(world, start, elements);
      strictEqual(statusCode, status);
      strictEqual(targets?.length ?? 0, 0);
    });
  }
  conformance("View TranslateBrowsePath", "a path goes backwards too", async (world) => {
    const { targets } = await translate(world, "i=2253", [step("Objects", 0, { isInverse: true })]);
    deepStrictEqual(targets?.map(({ targetId }) => targetId), ["ns=0;i=85"]);
  });
  conformance("View TranslateBrowsePath", "no reference type means any", async (world) => {
    const { targets } = await translate(world, "i=84", [step("Objects", 0, { referenceTypeId: "ns=0;i=0" })]);
    deepStrictEqual(targets?.map(({ targetId }) => targetId), ["ns=0;i=85"]);
  });
  conformance("View TranslateBrowsePath", "a bad path does not fail its neighbours", async (world) => {
    const answer = await world.call("TranslateBrowsePathsToNodeIds", {
      browsePaths: [
        { startingNode: "i=84", relativePath: { elements: [step("Nothing")] } },
        { startingNode: "i=84", relativePath: { elements: [step("Views")] } },
      ],
    });
    deepStrictEqual(answer.results.map(({ statusCode }: { statusCode: string }) => statusCode), ["BadNoMatch", "Good"]);
  });
  conformance("View RegisterNodes", "registered nodes are read by the ids that come back", async (world) => {
    const { registeredNodeIds } = await world.call("RegisterNodes", { nodesToRegister: [nodes.counter, nodes.label] });
    strictEqual(registeredNodeIds.length, 2);
    const { results } = await world.call("Read", {
      nodesToRead: (registeredNodeIds as string[]).map((nodeId) => ({ nodeId, attributeId: 13 })),
    });
    deepStrictEqual(results.map((result: { value: { value: unknown } }) => result.value.value), [7, "abcdef"]);
    const answer = await world.call("UnregisterNodes", { nodesToUnregister: registeredNodeIds });
    strictEqual(answer.responseHeader.serviceResult, "Good");
  });
  conformance("View RegisterNodes", "a registered node keeps its own id too", async (world) => {
    const { registeredNodeIds } = await world.call("RegisterNodes", { nodesToRegister: [nodes.counter] });
    const { results } = await world.call("Read", { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }] });
    strictEqual(results[0].status, "Good");
    await world.call("UnregisterNodes", { nodesToUnregister: registeredNodeIds });
  });
  conformance("View RegisterNodes", "after they were unregistered the nodes' own ids work on", async (world) => {
    const { registeredNodeIds } = await world.call("RegisterNodes", { nodesToRegister: [nodes.counter] });
    await world.call("UnregisterNodes", { nodesToUnregister: registeredNodeIds });
    const { results } = await world.call("Read", { nodesToRead: [{ nodeId: nodes.counter, attributeId: 13 }] });
    strictEqual(results[0].value.value, 7);
  });
  conformance("View RegisterNodes", "nodes that were never registered may be unregistered", async (world) => {
    const answer = await world.call("UnregisterNodes", { nodesToUnregister: [nodes.counter, "ns=2;s=nothing"] });
    strictEqual(answer.responseHeader.serviceResult, "Good");
  });
  conformance("View RegisterNodes", "the same node twice is registered twice", async (world) => {
    const { registeredNodeIds } = await world.call("RegisterNodes", {
      nodesToRegister: [nodes.counter, nodes.counter],
    });
    strictEqual(registeredNodeIds.length, 2);
    await world.call("UnregisterNodes", { nodesToUnregister: registeredNodeIds });
  });
});
