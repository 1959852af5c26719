import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { type TagDefinition, tagId, tagUpdate } from "../../src/tags/tag.ts";
import {
  type OpcUaClientProcess,
  type ServiceAnswer,
  startOpcUaClient,
  type WireValue,
} from "../lib/opcua_client_process.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import { waitFor } from "../lib/wait_for.ts";

const A = "0102030405060708";
const B = "0102030405060709";

interface Node {
  readonly nodeId: string;
  readonly browseName: string;
  readonly displayName: string;
  readonly nodeClass: number;
  readonly type: string;
  readonly children: readonly Node[];
}

function flat(nodes: readonly Node[]): Node[] {
  return nodes.flatMap((node) => [node, ...flat(node.children)]);
}

async function attribute(client: OpcUaClientProcess, id: number, node: string, name: string): Promise<unknown> {
  const [value] = await client.call<WireValue[]>("read", { id, nodes: [node], attribute: name });
  return value?.value;
}

Deno.test("the address space follows the configuration", async (t) => {
  await using server = await startTestServer({
    devices: [testDevice(A, "Pump"), testDevice(B, "Tank")],
    tags: [
      testTag(A, "temperature", { unit: "CEL", range: { low: -40, high: 85 } }),
      testTag(A, "ratio", { range: { low: 0, high: 1 }, dataType: "Float" }),
      testTag(A, "running", { type: "Bool", dataType: "Boolean" }),
      testTag(A, "label", { type: "String", dataType: "String" }),
      testTag(A, "total", { type: "Int", dataType: "Int64", unit: "widgets" }),
      testTag(A, "$rssi", { type: "Int", dataType: "Int16", unit: "dBm", retentionDays: null }),
      testTag(B, "level", { type: "Int", dataType: "UInt16" }),
    ],
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const read = (nodes: readonly string[]) => client.call<WireValue[]>("read", { id, nodes });

  await t.step("namespaces keep their places", async () => {
    const [namespaces] = await read(["i=2255"]);
    deepStrictEqual(namespaces?.value, [
      "http://opcfoundation.org/UA/",
      "urn:edgekeep:test-gateway",
      "urn:edgekeep:gateway",
    ]);
  });

  await t.step("folders and variables have the documented ids and names", async () => {
    const tree = flat(await client.call<Node[]>("browseTree", { id, node: "i=85" }));
    const find = (nodeId: string) => tree.find((node) => node.nodeId === nodeId);
    strictEqual(find("ns=2;s=plant")?.displayName, "Plant");
    strictEqual(find(`ns=2;s=${A}`)?.displayName, "Pump");
    strictEqual(find(`ns=2;s=${A}/temperature`)?.browseName, "2:temperature");
    strictEqual(find(`ns=2;s=${A}/$rssi`)?.browseName, "2:$rssi");
    deepStrictEqual(
      find("ns=2;s=plant")?.children.map((node) => node.nodeId).filter((nodeId) => !nodeId.includes("$")),
      [`ns=2;s=${A}`, `ns=2;s=${B}`],
    );
    const types = ["temperature", "ratio", "running", "label", "total"].map((name) =>
      find(`ns=2;s=${A}/${name}`)?.type
    );
    const [unit, item, plain] = ["ns=0;i=17497", "ns=0;i=2368", "ns=0;i=63"];
    deepStrictEqual(types, [unit, item, plain, plain, unit]);
    const ids = tree.map((node) => node.nodeId).filter((nodeId) => nodeId.startsWith("ns=2"));
    ok(ids.every((nodeId) => nodeId.startsWith("ns=2;s=")), "every id of ours is a string");
  });

  await t.step("attributes say type, access and history", async () => {
    const of = (name: string, what: string) => attribute(client, id, `ns=2;s=${A}/${name}`, what);
    deepStrictEqual(
      await Promise.all(["temperature", "ratio", "running", "label", "total", "$rssi"].map((n) => of(n, "DataType"))),
      ["ns=0;i=11", "ns=0;i=10", "ns=0;i=1", "ns=0;i=12", "ns=0;i=8", "ns=0;i=4"],
    );
    deepStrictEqual([await of("temperature", "AccessLevel"), await of("$rssi", "AccessLevel")], [5, 1]);
    deepStrictEqual([await of("temperature", "UserAccessLevel"), await of("$rssi", "UserAccessLevel")], [5, 1]);
    deepStrictEqual([await of("temperature", "Historizing"), await of("$rssi", "Historizing")], [true, false]);
    strictEqual(await of("temperature", "MinimumSamplingInterval"), 0);
    strictEqual(await of("temperature", "ValueRank"), -1);
  });

  await t.step("units and ranges", async () => {
    const [unit, range, free] = await read([
      `ns=2;s=${A}/temperature/$EngineeringUnits`,
      `ns=2;s=${A}/temperature/$EURange`,
      `ns=2;s=${A}/total/$EngineeringUnits`,
    ]);
    const { displayName, unitId } = unit?.value as { displayName: { text: string }; unitId: number };
    deepStrictEqual([displayName.text, unitId], ["°C", 4408652]);
    deepStrictEqual(range?.value, { low: -40, high: 85 });
    const text = free?.value as { displayName: { text: string }; unitId: number };
    deepStrictEqual([text.displayName.text, text.unitId], ["widgets", -1]);
  });

  await t.step("writing is refused", async () => {
    strictEqual(
      await client.call("write", { id, node: `ns=2;s=${A}/temperature`, dataType: 11, value: 1 }),
      "BadNotWritable",
    );
  });

  await t.step("every data type arrives as it is", async () => {
    const now = Date.now() * 1000;
    const values = { temperature: 21.25, ratio: 0.5, running: true, label: "Grüße", total: 2 ** 40 + 1, $rssi: -117 };
    server.tags.update(
      Object.entries(values).map(([name, value]) => {
        const tag = server.tags.get(tagId(A, name));
        ok(tag);
        return tagUpdate(tag, value, now);
      }),
    );
    const got = await read(Object.keys(values).map((name) => `ns=2;s=${A}/${name}`));
    deepStrictEqual(got.map((v) => v.value), [21.25, 0.5, true, "Grüße", [2 ** 8, 1], -117]);
    deepStrictEqual(got.map((v) => v.dataType), [11, 10, 1, 12, 8, 4]);
  });

  await t.step("definitions change under an open session", async () => {
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    const fields = ["EventType", "Changes"];
    await client.call("monitorEvents", { id, subscription, type: "ns=0;i=2133", fields });
    const level = `ns=2;s=${B}/level`;
    await client.call("monitor", { id, subscription, nodes: [`ns=2;s=${A}/temperature`, level] });
    await waitFor(
      "the first values",
      async () => (await client.call<WireValue[]>("notifications", { id, node: level })).length > 0,
    );

    server.devices = [testDevice(A, "Pump 1"), { ...testDevice("0a0a0a0a0a0a0a0a", "New"), applicationId: "other" }];
    server.tags.define([
      testTag(A, "temperature", { unit: "FAH", range: { low: 0, high: 100 } }),
      testTag(A, "ratio", { dataType: "Double" }),
      testTag(A, "$rssi", { type: "Int", dataType: "Int16", unit: "dBm", retentionDays: 30 }),
      testTag("0a0a0a0a0a0a0a0a", "fresh"),
    ]);
    await server.handle.follow();
    const tree = flat(await client.call<Node[]>("browseTree", { id, node: "i=85" })).map((node) => node.nodeId);
    for (const gone of ["running", "label", "total"]) ok(!tree.includes(`ns=2;s=${A}/${gone}`), gone);
    ok(!tree.includes(`ns=2;s=${B}`), "a device without tags is gone");
    ok(tree.includes("ns=2;s=other") && tree.includes("ns=2;s=0a0a0a0a0a0a0a0a/fresh"));
    strictEqual((await read([level]))[0]?.statusName, "BadNodeIdUnknown");
    const [unit, range, kept] = await read([
      `ns=2;s=${A}/temperature/$EngineeringUnits`,
      `ns=2;s=${A}/temperature/$EURange`,
      `ns=2;s=${A}/temperature`,
    ]);
    strictEqual((unit?.value as { displayName: { text: string } }).displayName.text, "°F");
    deepStrictEqual(range?.value, { low: 0, high: 100 });
    strictEqual(kept?.value, 21.25);
    strictEqual(await attribute(client, id, `ns=2;s=${A}/ratio`, "DataType"), "ns=0;i=11");
    strictEqual(await attribute(client, id, `ns=2;s=${A}/$rssi`, "AccessLevel"), 5);
    deepStrictEqual(await attribute(client, id, `ns=2;s=${A}`, "DisplayName"), { text: "Pump 1" });

    // the node that stayed goes on delivering to the subscription of before
    const tag = server.tags.get(tagId(A, "temperature"));
    ok(tag);
    server.tags.update([tagUpdate(tag, 77, Date.now() * 1000 + 1)]);
    await waitFor(
      "a value of the node that stayed",
      async () =>
        (await client.call<WireValue[]>("notifications", { id, node: `ns=2;s=${A}/temperature` }))
          .some((value) => value.value === 77),
    );
    await waitFor("a model change event", async () => (await client.call<unknown[]>("events", { id })).length > 0);
  });

  await t.step("health nodes carry the gateway's status with proper types", async () => {
    const names = [
      "Verdict",
      "Summary",
      "Version",
      "StartTime",
      "Tags/Total",
      "Sessions/Current",
      "History/FileBytes",
      "Faults/Active",
      "Faults/List",
      "SamplesPerSecond",
    ];
    const got = await read(names.map((name) => `ns=2;s=Gateway/${name}`));
    deepStrictEqual(got.map((v) => v.dataType), [12, 12, 12, 13, 7, 7, 9, 7, 12, 11]);
    ok(got.every((v) => v.status === Quality.Good));
    deepStrictEqual([got[0]?.value, got[2]?.value, got[8]?.value], ["ok", "0.0.1", []]);
    await waitFor("the number of tags", async () => (await read(["ns=2;s=Gateway/Tags/Total"]))[0]?.value === 4);
    await waitFor(
      "the number of sessions",
      async () => (await read(["ns=2;s=Gateway/Sessions/Current"]))[0]?.value === 1,
    );
  });

  await t.step("the server says what it can", async () => {
    const [history, values, points, items] = await read(["i=11193", "i=11273", "i=2737", "i=24104"]);
    deepStrictEqual([history?.value, values?.value, points?.value, items?.value], [true, 10_000, 1000, 10_000]);
  });

  await t.step("a user cannot switch the diagnostics off", async () => {
    const status = await client.call("write", { id, node: "i=2294", dataType: 1, value: false });
    ok(status === "BadNotWritable" || status === "BadUserAccessDenied", String(status));
  });

  await t.step("the server says who it is", async () => {
    const [product, maker, software, uri, state, diagnostics] = await read([
      "i=2261",
      "i=2263",
      "i=2264",
      "i=2262",
      "i=2259",
      "i=2294",
    ]);
    deepStrictEqual([product?.value, maker?.value, software?.value, uri?.value, state?.value, diagnostics?.value], [
      "Edgekeep",
      "Edgekeep",
      "0.0.1",
      "urn:edgekeep:gateway",
      0,
      true,
    ]);
  });
});

Deno.test("diagnostics can be switched off by configuration", async () => {
  await using server = await startTestServer({ config: { diagnostics_enabled: false } });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const [enabled, summary] = await client.call<WireValue[]>("read", { id, nodes: ["i=2294", "i=2275"] });
  deepStrictEqual([enabled?.value, summary?.statusName], [false, "BadNotReadable"]);
  strictEqual(server.handle.status().sessions, 1, "sessions are counted all the same");
});

Deno.test("a device is an object with its properties, its online state and a folder of diagnostics", async (t) => {
  let nowUs = Date.UTC(2026, 5, 1) * 1000;
  const heard = (group: string) =>
    testTag(group, "$lastSeen", { type: "String", dataType: "String", retentionDays: null, staleAfterMs: 60_000 });
  const tagsOf = (group: string, more: Partial<TagDefinition> = {}) => [
    testTag(group, "level", { unit: "CEL", ...more }),
    testTag(group, "$rssi", { type: "Int", dataType: "Int16", retentionDays: null }),
    heard(group),
  ];
  await using server = await startTestServer({
    devices: [testDevice(A, "Pump"), { ...testDevice(B, "Tank"), enabled: false }],
    tags: [...tagsOf(A), ...tagsOf(B).map((tag) => ({ ...tag, enabled: false }))],
    nowUs: () => nowUs,
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const read = async (...nodes: string[]) => await client.call<WireValue[]>("read", { id, nodes });

  await t.step("its parts", async () => {
    const children = await client.call<Node[]>("browse", { id, node: `ns=2;s=${A}` });
    deepStrictEqual(
      children.map(({ nodeId, browseName }) => `${nodeId.replace(`ns=2;s=${A}`, "")} ${browseName}`).sort(),
      [
        "/$ApplicationName 2:ApplicationName",
        "/$DevEUI 2:DevEUI",
        "/$Diagnostics 2:Diagnostics",
        "/$NodeVersion NodeVersion",
        "/$online 2:Online",
        "/level 2:level",
      ],
    );
    const diagnostics = await client.call<Node[]>("browse", { id, node: `ns=2;s=${A}/$Diagnostics` });
    deepStrictEqual(
      diagnostics.map(({ nodeId }) => nodeId).filter((nodeId) => !nodeId.endsWith("$NodeVersion")).sort(),
      [`ns=2;s=${A}/$lastSeen`, `ns=2;s=${A}/$rssi`],
    );
    deepStrictEqual((await read(`ns=2;s=${A}/$DevEUI`, `ns=2;s=${A}/$ApplicationName`)).map((v) => v.value), [
      A,
      "Plant",
    ]);
    deepStrictEqual(await attribute(client, id, `ns=2;s=${A}`, "Description"), {
      text: `LoRaWAN device ${A} of Plant`,
    });
    deepStrictEqual(await attribute(client, id, `ns=2;s=${A}/$lastSeen`, "Description"), {
      locale: "en",
      text: "When the device was heard last",
    });
    const plant = await client.call<Node[]>("browse", { id, node: "ns=2;s=plant" });
    const type = "ns=2;s=$type/LoRaWANDeviceType";
    strictEqual(plant.find(({ nodeId }) => nodeId === `ns=2;s=${A}`)?.type, type);
    const references = await client.call<ServiceAnswer>("service", {
      id,
      service: "Browse",
      fields: { nodesToBrowse: [{ nodeId: type, browseDirection: 1, includeSubtypes: true, resultMask: 63 }] },
    });
    ok(JSON.stringify(references.results).includes("ns=0;i=61"), "its type is a folder's");
  });

  await t.step("it is online until it is stale, and says so to who monitors it", async () => {
    const node = `ns=2;s=${A}/$online`;
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    await client.call("monitor", { id, subscription, nodes: [node] });
    const told: WireValue[] = [];
    const until = (what: string, value: unknown) =>
      waitFor(what, async () => {
        told.push(...await client.call<WireValue[]>("notifications", { id, node }));
        return told.at(-1)?.value === value && told.length > 0;
      });
    await until("the first notification", null);
    deepStrictEqual(
      (await read(node, `ns=2;s=${B}/$online`)).map((v) => v.statusName),
      ["BadWaitingForInitialData", "BadOutOfService"],
    );
    const tag = server.tags.get(tagId(A, "$lastSeen"));
    ok(tag);
    const heardUs = nowUs;
    server.tags.update([tagUpdate(tag, "now", heardUs)]);
    await until("being online", true);
    strictEqual(told.at(-1)?.sourceUs, heardUs);
    nowUs += 61_000_000;
    server.tags.sweep();
    await until("being offline", false);
    deepStrictEqual([told.at(-1)?.statusName, told.at(-1)?.sourceUs], ["Good", nowUs]);
    nowUs += 90_000_000_000;
    server.tags.sweep();
    server.tags.update([tagUpdate(tag, "again", nowUs)]);
    await until("being back", true);
    ok(told.every(({ status }) => status === 0 || status === Quality.BadWaitingForInitialData));
  });

  await t.step("it moves to another application with its nodes", async () => {
    server.devices = [{ ...testDevice(A, "Pump"), applicationId: "other", applicationName: "Other" }, testDevice(B)];
    await server.handle.follow();
    const other = await client.call<Node[]>("browse", { id, node: "ns=2;s=other" });
    ok(other.some(({ nodeId }) => nodeId === `ns=2;s=${A}`));
    const plant = await client.call<Node[]>("browse", { id, node: "ns=2;s=plant" });
    ok(!plant.some(({ nodeId }) => nodeId === `ns=2;s=${A}`));
    strictEqual((await read(`ns=2;s=${A}/$online`))[0]?.value, true);
  });
});

Deno.test("an alias finds a value whichever device it comes from", async (t) => {
  const tag = (group: string, alias?: string) => testTag(group, "level", alias === undefined ? {} : { alias });
  await using server = await startTestServer({
    devices: [testDevice(A), testDevice(B)],
    tags: [tag(A, "Tank1.Level"), tag(B, "Tank2.Level"), testTag(A, "other", { alias: "Pump.State" })],
  });
  await using client = await startOpcUaClient();
  const id = await client.connect(server.url);
  const find = async (pattern: string, filter = "i=23469", object = "i=23479", method = "i=23485") => {
    const answer = await client.call<ServiceAnswer>("service", {
      id,
      service: "Call",
      fields: {
        methodsToCall: [{
          objectId: object,
          methodId: method,
          inputArguments: [
            { $type: "Variant", dataType: 12, value: pattern },
            { $type: "Variant", dataType: 17, value: { $node: filter } },
          ],
        }],
      },
    });
    const [result] = answer.results;
    if (result.statusCode !== "Good") return result.statusCode;
    return (result.outputArguments[0].value as { aliasName: { name: string }; referencedNodes: string[] }[] | null ??
      [])
      .map(({ aliasName, referencedNodes }) => `${aliasName.name} ${referencedNodes.join()}`);
  };

  await t.step("by patterns, from both categories, and by the type of reference", async () => {
    deepStrictEqual(await find("Tank%"), [`Tank1.Level ns=2;s=${A}/level`, `Tank2.Level ns=2;s=${B}/level`]);
    deepStrictEqual(await find("Tank1.Level", "i=23469", "i=23470", "i=23476"), [`Tank1.Level ns=2;s=${A}/level`]);
    strictEqual((await find("%") as string[]).length, 3);
    deepStrictEqual(await find("nothing"), []);
    strictEqual((await find("%", "i=0") as string[]).length, 3, "no filter");
    strictEqual((await find("%", "i=32") as string[]).length, 3, "NonHierarchicalReferences include AliasFor");
    deepStrictEqual(await find("%", "i=35"), [], "Organizes does not");
    deepStrictEqual([await find("%", "i=2253"), await find("[")], ["BadInvalidArgument", "BadInvalidArgument"]);
  });

  await t.step("by a path through AliasFor, as clients resolve it", async () => {
    const { results: [resolved] } = await client.call<ServiceAnswer>("service", {
      id,
      service: "TranslateBrowsePathsToNodeIds",
      fields: {
        browsePaths: [{
          startingNode: "ns=2;s=$alias/Tank1.Level",
          relativePath: {
            elements: [{
              referenceTypeId: "i=23469",
              isInverse: false,
              includeSubtypes: true,
              targetName: { namespaceIndex: 2, name: "level" },
            }],
          },
        }],
      },
    });
    ok(JSON.stringify(resolved).includes(`ns=2;s=${A}/level`), JSON.stringify(resolved));
  });

  await t.step("after a swap of devices the name leads to the new one", async () => {
    const [before] = await client.call<WireValue[]>("read", { id, nodes: ["i=32852"] });
    server.tags.define([tag(B, "Tank1.Level")]);
    await server.handle.follow();
    deepStrictEqual(await find("%"), [`Tank1.Level ns=2;s=${B}/level`]);
    const names = await client.call<Node[]>("browse", { id, node: "i=23479" });
    deepStrictEqual(names.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId.startsWith("ns=2")), [
      "ns=2;s=$alias/Tank1.Level",
    ]);
    const [after] = await client.call<WireValue[]>("read", { id, nodes: ["i=32852"] });
    ok(Number(after?.value) >= Number(before?.value) && Number(after?.value) > 800_000_000, "LastChange");
    server.tags.define([tag(A, "Tank1.Level")]);
    await server.handle.follow();
    deepStrictEqual(await find("%"), [`Tank1.Level ns=2;s=${A}/level`]);
    server.tags.define([tag(A)]);
    await server.handle.follow();
    deepStrictEqual(await find("%"), []);
  });
});
