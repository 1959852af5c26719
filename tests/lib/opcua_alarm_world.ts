import { ok, strictEqual } from "node:assert/strict";
import type { AlarmDefinition, LimitAlarmDefinition } from "../../src/config/alarm_definition.ts";
import type { OpcUaConfig } from "../../src/config/schema.ts";
import { createOperations } from "../../src/operations/create_operations.ts";
import type { Operations } from "../../src/operations/operation.ts";
import { type Sample, type TagId, tagId, tagUpdate } from "../../src/tags/tag.ts";
import { startTestServer, testDevice, type TestServer, testTag } from "./opcua_client_gateway.ts";
import type { EventRow, EventWhere, OpcUaClientProcess, TypedValue, WireValue } from "./opcua_client_process.ts";
import { OperationsWorld, PASSWORD } from "./operations_world.ts";
import { waitFor } from "./wait_for.ts";

/** Devices: a pump of the application `plant`, a well of `field`. */
export const A = "0102030405060708";
export const B = "0102030405060709";
/** Alarms. */
export const LEVEL = `${A}/level/$alarm`;
export const DOOR = `${A}/door/$alarm`;
export const FLOW = `${B}/flow/$alarm`;
export const SILENT = `${B}/$alarm`;

/** What is enough to know an event by. */
export const someFields = ["ConditionId", "EventId", "EventType", "Time", "Retain", "ActiveState/Id", "AckedState/Id"];

/** A limit alarm of a tag: 5, 80, 90. */
export function limitAlarm(
  group: string,
  name: string,
  differences: Partial<LimitAlarmDefinition> = {},
): AlarmDefinition {
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

/** Alarms of the two devices. */
export const definitions: readonly AlarmDefinition[] = [
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

/** What a test wants different. */
export interface AlarmWorldOptions {
  /** Where alarms are stored, for a test that starts them again. */
  readonly dataDir?: string;
  readonly restored?: readonly (readonly [TagId, Sample])[];
  readonly config?: Partial<OpcUaConfig>;
}

/** A server with real operations behind it, and users of each role. */
export class AlarmWorld implements AsyncDisposable {
  readonly operations: OperationsWorld;
  readonly server: TestServer;
  readonly clock: { offsetUs: number };
  #newestUs = 0;

  private constructor(operations: OperationsWorld, server: TestServer, clock: { offsetUs: number }) {
    this.operations = operations;
    this.server = server;
    this.clock = clock;
  }

  static async open({ dataDir, restored = [], config = {} }: AlarmWorldOptions = {}): Promise<AlarmWorld> {
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
      alarms: { definitions, ...dataDir === undefined ? {} : { dataDir } },
      access: world.access,
      nowUs: () => Date.now() * 1000 + clock.offsetUs,
      operations: {
        call: (...call) => real.operations?.call(...call) ?? Promise.reject(new Error("not yet")),
      },
      restored,
      config,
    });
    real.operations = createOperations({ ...world.parts, alarms: server.alarms, tags: server.tags });
    return new AlarmWorld(world, server, clock);
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
export class Scada {
  readonly #client: OpcUaClientProcess;
  readonly id: number;
  readonly subscription: number;

  private constructor(client: OpcUaClientProcess, id: number, subscription: number) {
    this.#client = client;
    this.id = id;
    this.subscription = subscription;
  }

  static async open(client: OpcUaClientProcess, url: string, user = "operator", password = PASSWORD): Promise<Scada> {
    const id = await client.connect(url, { user, password });
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
export class Listener {
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

/** NodeId of ours. */
export const node = (id: string) => `ns=2;s=${id}`;
/** An event id as argument. */
export const bytes = (hex: unknown): TypedValue => ["ByteString", hex];
/** A comment as argument. */
export const text = (comment: string | null): TypedValue => ["LocalizedText", comment];
