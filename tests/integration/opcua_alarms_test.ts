import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { AlarmDefinition, LimitAlarmDefinition } from "../../src/config/alarm_definition.ts";
import { createOperations } from "../../src/operations/create_operations.ts";
import type { Operations } from "../../src/operations/operation.ts";
import { Quality } from "../../src/tags/quality.ts";
import { type Sample, type TagId, tagId, tagUpdate } from "../../src/tags/tag.ts";
import { startTestServer, testDevice, type TestServer, testTag } from "../lib/opcua_client_gateway.ts";
import {
  type EventRow,
  type EventWhere,
  type OpcUaClientProcess,
  startOpcUaClient,
  type TypedValue,
  type WireValue,
} from "../lib/opcua_client_process.ts";
import { OperationsWorld, PASSWORD } from "../lib/operations_world.ts";
import { waitFor } from "../lib/wait_for.ts";

const A = "0102030405060708";
const B = "0102030405060709";
const LEVEL = `${A}/level/$alarm`;
const DOOR = `${A}/door/$alarm`;
const FLOW = `${B}/flow/$alarm`;
const SILENT = `${B}/$alarm`;

const ACKNOWLEDGE = "i=9111";
const CONFIRM = "i=9113";
const ADD_COMMENT = "i=9029";
const ENABLE = "i=9027";
const DISABLE = "i=9028";
const TIMED_SHELVE = "i=9213";
const ONE_SHOT_SHELVE = "i=9212";
const UNSHELVE = "i=9211";

const limitFields = [
  "ConditionId",
  "EventId",
  "EventType",
  "SourceNode",
  "SourceName",
  "Time",
  "ReceiveTime",
  "Message",
  "Severity",
  "ConditionClassId",
  "ConditionName",
  "BranchId",
  "Retain",
  "EnabledState",
  "EnabledState/Id",
  "EnabledState/EffectiveDisplayName",
  "Quality",
  "Quality/SourceTimestamp",
  "LastSeverity",
  "Comment",
  "ClientUserId",
  "AckedState",
  "AckedState/Id",
  "ConfirmedState/Id",
  "ActiveState",
  "ActiveState/Id",
  "ActiveState/EffectiveDisplayName",
  "ActiveState/TransitionTime",
  "InputNode",
  "SuppressedState/Id",
  "SuppressedOrShelved",
  "MaxTimeShelved",
  "ShelvingState/CurrentState",
  "ShelvingState/CurrentState/Id",
  "ShelvingState/UnshelveTime",
  "LimitState/CurrentState",
  "LimitState/CurrentState/Id",
  "HighHighLimit",
  "HighLimit",
  "LowLimit",
  "LowLowLimit",
];
const someFields = ["ConditionId", "EventId", "EventType", "Time", "Retain", "ActiveState/Id", "AckedState/Id"];

function limitAlarm(group: string, name: string, differences: Partial<LimitAlarmDefinition> = {}): AlarmDefinition {
  return {
    kind: "limit",
    id: `${group}/${name}/$alarm`,
    tagId: tagId(group, name),
    name: `Pump ${name}`,
    delayMs: 0,
    message: null,
    limits: { lolo: null, lo: 5, hi: 80, hihi: 90 },
    deadband: 1,
    severities: { lolo: 800, lo: 500, hi: 500, hihi: 800 },
    ...differences,
  };
}

const definitions: readonly AlarmDefinition[] = [
  limitAlarm(A, "level"),
  {
    kind: "off_normal",
    id: DOOR,
    tagId: tagId(A, "door"),
    name: "Pump door",
    delayMs: 0,
    message: "Door of the pump house is open",
    normal: false,
    severity: 300,
  },
  limitAlarm(B, "flow"),
  { kind: "stale_device", id: SILENT, devEui: B, deviceName: "Well", severity: 600 },
];

/** A server with real operations behind it, and users of each role. */
class World implements AsyncDisposable {
  readonly operations: OperationsWorld;
  readonly server: TestServer;
  readonly clock: { offsetUs: number };
  #newestUs = 0;

  private constructor(operations: OperationsWorld, server: TestServer, clock: { offsetUs: number }) {
    this.operations = operations;
    this.server = server;
    this.clock = clock;
  }

  static async open(
    alarms = definitions,
    dataDir?: string,
    restored: readonly (readonly [TagId, Sample])[] = [],
  ): Promise<World> {
    const world = await OperationsWorld.open();
    for (const role of ["viewer", "operator", "engineer"] as const) {
      await world.access.addUser({ name: role, password: PASSWORD, role });
    }
    const clock = { offsetUs: 0 };
    const real: { operations?: Operations } = {};
    const server = await startTestServer({
      devices: [testDevice(A, "Pump"), { ...testDevice(B, "Well"), applicationId: "field", applicationName: "Field" }],
      tags: [
        testTag(A, "level", { unit: "%" }),
        testTag(A, "door", { type: "Bool", dataType: "Boolean" }),
        testTag(B, "flow", { staleAfterMs: 1000, minStaleAfterMs: 1000 }),
      ],
      alarms: { definitions: alarms, ...dataDir === undefined ? {} : { dataDir } },
      access: world.access,
      nowUs: () => Date.now() * 1000 + clock.offsetUs,
      operations: {
        call: (...call) => real.operations?.call(...call) ?? Promise.reject(new Error("not yet")),
      },
      restored,
    });
    real.operations = createOperations({ ...world.parts, alarms: server.alarms, tags: server.tags });
    return new World(world, server, clock);
  }

  get nowUs(): number {
    return Date.now() * 1000 + this.clock.offsetUs;
  }

  /** A value of a tag, newer than all before; answers its time in µs. */
  value(group: string, name: string, value: number | boolean): number {
    const timeUs = this.#newestUs = Math.max(this.nowUs, this.#newestUs + 1);
    const tag = this.server.tags.get(tagId(group, name));
    ok(tag);
    this.server.tags.update([tagUpdate(tag, value, timeUs)]);
    return timeUs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.operations[Symbol.asyncDispose]();
  }
}

/** A client's session with one subscription. */
class Scada {
  readonly #client: OpcUaClientProcess;
  readonly id: number;
  readonly subscription: number;

  private constructor(client: OpcUaClientProcess, id: number, subscription: number) {
    this.#client = client;
    this.id = id;
    this.subscription = subscription;
  }

  static async open(client: OpcUaClientProcess, url: string, user = "operator"): Promise<Scada> {
    const id = await client.connect(url, { user, password: PASSWORD });
    const { subscription } = await client.call<{ subscription: number }>("subscribe", { id, publishingMs: 50 });
    return new Scada(client, id, subscription);
  }

  async listen(
    node: string,
    fields: readonly string[],
    more: { where?: EventWhere; queueSize?: number; discardOldest?: boolean } = {},
  ): Promise<Listener> {
    const { id, subscription } = this;
    const { item, status } = await this.#client.call<{ item: number; status: string }>("alarmItem", {
      id,
      subscription,
      node,
      fields,
      ...more,
    });
    strictEqual(status, "Good");
    return new Listener(this.#client, id, item);
  }

  async call(object: string, method: string, ...args: TypedValue[]): Promise<string> {
    const { status } = await this.#client.call<{ status: string }>("invoke", { id: this.id, object, method, args });
    return status;
  }

  refresh(subscription = this.subscription, item?: number): Promise<string> {
    return item === undefined
      ? this.call("i=2782", "i=3875", ["UInt32", subscription])
      : this.call("i=2782", "i=12912", ["UInt32", subscription], ["UInt32", item]);
  }

  read(nodes: readonly string[], attribute = "Value"): Promise<WireValue[]> {
    return this.#client.call<WireValue[]>("read", { id: this.id, nodes, attribute });
  }
}

/** The events that one monitored item gets. */
class Listener {
  readonly #client: OpcUaClientProcess;
  readonly #id: number;
  readonly item: number;
  readonly #rows: EventRow[] = [];

  constructor(client: OpcUaClientProcess, id: number, item: number) {
    this.#client = client;
    this.#id = id;
    this.item = item;
  }

  /** The next event. */
  async next(): Promise<EventRow> {
    const [row] = await this.take(1);
    ok(row);
    return row;
  }

  /** The next events, which must be so many. */
  async take(count: number): Promise<EventRow[]> {
    await waitFor(`${count} events`, async () => {
      this.#rows.push(...await this.#client.call<EventRow[]>("alarmEvents", { id: this.#id, item: this.item }));
      return this.#rows.length >= count;
    });
    return this.#rows.splice(0, count);
  }

  /** Everything up to an event of the type, which is left out. */
  async until(eventType: string): Promise<EventRow[]> {
    const rows: EventRow[] = [];
    for (;;) {
      const row = await this.next();
      if (row.EventType === eventType) return rows;
      rows.push(row);
    }
  }
}

const node = (id: string) => `ns=2;s=${id}`;
const bytes = (hex: unknown): TypedValue => ["ByteString", hex];
const text = (comment: string | null): TypedValue => ["LocalizedText", comment];
const REFRESH_START = "ns=0;i=2787";
const REFRESH_END = "ns=0;i=2788";

Deno.test("alarms reach a client as conditions and events", async (t) => {
  await using world = await World.open();
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url);
  const all = await scada.listen("i=2253", limitFields);

  await t.step("a limit alarm tells everything of itself", async () => {
    world.value(A, "level", 50);
    const timeUs = world.value(A, "level", 85.5);
    const { EventId: eventId, ReceiveTime: received, Message: message, ...event } = await all.next();
    ok(typeof eventId === "string" && /^[0-9a-f]{32}$/.test(eventId) && !/^0+$/.test(eventId));
    ok(Number(received) >= timeUs - 1000);
    ok(String(message).includes("85.5"), String(message));
    deepStrictEqual(event, {
      ConditionId: node(LEVEL),
      EventType: "ns=0;i=9482",
      SourceNode: node(`${A}/level`),
      SourceName: "Pump/level",
      Time: timeUs,
      Severity: 500,
      ConditionClassId: "ns=0;i=11164",
      ConditionName: "Limit",
      BranchId: "ns=0;i=0",
      Retain: true,
      EnabledState: "Enabled",
      "EnabledState/Id": true,
      "EnabledState/EffectiveDisplayName": "Active | High | Unacknowledged",
      Quality: "status:Good",
      "Quality/SourceTimestamp": timeUs,
      LastSeverity: 0,
      Comment: null,
      ClientUserId: "",
      AckedState: "Unacknowledged",
      "AckedState/Id": false,
      "ConfirmedState/Id": false,
      ActiveState: "Active",
      "ActiveState/Id": true,
      "ActiveState/EffectiveDisplayName": "Active | High",
      "ActiveState/TransitionTime": timeUs,
      InputNode: node(`${A}/level`),
      "SuppressedState/Id": false,
      SuppressedOrShelved: false,
      MaxTimeShelved: 604_800_000,
      "ShelvingState/CurrentState": "Unshelved",
      "ShelvingState/CurrentState/Id": "ns=0;i=2930",
      "ShelvingState/UnshelveTime": 0,
      "LimitState/CurrentState": "High",
      "LimitState/CurrentState/Id": "ns=0;i=9331",
      HighHighLimit: 90,
      HighLimit: 80,
      LowLimit: 5,
      LowLowLimit: null,
    });
  });

  await t.step("a worse limit is the same condition with another event", async () => {
    world.value(A, "level", 95);
    const event = await all.next();
    deepStrictEqual(
      [event.ConditionId, event.Severity, event.LastSeverity, event["LimitState/CurrentState"]],
      [node(LEVEL), 800, 500, "HighHigh"],
    );
    strictEqual(event["LimitState/CurrentState/Id"], "ns=0;i=9329");
  });

  await t.step("an inactive alarm stays of interest until it is acknowledged and confirmed", async () => {
    const timeUs = world.value(A, "level", 50);
    const event = await all.next();
    deepStrictEqual([event["ActiveState/Id"], event["ActiveState"], event.Retain], [false, "Inactive", true]);
    deepStrictEqual([event["LimitState/CurrentState"], event["LimitState/CurrentState/Id"]], [null, "ns=0;i=0"]);
    strictEqual(event["ActiveState/TransitionTime"], timeUs);
  });

  await t.step("an off-normal alarm", async () => {
    const listener = await scada.listen(node(A), [
      "ConditionId",
      "EventType",
      "SourceName",
      "Message",
      "Severity",
      "ConditionName",
      "NormalState",
      "ActiveState/Id",
      "LimitState/CurrentState",
    ]);
    world.value(A, "door", false);
    world.value(A, "door", true);
    deepStrictEqual(await listener.next(), {
      ConditionId: node(DOOR),
      EventType: "ns=0;i=10637",
      SourceName: "Pump/door",
      Message: "Door of the pump house is open",
      Severity: 300,
      ConditionName: "OffNormal",
      NormalState: node(`${DOOR}/NormalValue`),
      "ActiveState/Id": true,
      "LimitState/CurrentState": null,
    });
    const [normal] = await scada.read([node(`${DOOR}/NormalValue`)]);
    deepStrictEqual([normal?.value, normal?.dataType], [false, 1]);
    await all.take(1);
  });

  await t.step("a device that falls silent, and is heard again", async () => {
    world.value(B, "flow", 20);
    const listener = await scada.listen(node(B), ["ConditionId", "EventType", "SourceNode", "SourceName", "Severity"]);
    world.clock.offsetUs += 120_000_000;
    world.server.tags.sweep();
    const rows = [await listener.next()];
    deepStrictEqual(rows[0], {
      ConditionId: node(SILENT),
      EventType: "ns=0;i=18347",
      SourceNode: node(B),
      SourceName: "Well",
      Severity: 600,
    });
    world.value(B, "flow", 21);
    await listener.next();
    strictEqual(world.server.alarms.get(SILENT)?.active, false);
    await all.take(2);
  });

  await t.step("outage, storage and certificate of the gateway itself", async () => {
    const listener = await scada.listen(node("Gateway"), [
      "ConditionId",
      "EventType",
      "SourceNode",
      "ConditionName",
      "ConditionClassId",
      "Retain",
      "ExpirationDate",
      "CertificateType",
      "Certificate",
    ]);
    const system = { SourceNode: node("Gateway"), ConditionClassId: "ns=0;i=11166", Retain: true };
    const none = { ExpirationDate: null, CertificateType: null, Certificate: null };
    world.server.faults.raise("source_unreachable", "ChirpStack does not answer");
    deepStrictEqual(await listener.next(), {
      ConditionId: node("Gateway/$alarm/SourceOutage"),
      EventType: "ns=0;i=11753",
      ConditionName: "SourceOutage",
      ...system,
      ...none,
    });
    world.server.faults.raise("history_write_failed", "disk full");
    deepStrictEqual(await listener.next(), {
      ConditionId: node("Gateway/$alarm/HistoryStorage"),
      EventType: "ns=0;i=11753",
      ConditionName: "HistoryStorage",
      ...system,
      ...none,
    });
    world.server.faults.raise("certificate_expiring", "in 7 days");
    const { Certificate: certificate, ExpirationDate: expires, ...expiry } = await listener.next();
    deepStrictEqual(expiry, {
      ConditionId: node("Gateway/$alarm/OpcUaCertificate"),
      EventType: "ns=0;i=13225",
      ConditionName: "OpcUaCertificate",
      CertificateType: "ns=0;i=12560",
      ...system,
    });
    strictEqual(expires, world.server.handle.status().certificateNotAfterUs);
    ok(typeof certificate === "string" && certificate.startsWith("3082"), "a DER certificate");
    await all.take(3);
  });

  await t.step("the condition node shows the state, with all that is mandatory, and follows it", async () => {
    const tree = await client.call<{ nodeId: string; browseName: string }[]>("browse", {
      id: scada.id,
      node: node(LEVEL),
    });
    const names = new Set(tree.map(({ browseName }) => browseName));
    for (
      const name of [
        ...["EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity"],
        ...["ConditionClassId", "ConditionClassName", "ConditionName", "BranchId", "Retain", "EnabledState", "Quality"],
        ...["LastSeverity", "Comment", "ClientUserId", "AckedState", "ConfirmedState", "ActiveState", "InputNode"],
        ...["SuppressedState", "ShelvingState", "SuppressedOrShelved", "MaxTimeShelved", "LimitState", "HighLimit"],
        ...["Enable", "Disable", "AddComment", "Acknowledge", "Confirm"],
      ]
    ) ok(names.has(name), `${name} is missing`);
    ok(!names.has("LowLowLimit"), "a limit that is not set is not there");
    const path = (of: string) => node(`${LEVEL}/${of}`);
    const [active, acked, severity, limit] = await scada.read(
      ["ActiveState/Id", "AckedState/Id", "Severity", "HighHighLimit"].map(path),
    );
    deepStrictEqual([active?.value, acked?.value, severity?.value, limit?.value], [false, false, 800, 90]);
    await client.call("monitor", { id: scada.id, subscription: scada.subscription, nodes: [path("ActiveState/Id")] });
    world.value(A, "level", 82);
    await waitFor("an active state", async () => {
      const [now] = await scada.read([path("ActiveState/Id")]);
      return now?.value === true;
    });
    await waitFor("a notification of the active state", async () => {
      const seen = await client.call<WireValue[]>("notifications", { id: scada.id, node: path("ActiveState/Id") });
      return seen.at(-1)?.value === true;
    });
  });
});

Deno.test("people answer alarms through OPC UA", async (t) => {
  await using world = await World.open();
  await using client = await startOpcUaClient();
  const operator = await Scada.open(client, world.server.url, "operator");
  const viewer = await Scada.open(client, world.server.url, "viewer");
  const engineer = await Scada.open(client, world.server.url, "engineer");
  const fields = [...someFields, "ConfirmedState/Id", "Comment", "ClientUserId", "ShelvingState/CurrentState"];
  const events = await operator.listen("i=2253", fields);
  const others = await viewer.listen("i=2253", fields);
  const both = async () => {
    const event = await events.next();
    deepStrictEqual(await others.next(), event, "every client sees the same event");
    return event;
  };
  world.value(A, "level", 50);
  world.value(A, "level", 85);
  const first = await both();
  const level = node(LEVEL);

  await t.step("a viewer is refused, and the audit knows who and from where", async () => {
    strictEqual(await viewer.call(level, ACKNOWLEDGE, bytes(first.EventId), text("no")), "BadUserAccessDenied");
    strictEqual(world.server.alarms.get(LEVEL)?.acknowledged, false);
    const { records } = await world.operations.result("audit.tail", {});
    const record = records.find((one: unknown) => JSON.stringify(one).includes("alarms.ack"));
    ok(JSON.stringify(record).includes("viewer"), JSON.stringify(record));
    ok(JSON.stringify(record).includes("127.0.0.1"), JSON.stringify(record));
    ok(JSON.stringify(record).includes(LEVEL), JSON.stringify(record));
  });

  await t.step("confirm before acknowledge, and events that nobody sent", async () => {
    strictEqual(await operator.call(level, CONFIRM, bytes(first.EventId), text(null)), "BadInvalidState");
    for (const id of ["00".repeat(16), "ab", ""]) {
      strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(id), text("x")), "BadEventIdUnknown");
    }
  });

  await t.step("arguments are judged before anything happens", async () => {
    strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(first.EventId)), "BadArgumentsMissing");
    strictEqual(
      await operator.call(level, ACKNOWLEDGE, bytes(first.EventId), text("x"), text("y")),
      "BadTooManyArguments",
    );
    strictEqual(
      await operator.call(level, ACKNOWLEDGE, ["String", "x"], text("x")),
      "BadInvalidArgument",
    );
    strictEqual(await operator.call(node(`${A}/none/$alarm`), ACKNOWLEDGE, bytes("00"), text("x")), "BadNodeIdUnknown");
    strictEqual(await operator.call("i=2881", ACKNOWLEDGE, bytes("00".repeat(16)), text("x")), "BadNodeIdInvalid");
    strictEqual(await operator.call(level, "i=2949", ["Int32", 1]), "BadInvalidArgument");
  });

  await t.step("acknowledge, then confirm, each once", async () => {
    strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(first.EventId), text("on my way")), "Good");
    const acked = await both();
    deepStrictEqual(
      [acked["AckedState/Id"], acked["ConfirmedState/Id"], acked.Comment, acked.ClientUserId, acked.Retain],
      [true, false, "on my way", "operator", true],
    );
    ok(acked.EventId !== first.EventId);
    strictEqual(
      await operator.call(level, ACKNOWLEDGE, bytes(acked.EventId), text("again")),
      "BadConditionBranchAlreadyAcked",
    );
    strictEqual(await operator.call(level, `ns=2;s=${LEVEL}/Confirm`, bytes(acked.EventId), text(null)), "Good");
    const confirmed = await both();
    deepStrictEqual([confirmed["ConfirmedState/Id"], confirmed.Comment], [true, "on my way"]);
    strictEqual(
      await operator.call(level, CONFIRM, bytes(confirmed.EventId), text(null)),
      "BadConditionBranchAlreadyConfirmed",
    );
    world.value(A, "level", 50);
    const over = await both();
    deepStrictEqual([over.Retain, over["ActiveState/Id"]], [false, false]);
  });

  await t.step("comments", async () => {
    const { eventId } = world.server.alarms.get(LEVEL) ?? {};
    strictEqual(await operator.call(level, ADD_COMMENT, bytes(eventId), text("sensor cleaned")), "Good");
    const event = await both();
    deepStrictEqual([event.Comment, event.ClientUserId], ["sensor cleaned", "operator"]);
  });

  await t.step("shelving for a time, once, and back", async () => {
    const shelving = node(`${LEVEL}/ShelvingState`);
    strictEqual(await operator.call(level, UNSHELVE), "BadConditionNotShelved");
    for (const ms of [0, -1, 604_800_001]) {
      strictEqual(await operator.call(level, TIMED_SHELVE, ["Double", ms]), "BadShelvingTimeOutOfRange");
    }
    // by ConditionId and the type's method, and by the state machine's own node
    strictEqual(await operator.call(shelving, "i=2949", ["Double", 3_600_000]), "Good");
    strictEqual((await both())["ShelvingState/CurrentState"], "Timed Shelved");
    const [time] = await operator.read([node(`${LEVEL}/ShelvingState/UnshelveTime`)]);
    ok(Number(time?.value) > 3_590_000 && Number(time?.value) <= 3_600_000, String(time?.value));
    strictEqual(await operator.call(level, TIMED_SHELVE, ["Double", 1000]), "BadConditionAlreadyShelved");
    strictEqual(await operator.call(level, UNSHELVE), "Good");
    strictEqual((await both())["ShelvingState/CurrentState"], "Unshelved");
    strictEqual(await operator.call(level, ONE_SHOT_SHELVE), "Good");
    strictEqual((await both())["ShelvingState/CurrentState"], "One Shot Shelved");
    strictEqual(await operator.call(level, ONE_SHOT_SHELVE), "BadConditionAlreadyShelved");
    strictEqual(await operator.call(level, "i=2947"), "Good");
    await both();
  });

  await t.step("enable and disable are an engineer's", async () => {
    strictEqual(await operator.call(level, DISABLE), "BadUserAccessDenied");
    strictEqual(await engineer.call(level, ENABLE), "BadConditionAlreadyEnabled");
    strictEqual(await engineer.call(level, DISABLE), "Good");
    const event = await both();
    deepStrictEqual([event.Retain, event["ActiveState/Id"]], [false, "status:BadConditionDisabled"]);
    const [active, enabled] = await operator.read(
      ["ActiveState", "EnabledState/Id"].map((of) => node(`${LEVEL}/${of}`)),
    );
    deepStrictEqual([active?.statusName, enabled?.value], ["BadConditionDisabled", false]);
    strictEqual(await engineer.call(level, DISABLE), "BadConditionAlreadyDisabled");
    strictEqual(await operator.call(level, ACKNOWLEDGE, bytes(event.EventId), text("x")), "BadConditionDisabled");
    strictEqual(await operator.call(level, TIMED_SHELVE, ["Double", 1000]), "BadConditionDisabled");
    strictEqual(await engineer.call(level, ENABLE), "Good");
    strictEqual((await both())["ActiveState/Id"], false);
  });
});

Deno.test("subscriptions get what they ask for", async (t) => {
  await using world = await World.open();
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url);
  const other = await Scada.open(client, world.server.url, "viewer");
  const all = await scada.listen("i=2253", someFields);
  for (const name of ["level", "flow"]) world.value(name === "level" ? A : B, name, 50);

  await t.step("a device and an application tell of theirs alone", async () => {
    const device = await scada.listen(node(A), someFields);
    const application = await scada.listen(node("field"), someFields);
    world.value(A, "level", 85);
    world.value(B, "flow", 85);
    const seen = await all.take(2);
    deepStrictEqual(seen.map((event) => event.ConditionId), [node(LEVEL), node(FLOW)]);
    deepStrictEqual([await device.next()], [seen[0]]);
    deepStrictEqual([await application.next()], [seen[1]]);
    world.value(A, "level", 86);
    world.value(A, "level", 95);
    // had the application's item wrongly got events of the pump, they would have come before this one
    world.value(B, "flow", 95);
    await all.take(2);
    strictEqual((await application.next()).ConditionId, node(FLOW));
    strictEqual((await device.next()).ConditionId, node(LEVEL));
    const notifier = await scada.read([node(A), node("field"), "i=2253", node("Gateway")], "EventNotifier");
    deepStrictEqual(notifier.map(({ value }) => value), [5, 5, 5, 5]);
  });

  await t.step("where clauses choose by type, by value and by condition", async () => {
    const nodeIdOf = (id: string): TypedValue => ["NodeId", id];
    const limits = await scada.listen("i=2253", someFields, { where: { op: "OfType", values: [nodeIdOf("i=2955")] } });
    const doors = await scada.listen("i=2253", someFields, {
      where: {
        op: "And",
        of: [
          { op: "OfType", values: [nodeIdOf("i=10637")] },
          { op: "Equals", field: "ActiveState/Id", values: [["Boolean", true]] },
        ],
      },
    });
    const severe = await scada.listen("i=2253", someFields, {
      where: { op: "GreaterThanOrEqual", field: "Severity", values: [["UInt16", 800]] },
    });
    const flow = await scada.listen("i=2253", someFields, {
      where: { op: "InList", field: "ConditionId", values: [nodeIdOf(node(FLOW))] },
    });
    world.value(A, "door", false);
    world.value(A, "door", true);
    world.value(A, "door", false);
    world.value(B, "flow", 50);
    world.value(A, "level", 50);
    world.value(A, "level", 95);
    const seen = await all.take(5);
    const ids = (rows: readonly EventRow[]) => rows.map((row) => row.EventId);
    deepStrictEqual(ids(await limits.take(3)), ids(seen.slice(2)));
    deepStrictEqual(ids(await doors.take(1)), ids(seen.slice(0, 1)));
    deepStrictEqual(ids(await flow.take(1)), ids(seen.slice(2, 3)));
    deepStrictEqual(
      (await severe.take(1)).at(-1)?.EventId,
      seen.find((row) => row.Retain && row.ConditionId === node(FLOW))?.EventId,
    );
  });

  await t.step("a refresh brings back what is retained, to whom it was asked for", async () => {
    const elsewhere = await other.listen("i=2253", someFields);
    const area = await scada.listen(node("field"), someFields);
    strictEqual(await scada.refresh(), "Good");
    const retained = world.server.alarms.list().filter(({ retain }) => retain);
    ok(retained.length >= 2 && retained.length < world.server.alarms.list().length);
    strictEqual((await all.next()).EventType, REFRESH_START);
    const rows = await all.until(REFRESH_END);
    deepStrictEqual(rows.map((row) => row.EventId), retained.map(({ eventId }) => eventId), "the events they had");
    strictEqual((await area.next()).EventType, REFRESH_START);
    deepStrictEqual((await area.until(REFRESH_END)).map((row) => row.ConditionId), [node(FLOW)]);
    world.value(A, "door", true);
    strictEqual((await elsewhere.next()).ConditionId, node(DOOR), "another subscription hears nothing of a refresh");
    await all.next();
  });

  await t.step("a refresh of one item, and refreshes of what is not there", async () => {
    const filtered = await scada.listen("i=2253", someFields, {
      where: { op: "InList", field: "ConditionId", values: [["NodeId", node(FLOW)]] },
    });
    strictEqual(await scada.refresh(scada.subscription, filtered.item), "Good");
    strictEqual((await filtered.next()).EventType, REFRESH_START, "the bracket passes every filter");
    deepStrictEqual((await filtered.until(REFRESH_END)).map((row) => row.ConditionId), [node(FLOW)]);
    strictEqual(await scada.refresh(4711), "BadSubscriptionIdInvalid");
    strictEqual(await scada.refresh(other.subscription), "BadSubscriptionIdInvalid");
    strictEqual(await scada.refresh(scada.subscription, 4711), "BadMonitoredItemIdInvalid");
    strictEqual(await scada.call("i=2782", "i=3875"), "BadArgumentsMissing");
    world.value(A, "door", false);
    strictEqual((await all.next()).ConditionId, node(DOOR), "the other items heard nothing");
  });

  await t.step("a queue that is too short says so", async () => {
    const { subscription } = scada;
    const listen = async (discardOldest: boolean) => {
      const { item, queueSize } = await client.call<{ item: number; queueSize: number }>("alarmItem", {
        id: scada.id,
        subscription,
        node: node(A),
        fields: someFields,
        queueSize: 1,
        discardOldest,
      });
      strictEqual(queueSize, 100);
      return new Listener(client, scada.id, item);
    };
    const newest = await listen(true);
    const oldest = await listen(false);
    const setMode = (monitoringMode: number) =>
      client.call("service", {
        id: scada.id,
        service: "SetMonitoringMode",
        fields: { subscriptionId: subscription, monitoringMode, monitoredItemIds: [newest.item, oldest.item] },
      });
    // sampling fills the queues, reporting empties them
    await setMode(1);
    for (let i = 0; i < 75; i++) {
      world.value(A, "door", true);
      world.value(A, "door", false);
    }
    const sent = await all.take(150);
    await setMode(2);
    const lost = await newest.take(101);
    strictEqual(lost[0]?.EventType, "ns=0;i=3035");
    ok(lost.slice(1).every((row) => row.ConditionId === node(DOOR)));
    const kept = await oldest.take(101);
    strictEqual(kept.at(-1)?.EventType, "ns=0;i=3035");
    deepStrictEqual(lost.slice(1), sent.slice(50));
    deepStrictEqual(kept.slice(0, 100), sent.slice(0, 100));
  });
});

Deno.test("conditions follow the configuration under open sessions", async () => {
  await using world = await World.open();
  await using client = await startOpcUaClient();
  const scada = await Scada.open(client, world.server.url);
  const all = await scada.listen("i=2253", [...someFields, "HighLimit"]);
  world.value(A, "level", 50);
  world.value(A, "level", 85);
  strictEqual((await all.next()).HighLimit, 80);
  const there = async (id: string) => (await scada.read([node(id)], "BrowseName"))[0]?.statusName === "Good";
  ok(await there(LEVEL));

  world.server.alarms.define(definitions.filter(({ id }) => id !== LEVEL));
  const removed = await all.next();
  deepStrictEqual([removed.ConditionId, removed.Retain], [node(LEVEL), false]);
  await waitFor("a removed condition", async () => !await there(LEVEL));
  strictEqual(await scada.call(node(LEVEL), ACKNOWLEDGE, bytes("00".repeat(16)), text("x")), "BadNodeIdUnknown");

  world.server.alarms.define([limitAlarm(A, "level", { limits: { lolo: null, lo: null, hi: 70, hihi: null } })]);
  await waitFor("a new condition", () => there(LEVEL));
  world.value(A, "level", 86);
  const active = await waitFor("an event of the new condition", async () => {
    const event = await all.next();
    return event.ConditionId === node(LEVEL) ? event : false;
  });
  deepStrictEqual([active.HighLimit, active["ActiveState/Id"]], [70, true]);

  // the tag's node is made anew with another type: its condition goes with it
  world.server.tags.define([testTag(A, "level", { type: "Int", dataType: "Int16" })]);
  await waitFor(
    "a new type",
    async () => (await scada.read([node(`${A}/level`)], "DataType"))[0]?.value === "ns=0;i=4",
  );
  await waitFor("the condition at its source", async () => {
    const found = await client.call<{ references?: { nodeId: string }[] } | { nodeId: string }[]>("browseTree", {
      id: scada.id,
      node: node(A),
    });
    return JSON.stringify(found).includes(`${LEVEL}"`);
  });
});

Deno.test("a restart keeps conditions and their events, and tells nothing new", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "edgekeep-alarms-" });
  await using client = await startOpcUaClient();
  try {
    let before: EventRow;
    let atUs: number;
    {
      await using world = await World.open(definitions, dataDir);
      const scada = await Scada.open(client, world.server.url);
      const all = await scada.listen("i=2253", someFields);
      world.value(A, "level", 50);
      atUs = world.value(A, "level", 85);
      before = await all.next();
    }
    const restored = { value: 85, quality: Quality.Good, sourceTimeUs: atUs, serverTimeUs: atUs };
    await using world = await World.open(definitions, dataDir, [[tagId(A, "level"), restored]]);
    const scada = await Scada.open(client, world.server.url);
    const all = await scada.listen("i=2253", someFields);
    strictEqual(await scada.refresh(), "Good");
    strictEqual((await all.next()).EventType, REFRESH_START);
    deepStrictEqual(await all.until(REFRESH_END), [before]);
    strictEqual(await scada.call(String(before.ConditionId), ACKNOWLEDGE, bytes(before.EventId), text("late")), "Good");
    const acked = await all.next();
    deepStrictEqual([acked.ConditionId, acked["AckedState/Id"]], [before.ConditionId, true]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
