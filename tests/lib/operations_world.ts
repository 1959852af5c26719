import assert from "node:assert/strict";
import { join } from "node:path";
import type { Access } from "../../src/access/access.ts";
import { openAccess } from "../../src/access/open_access.ts";
import { type Caller, localPrincipal, type Principal } from "../../src/access/principal.ts";
import type { Alarms } from "../../src/alarms/alarms.ts";
import { openAlarms } from "../../src/alarms/open_alarms.ts";
import type { Audit } from "../../src/audit/audit.ts";
import { openAudit } from "../../src/audit/open_audit.ts";
import type { CommandDefinition } from "../../src/config/command_definition.ts";
import type { Commands } from "../../src/commands/commands.ts";
import { openCommands } from "../../src/commands/open_commands.ts";
import type { LimitAlarmDefinition } from "../../src/config/alarm_definition.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import type { BackupFile } from "../../src/history/history.ts";
import type {
  CertificateStore,
  ClientCertificates,
  ListedCertificate,
} from "../../src/operations/client_certificates.ts";
import { createOperations } from "../../src/operations/create_operations.ts";
import { DebugGate } from "../../src/operations/debug_gate.ts";
import type { OperationAnswer, Operations } from "../../src/operations/operation.ts";
import type { OperationParts } from "../../src/operations/operation_parts.ts";
import { operationSchemas } from "../../src/operations/schemas/operation_schemas.ts";
import type { SessionEntry, SessionSource } from "../../src/operations/session_source.ts";
import { isOperation } from "../../src/policy/operations.ts";
import { type Role, roles } from "../../src/policy/roles.ts";
import { tagId } from "../../src/tags/tag.ts";
import { RecordedHost } from "./recorded_host.ts";
import { smallConfig, WebWorld } from "./web_world.ts";

/** Address of a caller in another network. */
export const REMOTE = "192.0.2.7";
/** Password of every user of {@link OperationsWorld.user}. */
export const PASSWORD = "correct horse battery";

/** What a test wants different. */
export interface OperationsWorldOptions {
  /** `[runtime.*]`, `[opcua]`, … beside the devices of `smallConfig`. */
  readonly config?: Record<string, unknown>;
  /** `false` leaves the store without any user or token. Default `true`. */
  readonly claimed?: boolean;
}

/**
 * All operations over a real store of credentials, a real audit and real tags in a temporary folder; the supervisor, the
 * history's file and the listeners are stood in for. Every answer is checked against its schema.
 */
export class OperationsWorld implements AsyncDisposable {
  readonly folder: string;
  readonly site: WebWorld;
  readonly access: Access;
  readonly audit: Audit;
  readonly host = new RecordedHost();
  readonly debug: DebugGate;
  /** No network server is connected: what is sent waits. */
  readonly commands: Commands;
  readonly alarms: Alarms;
  readonly sessions = new MemorySessions();
  readonly certificates = new MemoryCertificates();
  readonly parts: OperationParts;
  readonly operations: Operations;
  config: Config;
  pageUrls: string[] = ["https://gateway.example:8443"];
  readonly #principals = new Map<Role, Principal>();
  #users = 0;
  #alarmTimeUs = 0;

  private constructor(folder: string, site: WebWorld, config: Config, access: Access, audit: Audit) {
    this.folder = folder;
    this.site = site;
    this.config = config;
    this.access = access;
    this.audit = audit;
    this.debug = new DebugGate(() => this.config.runtime.control, nowUs, site.feed, site.faults);
    this.commands = openCommands({
      config: { max_pending_per_device: 1000, max_per_minute: 10_000, retention_days: 365 },
      dataDir: folder,
      definitions: [testValve],
      faults: site.faults,
      feed: site.feed,
      nowUs,
    });
    this.alarms = openAlarms({
      config: { ...config.alarms, synchronous: "NORMAL" },
      dataDir: folder,
      definitions: [testAlarm],
      tags: site.tags,
      faults: site.faults,
      feed: site.feed,
      nowUs,
    });
    const backups: BackupFile[] = [];
    this.parts = {
      config: () => this.config,
      gateway: { id: "3f9a52c8d1e0", name: config.gateway.name, version: "0.1.0" },
      status: () => site.status(),
      isReady: () => site.ready,
      tags: site.tags,
      devices: () => site.devices,
      history: site.history,
      alarms: this.alarms,
      backups: {
        create: () => {
          const made = { file: `history-${backups.length}.db`, bytes: 4096 };
          backups.unshift({ ...made, createdUs: nowUs() });
          return Promise.resolve(made);
        },
        list: () => Promise.resolve([...backups]),
      },
      feed: site.feed,
      faults: site.faults,
      access,
      audit,
      host: this.host,
      debug: this.debug,
      commands: this.commands,
      sessions: [this.sessions],
      clientCertificates: () => this.certificates,
      serverCertificate: () => null,
      exposure: () => Promise.resolve({ exposures: [], findings: [] }),
      pageUrls: () => this.pageUrls,
      nowUs,
    };
    this.operations = createOperations(this.parts);
  }

  static async open({ config = {}, claimed = true }: OperationsWorldOptions = {}): Promise<OperationsWorld> {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-operations-" });
    const parsed = configSchema.parse({ ...smallConfig, ...config });
    const site = new WebWorld({ ...smallConfig, ...config });
    const { faults, feed } = site;
    const access = await openAccess({
      dataDir: folder,
      settings: { configUser: null, controlToken: null, sessionIdleMs: 3_600_000 },
      faults,
      feed,
      nowUs,
      hashCost: { logN: 4, r: 1, p: 1 },
    });
    const audit = await openAudit({ dir: join(folder, "audit"), faults, nowUs, checkAfterMs: 3_600_000 });
    const world = new OperationsWorld(folder, site, parsed, access, audit);
    if (claimed) await access.addUser({ name: "founder", password: PASSWORD, role: "admin" });
    return world;
  }

  /** Somebody with this role and a token, or nobody; from this machine unless told. */
  caller(role: Role | null, address = "127.0.0.1"): Caller {
    return { principal: role === null ? null : this.#principal(role), transport: "http", address };
  }

  /** A new stored user of this role, logged in. */
  async user(role: Role, address = "127.0.0.1"): Promise<Caller> {
    const name = `user-${this.#users++}`;
    await this.access.addUser({ name, password: PASSWORD, role });
    const login = await this.access.password(name, PASSWORD, { transport: "http", address });
    assert.ok(login.ok, "The new user cannot log in");
    return { principal: login.principal, transport: "http", address };
  }

  /** The peer of the unix socket. */
  local(): Caller {
    return { principal: localPrincipal, transport: "unix", address: "local" };
  }

  /** Calls, and checks the answer against the operation's schema. */
  async call(
    name: string,
    params: unknown,
    caller: Caller = this.caller("admin"),
    signal: AbortSignal = new AbortController().signal,
  ): Promise<OperationAnswer> {
    const answer = await this.operations.call(name, params, caller, signal);
    if (answer.ok && "result" in answer && isOperation(name)) fits(name, answer.result);
    return answer;
  }

  /** The result of a call that has to succeed. */
  // deno-lint-ignore no-explicit-any
  async result(name: string, params: unknown = {}, caller?: Caller): Promise<any> {
    const answer = await this.call(name, params, caller);
    assert.ok(answer.ok, `${name}: ${JSON.stringify(answer)}`);
    assert.ok("result" in answer, `${name} is a stream`);
    return answer.result;
  }

  /** The items of a stream, each checked; the iteration ends when the signal is aborted. */
  async *stream(name: string, params: unknown, signal: AbortSignal, caller = this.caller("admin")) {
    const answer = await this.operations.call(name, params, caller, signal);
    assert.ok(answer.ok, `${name}: ${JSON.stringify(answer)}`);
    assert.ok("items" in answer, `${name} is no stream`);
    assert.ok(isOperation(name));
    for await (const item of answer.items) {
      fits(name, item);
      // deno-lint-ignore no-explicit-any
      yield item as any;
    }
  }

  /** Id of a command that was just sent and waits. */
  async sentCommand(): Promise<string> {
    const { devEui, name: command } = testValve;
    const answer = await this.commands.send({ devEui, command, arguments: { value: true }, by: this.local() });
    assert.ok(answer.ok, "The command is refused");
    return answer.command.id;
  }

  /** Id of an alarm that has just become active, enabled and not shelved, and waits to be acknowledged. */
  raisedAlarm(): string {
    const { id, tagId } = testAlarm;
    const request = { id, by: this.local() };
    this.alarms.enable(request);
    this.alarms.unshelve(request);
    for (const value of [20, 90]) {
      this.#alarmTimeUs = Math.max(nowUs(), this.#alarmTimeUs + 1);
      this.site.set({ [tagId]: value }, 0, this.#alarmTimeUs);
    }
    assert.equal(this.alarms.get(id)?.acknowledged, false);
    return id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.commands.stop();
    await this.alarms.stop();
    this.debug.stop();
    this.access.stop();
    await this.audit.stop();
    await Deno.remove(this.folder, { recursive: true });
  }

  #principal(role: Role): Principal {
    const known = this.#principals.get(role);
    if (known !== undefined && !this.access.revoked(known).aborted) return known;
    const { token } = this.access.createToken({ label: `${role} of the test`, role, lifetimeSeconds: null }, "test");
    const login = this.access.token(token, { transport: "http", address: "127.0.0.1" });
    assert.ok(login.ok, "The new token is not accepted");
    this.#principals.set(role, login.principal);
    return login.principal;
  }
}

/** The alarm that every {@link OperationsWorld} knows. */
export const testAlarm: LimitAlarmDefinition = {
  kind: "limit",
  id: "a840410000000001/moisture/$alarm",
  tagId: tagId("a840410000000001", "moisture"),
  name: "Soil probe 1 moisture",
  delayMs: 0,
  message: null,
  limits: { lolo: null, lo: 0, hi: 50, hihi: 80 },
  deadband: 1,
  severities: { lolo: 800, lo: 500, hi: 500, hihi: 800 },
};

/** The command that every {@link OperationsWorld} knows. */
export const testValve: CommandDefinition = {
  devEui: "a840410000000001",
  deviceName: "Probe",
  id: 1,
  name: "Test valve",
  fPort: 10,
  confirmed: false,
  payload: { kind: "valve" },
  arguments: [{ name: "value", type: "Bool", min: null, max: null, values: null, unit: "" }],
  deadlineMs: 3_600_000,
  enabled: true,
};

/** Nobody, and every role. */
export const everybody: readonly (Role | null)[] = [null, ...roles];

/** Sessions that a test puts in by hand. */
export class MemorySessions implements SessionSource {
  readonly entries: SessionEntry[] = [];

  add(id: string): void {
    this.entries.push({
      id,
      kind: "opcua",
      name: "scada",
      role: "viewer",
      address: "192.0.2.20",
      client: "UaExpert",
      createdUs: nowUs(),
      lastUsedUs: null,
      expiresUs: null,
    });
  }

  list(): SessionEntry[] {
    return [...this.entries];
  }

  close(id: string): boolean {
    const at = this.entries.findIndex((entry) => entry.id === id);
    if (at >= 0) this.entries.splice(at, 1);
    return at >= 0;
  }
}

/** A trust list in memory, with one certificate in it that starts out rejected. */
export class MemoryCertificates implements ClientCertificates {
  readonly certificate: ListedCertificate = {
    subject: "CN=UaExpert",
    issuer: "CN=UaExpert",
    names: ["urn:client"],
    notBeforeUs: 1_700_000_000_000_000,
    notAfterUs: 1_800_000_000_000_000,
    fingerprint: Array(32).fill("0A").join(":"),
  };
  trusted = false;

  own() {
    return Promise.resolve(this.certificate);
  }

  list(store: CertificateStore) {
    const there = store === "application" ? [this.certificate] : [];
    const [trusted, rejected] = this.trusted ? [there, []] : [[], there];
    return Promise.resolve({ trusted, issuers: [], crls: [], rejected });
  }

  trust(_store: CertificateStore, fingerprint: string) {
    return this.#move(fingerprint, true);
  }

  reject(_store: CertificateStore, fingerprint: string) {
    return this.#move(fingerprint, false);
  }

  remove(_store: CertificateStore, fingerprint: string) {
    return Promise.resolve(fingerprint === this.certificate.fingerprint ? this.certificate : null);
  }

  add() {
    return Promise.resolve(this.certificate);
  }

  renew() {
    return Promise.resolve({ certificate: this.certificate, mismatches: [], backups: ["/pki/own/certs/old.pem"] });
  }

  signingRequest() {
    return Promise.resolve("-----BEGIN CERTIFICATE REQUEST-----");
  }

  install() {
    return this.renew();
  }

  #move(fingerprint: string, trusted: boolean) {
    if (fingerprint !== this.certificate.fingerprint) return Promise.resolve(null);
    this.trusted = trusted;
    return Promise.resolve(this.certificate);
  }
}

function nowUs(): number {
  return Date.now() * 1000;
}

/** The answer is of the schema's shape, holds nothing beside it, and is plain JSON. */
function fits(name: keyof typeof operationSchemas, answer: unknown): void {
  const parsed = operationSchemas[name].result.parse(answer);
  assert.deepEqual(parsed, answer, `${name} answers more than its schema says`);
  assert.deepEqual(JSON.parse(JSON.stringify(answer)), answer, `${name} answers what JSON cannot carry`);
}
