import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Simulator } from "../../src/sources/simulator/start_simulator.ts";
import { Quality } from "../../src/tags/quality.ts";
import { freePort } from "../../src/cli/free_port.ts";
import { connectControl } from "../../src/control/control_client.ts";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { type OpcUaClientProcess, startOpcUaClient, type WireValue } from "../lib/opcua_client_process.ts";
import { type Site, site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

/** A simulated field that is silent until it is told to send. */
export interface Field extends AsyncDisposable {
  readonly simulator: Simulator;
  /** The OPC UA node of {@link takesAnUplink}'s value. */
  readonly node: string;
}

/** A program and its first arguments. */
export type Command = readonly [string, ...string[]];

/** A packaged gateway with a client that is logged in. */
export interface PackagedGateway extends AsyncDisposable {
  readonly process: GatewayProcess;
  readonly client: OpcUaClientProcess;
  /** The client's connection. */
  readonly id: number;
  /** How its control endpoint is reached. */
  readonly control: { readonly endpoint: string; readonly token?: string };
  /** Ends it as a service manager does, and checks what it leaves. */
  endsClean(): Promise<void>;
}

/** How a packaged gateway is started. */
export interface PackagedOptions {
  /** Time to get ready, ms. Default 60,000. */
  readonly deadlineMs?: number;
  /** Deno 2.4 knows no permission for a unix socket. */
  readonly controlOnTcp?: boolean;
}

/** Starts the field. */
export async function startField(): Promise<Field> {
  const simulator = await startSimulatedField(5);
  const node = `ns=2;s=${simulator.devices[0]?.devEui}/Soil temperature`;
  return { simulator, node, [Symbol.asyncDispose]: () => simulator.stop() };
}

/**
 * Starts a packaged gateway in a folder that holds nothing but its configuration.
 *
 * @param command what stands for `edgekeep`: a program and its first arguments; they may depend on the site
 */
export async function startPackagedGateway(
  command: Command | ((place: Site) => Promise<Command>),
  folder: string,
  { simulator }: Field,
  { deadlineMs = 60_000, controlOnTcp = false }: PackagedOptions = {},
): Promise<PackagedGateway> {
  await using stack = new AsyncDisposableStack();
  const token = crypto.randomUUID() + crypto.randomUUID();
  const endpoint = `tcp://127.0.0.1:${freePort("127.0.0.1", 0)}`;
  const place = site({
    folder,
    chirpstackUrl: simulator.url,
    devices: simulator.devices,
    control: controlOnTcp ? { endpoint, auth_token: token } : {},
  });
  const program = typeof command === "function" ? await command(place) : command;
  const process = await startGatewayProcess({ ...place, program, deadlineMs });
  stack.defer(async () => void await process.end());
  const client = stack.use(await startOpcUaClient());
  const id = await client.connect(process.opcuaUrl);
  const owned = stack.move();
  return {
    process,
    client,
    id,
    control: controlOnTcp ? { endpoint, token } : { endpoint: `unix://${join(folder, "data", "control.sock")}` },
    async endsClean() {
      assert.equal(await process.end(), 0, process.output());
      const database = new DatabaseSync(place.databasePath, { readOnly: true });
      try {
        assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
      } finally {
        database.close();
      }
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["data", "edgekeep.toml"]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The server runs, and the field's first tag is there. Answers the tag's value. */
export async function answersReads({ client, id }: PackagedGateway, { node }: Field): Promise<WireValue> {
  const [state, value] = await client.call<WireValue[]>("read", { id, nodes: ["i=2259", node] });
  assert.deepEqual([state?.value, state?.status], [0, Quality.Good], "ServerState is Running");
  assert.ok(value !== undefined);
  return value;
}

/** An uplink of the field arrives at its OPC UA node with the device's time, and in the history. */
export async function takesAnUplink(gateway: PackagedGateway, { simulator, node }: Field): Promise<void> {
  const { client, id, process } = gateway;
  const [probe] = simulator.devices;
  assert.ok(probe !== undefined);
  const timeUs = (Math.floor(Date.now() / 1000) - 2) * 1_000_000;
  const object = { temp_SOIL: "21.37", water_SOIL: "41.20", conduct_SOIL: 88, Bat: 3.6 };
  simulator.sendUplink(probe.devEui, object, { timeUs });
  const value = await waitFor("the value on its OPC UA node", async () => {
    const [read] = await client.call<WireValue[]>("read", { id, nodes: [node] });
    return read?.value === 21.37 ? read : null;
  });
  assert.equal(value.sourceUs, timeUs);
  const tag = node.replace("ns=2;s=", "");
  const url = `${process.webUrl}/api/v1/history?tag=${encodeURIComponent(tag)}`;
  await waitFor("the sample in the history", async () => (await (await fetch(url)).text()).includes("21.37"));
}

/** Its control endpoint lets the owner of the machine, or the token, in, and its audit holds what came in. */
export async function answersControl({ control }: PackagedGateway): Promise<void> {
  const client = await connectControl(control);
  try {
    const { role } = await client.call("whoami", {}) as { role: string };
    assert.equal(role, "admin");
    const { ok, records } = await client.call("audit.verify", {}) as { ok: boolean; records: number };
    assert.ok(ok && records > 0);
  } finally {
    client.close();
  }
}

/** The page and its program come from inside the package. */
export async function servesItsPage({ process: { webUrl } }: PackagedGateway): Promise<void> {
  const page = await fetch(webUrl);
  assert.equal(page.headers.get("content-type")?.split(";")[0], "text/html");
  const script = /src="(\/[^"]*\.js)"/.exec(await page.text())?.[1];
  assert.ok(script !== undefined, "the page names its program");
  const program = await fetch(new URL(script, webUrl));
  const text = await program.text();
  assert.ok(program.ok && text.length > 10_000, "the page's program is served");
}

/** A folder of its own for a test's gateway. */
export async function emptyFolder(parent: string): Promise<string> {
  const folder = join(parent, crypto.randomUUID());
  await Deno.mkdir(folder);
  return folder;
}
