import type { AccessSettings } from "../../src/access/access.ts";
import { openAccess } from "../../src/access/open_access.ts";
import { openAlarms } from "../../src/alarms/open_alarms.ts";
import { openAudit } from "../../src/audit/open_audit.ts";
import { configSchema } from "../../src/config/schema.ts";
import type { ClientCertificates } from "../../src/operations/client_certificates.ts";
import { openCommands } from "../../src/commands/open_commands.ts";
import { createOperations } from "../../src/operations/create_operations.ts";
import { DebugGate } from "../../src/operations/debug_gate.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import { startWeb } from "../../src/web/start_web.ts";
import { cheapCost, noSettings, setupCodeIn } from "../lib/access_world.ts";
import { builtPage } from "../lib/built_page.ts";
import { webConfig } from "../lib/web_world.ts";
import { fieldAlarms, fieldCommands } from "./field_duties.ts";
import { fieldWorld } from "./field_world.ts";

/** What a test wants of a guarded gateway. */
export interface GuardedOptions {
  readonly auth?: "local" | "token";
  readonly settings?: Partial<AccessSettings>;
  /** Users to begin with; each has {@link passwordOf} as the password. */
  readonly users?: Readonly<Record<string, "viewer" | "operator" | "engineer" | "admin">>;
  /** What stands in `access.db` before the start. */
  readonly storeText?: string;
  /** The configuration that the policy judges in place of the one that runs, to draw listeners that no test opens. */
  readonly judged?: unknown;
  readonly clientCertificates?: ClientCertificates;
}

/** The password of a user that the world begins with. */
export const passwordOf = (name: string) => `${name}'s long password`;

/**
 * The web server over the real store of credentials, the real audit and the real operations, in this process. What is
 * left out: the supervisor, which the page's security part does not need, and the OPC UA server.
 */
export async function guardedGateway(options: GuardedOptions = {}) {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-e2e-" });
  const world = fieldWorld();
  const nowUs = () => Date.now() * 1000;
  const { faults, feed } = world;
  const settings = { ...noSettings, ...options.settings };
  if (options.storeText !== undefined) await Deno.writeTextFile(`${dir}/access.db`, options.storeText);
  const access = await openAccess({ dataDir: dir, settings, faults, feed, nowUs, hashCost: cheapCost });
  const audit = await openAudit({ dir: `${dir}/audit`, faults, nowUs });
  const web = webConfig({ auth: options.auth ?? "token" });
  const config = configSchema.parse({});
  const listening = { ...config, runtime: { ...config.runtime, web } };
  const debug = new DebugGate(() => config.runtime.control, nowUs, feed, faults);
  const commands = openCommands({
    config: config.commands,
    dataDir: dir,
    definitions: fieldCommands(world.devices),
    faults,
    feed,
    nowUs,
  });
  const alarms = openAlarms({
    config: { ...config.alarms, synchronous: "NORMAL" },
    dataDir: dir,
    definitions: fieldAlarms(world.devices),
    tags: world.tags,
    faults,
    feed,
    nowUs,
  });
  const status = () => ({ ...world.status(), alarms: alarms.counts() });
  let url = "";
  const operations = createOperations({
    config: () => listening,
    gateway: { id: "3f9a52c8d1e0", name: "north-field", version: "0.1.0" },
    status,
    isReady: () => true,
    tags: world.tags,
    devices: () => world.devices,
    history: world.history,
    backups: { create: () => Promise.reject(new Error("no history file")), list: () => Promise.resolve([]) },
    feed,
    faults,
    access,
    audit,
    host: { call: (name) => Promise.reject(new Error(`there is no supervisor for ${name}`)) },
    debug,
    commands,
    alarms,
    sessions: [{
      list: () =>
        access.sessions().map(({ userAgent, ...session }) => ({ ...session, kind: "web", client: userAgent })),
      close: (id) => access.closeSession(id),
    }],
    clientCertificates: () => options.clientCertificates ?? null,
    serverCertificate: () => null,
    exposure: () =>
      Promise.resolve(evaluate(options.judged === undefined ? listening : configSchema.parse(options.judged), {
        role: "gateway",
        nowUs: nowUs(),
        machine: { addresses: ["127.0.0.1"], hostname: "bench" },
        controlSocket: null,
        certificate: null,
        key: null,
        ca: null,
      })),
    pageUrls: () => [url],
    nowUs,
  });
  for (const [name, role] of Object.entries(options.users ?? {})) {
    await access.addUser({ name, password: passwordOf(name), role });
  }
  const server = await startWeb(world.options({
    assetsUrl: await builtPage(),
    config: web,
    access,
    audit,
    operations,
    debug,
    status,
    timings: { statusMs: 200 },
  }));
  url = server.url;
  return {
    url,
    world,
    access,
    audit,
    alarms,
    setupCode: () => setupCodeIn(dir),
    /** Stops the listener, as a crash does for the page. */
    stopServer: () => server.stop(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await commands.stop();
      await alarms.stop();
      debug.stop();
      access.stop();
      await audit.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}
