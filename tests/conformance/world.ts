import { strictEqual } from "node:assert/strict";
import { tagId, tagUpdate, type Value } from "../../src/tags/tag.ts";

import {
  type ConnectParams,
  type OpcUaClientProcess,
  type ServiceAnswer,
  type ServiceParams,
  startOpcUaClient,
} from "../lib/opcua_client_process.ts";
import {
  startTestServer,
  testDevice,
  type TestServer,
  type TestServerOptions,
  testTag,
} from "../lib/opcua_client_gateway.ts";
import { Quality } from "../../src/tags/quality.ts";

/** What a suite wants different from the usual server. */
export interface WorldOptions extends Omit<TestServerOptions, "nowUs"> {
  /** Starts another server than the usual one, with what stands around it. */
  readonly stage?: () => Promise<Stage>;
}

/** A server with what it works with. */
export interface Stage extends AsyncDisposable {
  readonly server: TestServer;
  /** Who logs in when a test says nothing else. */
  readonly user: string;
  readonly password: string;
}

/** The device whose tags the tests read. */
export const DEV = "0102030405060708";
/** The tags of the device, as NodeIds. */
export const nodes = {
  temperature: `ns=2;s=${DEV}/temperature`,
  humidity: `ns=2;s=${DEV}/humidity`,
  counter: `ns=2;s=${DEV}/counter`,
  label: `ns=2;s=${DEV}/label`,
  open: `ns=2;s=${DEV}/open`,
  waiting: `ns=2;s=${DEV}/waiting`,
  device: `ns=2;s=${DEV}`,
  application: "ns=2;s=plant",
} as const;

/** One server with one client in another process and one session in it. */
export interface World extends AsyncDisposable {
  readonly server: TestServer;
  readonly client: OpcUaClientProcess;
  /** The session that tests share; opened when first asked for. */
  session(): Promise<number>;
  /** Opens another session; closed with the world when the test does not. */
  connect(params?: Partial<ConnectParams>): Promise<number>;
  /** Opens a secure channel without a session. */
  open(params?: Partial<ConnectParams>): Promise<number>;
  /** Sends a request over the shared session, or the one of `id`. */
  call(service: string, fields?: ServiceParams["fields"], more?: Partial<ServiceParams>): Promise<ServiceAnswer>;
  /** Sends a request that must be refused, and answers the fault's status. */
  fault(service: string, fields?: ServiceParams["fields"], more?: Partial<ServiceParams>): Promise<string>;
  /** Sets a tag of the device. */
  set(name: string, value: Value, quality?: number, timeUs?: number): void;
}

/** Starts the server with {@link nodes} and its client. */
export async function startWorld({ stage, ...options }: WorldOptions): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const staged = stage === undefined ? undefined : undo.use(await stage());
  const login = staged === undefined ? {} : { user: staged.user, password: staged.password };
  const server = staged?.server ?? undo.use(
    await startTestServer({
      devices: [testDevice(DEV)],
      tags: [
        testTag(DEV, "temperature", { unit: "CEL", range: { low: -40, high: 85 } }),
        testTag(DEV, "humidity", { unit: "P1", range: { low: 0, high: 100 } }),
        testTag(DEV, "counter", { type: "Int", dataType: "Int32" }),
        testTag(DEV, "label", { type: "String", dataType: "String" }),
        testTag(DEV, "open", { type: "Bool", dataType: "Boolean" }),
        testTag(DEV, "waiting"),
      ],
      ...options,
    }),
  );
  const client = undo.use(await startOpcUaClient());
  const kept = undo.move();
  let session: Promise<number> | undefined;
  let lastUs = 0;
  const world: World = {
    server,
    client,
    session: () => session ??= client.connect(server.url, login),
    connect: (params) => client.connect(server.url, { ...login, ...params }),
    open: (params) =>
      client.call<number>("open", {
        url: server.url,
        pki: client.pki,
        policy: "Basic256Sha256",
        mode: "SignAndEncrypt",
        ...params,
      }),
    async call(service, fields = {}, more = {}) {
      const id = more.id ?? await world.session();
      return await client.call<ServiceAnswer>("service", { service, fields, ...more, id });
    },
    async fault(service, fields, more) {
      const answer = await world.call(service, fields, more);
      strictEqual(answer.$type, "ServiceFault", `${service} was answered ${answer.responseHeader.serviceResult}`);
      return answer.responseHeader.serviceResult;
    },
    set(name, value, quality = Quality.Good, timeUs = Date.now() * 1000) {
      const tag = server.tags.get(tagId(DEV, name));
      if (tag === undefined) throw new Error(`no tag ${name}`);
      // two values of one millisecond are two values
      lastUs = Math.max(timeUs, lastUs + 1000);
      server.tags.update([tagUpdate(tag, value, lastUs, quality)]);
    },
    async [Symbol.asyncDispose]() {
      await kept.disposeAsync();
    },
  };
  if (staged !== undefined) return world;
  world.set("temperature", 21.5);
  world.set("humidity", 40);
  world.set("counter", 7);
  world.set("label", "abcdef");
  world.set("open", true);
  return world;
}
