import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Quality } from "../../src/tags/quality.ts";
import { tagId, tagUpdate } from "../../src/tags/tag.ts";
import { type OpcUaClientProcess, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
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
    deepStrictEqual([history?.value, values?.value, points?.value, items?.value], [true, 10_000, 32, 10_000]);
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
