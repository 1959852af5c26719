import { join } from "node:path";
import { type Access, AccessError, type Authentication } from "../../src/access/access.ts";
import type { Caller, Principal } from "../../src/access/principal.ts";
import type { Audit, AuditEntry } from "../../src/audit/audit.ts";
import { type ControlConfig, controlSchema } from "../../src/config/schema.ts";
import { type ControlHandle, type ControlOptions, startControl } from "../../src/control/start_control.ts";
import type { OperationAnswer, Operations } from "../../src/operations/operation.ts";
import { isOperation, operations as table } from "../../src/policy/operations.ts";
import { type Role, roleIncludes } from "../../src/policy/roles.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";
import type { ServerCertificate, TlsMaterial } from "../../src/tls/server_certificate.ts";
import { readCertificate } from "../../src/tls/read_certificate.ts";

const nowUs = () => Date.now() * 1000;

/** Tokens in memory: each may do what its role says, until it is revoked. */
export class MemoryTokens {
  readonly #tokens = new Map<string, { readonly principal: Principal; readonly end: AbortController }>();
  /** Set to make every further proof fail as throttled. */
  throttledForMs: number | null = null;

  add(token: string, role: Role, name = `${role} token`): void {
    const principal: Principal = {
      kind: "api_token",
      name,
      role,
      credential: `token:${name}`,
      user: null,
      expiresUs: null,
    };
    this.#tokens.set(token, { principal, end: new AbortController() });
  }

  revoke(token: string): void {
    this.#tokens.get(token)?.end.abort();
    this.#tokens.delete(token);
  }

  /** What the control endpoint uses of Access. */
  access(): Access {
    const signals = new Map([...this.#tokens.values()].map(({ principal, end }) => [principal.credential, end.signal]));
    const part: Pick<Access, "token" | "revoked" | "state"> = {
      state: "open",
      token: (token): Authentication => {
        if (this.throttledForMs !== null) return { ok: false, reason: "throttled", retryAfterMs: this.throttledForMs };
        const found = this.#tokens.get(token);
        return found === undefined ? { ok: false, reason: "token_mismatch" } : { ok: true, principal: found.principal };
      },
      revoked: ({ credential }) => signals.get(credential) ?? new AbortController().signal,
    };
    return part as Access;
  }
}

/** Records what it is given. */
export class MemoryAudit {
  readonly entries: AuditEntry[] = [];

  audit(): Audit {
    const part: Pick<Audit, "record"> = {
      record: (entry) => {
        this.entries.push(entry);
        return String(this.entries.length);
      },
    };
    return part as Audit;
  }

  count(event: string): number {
    return this.entries.filter((entry) => entry.event === event).length;
  }
}

/** What `status` is asked to do, for tests of the connection itself. */
interface Wishes {
  /** Answers with so many characters. */
  readonly characters?: number;
  /** Answers when {@link ControlWorld.release} is called, or the signal is aborted. */
  readonly wait?: boolean;
  /** With `wait`: does not look at the signal. */
  readonly stubborn?: boolean;
  readonly explode?: boolean;
  readonly unwritable?: boolean;
}

/** A control endpoint with parts of memory, and operations that do what a test of the transport needs. */
export class ControlWorld implements AsyncDisposable {
  readonly tokens = new MemoryTokens();
  readonly audit = new MemoryAudit();
  readonly faults = new FaultBoard(nowUs);
  readonly callers: Caller[] = [];
  readonly folder: string;
  certificate: SwappableCertificate | null = null;
  control: ControlHandle | null = null;
  /** Streams that run now. */
  streams = 0;
  calls = 0;
  #waiting: (() => void)[] = [];
  #listeners = new Set<(item: unknown) => void>();

  private constructor(folder: string) {
    this.folder = folder;
    this.tokens.add("viewer-token", "viewer");
    this.tokens.add("admin-token", "admin");
  }

  static async start(
    config: Partial<ControlConfig> = {},
    { tls = false, ...more }: { readonly tls?: boolean } & Partial<ControlOptions> = {},
  ): Promise<ControlWorld> {
    const world = new ControlWorld(await Deno.makeTempDir({ prefix: "control-" }));
    if (tls) world.certificate = await SwappableCertificate.make();
    world.control = await startControl({ ...world.options(config), certificate: world.certificate, ...more });
    return world;
  }

  get url(): string {
    return this.control?.url ?? "";
  }

  get socketPath(): string {
    return join(this.folder, "control.sock");
  }

  options(config: Partial<ControlConfig> = {}): ControlOptions {
    return {
      config: { ...controlSchema.parse({}), endpoint: `unix://${this.socketPath}`, ...config },
      certificate: null,
      operations: this.operations(),
      access: this.tokens.access(),
      audit: this.audit.audit(),
      faults: this.faults,
      nowUs,
    };
  }

  /** Lets every call that waits go on. */
  release(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Gives an item to every open stream. */
  emit(item: unknown): void {
    for (const listener of this.#listeners) listener(item);
  }

  operations(): Operations {
    return {
      list: () => [],
      call: async (name, params, caller, signal): Promise<OperationAnswer> => {
        this.callers.push(caller);
        if (!isOperation(name)) return this.#denied(caller, name, "unknown_operation");
        const { role, stream } = table[name];
        if (role !== null && caller.principal === null) return this.#denied(caller, name, "unauthenticated");
        if (role !== null && caller.principal !== null && !roleIncludes(caller.principal.role, role)) {
          return this.#denied(caller, name, "permission_denied");
        }
        if (name === "hello") return { ok: true, result: { product: "edgekeep" } };
        if (name === "whoami") return { ok: true, result: { name: caller.principal?.name } };
        if (stream) return { ok: true, items: this.#stream(signal), auditId: "7" };
        return await this.#work(params as Wishes, signal);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.control?.stop();
    await Deno.remove(this.folder, { recursive: true });
  }

  #denied(caller: Caller, operation: string, code: "unauthenticated" | "permission_denied" | "unknown_operation") {
    const auditId = this.audit.audit().record({
      event: "operation",
      principal: caller.principal?.name ?? null,
      role: caller.principal?.role ?? null,
      credential: caller.principal?.credential ?? null,
      address: caller.address,
      transport: caller.transport,
      operation: operation.slice(0, 64),
      target: null,
      decision: "denied",
      rule: "role",
      outcome: code,
      fields: caller.requestId === undefined ? {} : { request_id: caller.requestId },
    });
    return { ok: false, code, message: "Denied", auditId } as const;
  }

  async #work(wishes: Wishes, signal: AbortSignal): Promise<OperationAnswer> {
    this.calls++;
    try {
      if (wishes.explode === true) throw new AccessError("unavailable", "secret inside");
      if (wishes.unwritable === true) return { ok: true, result: { n: 1n } };
      if (wishes.wait === true) {
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
          if (wishes.stubborn !== true) signal.addEventListener("abort", () => resolve(), { once: true });
        });
        if (signal.aborted) return { ok: false, code: "cancelled", message: "Cancelled" };
      }
      return { ok: true, result: { text: "x".repeat(wishes.characters ?? 2) } };
    } finally {
      this.calls--;
    }
  }

  async *#stream(signal: AbortSignal): AsyncGenerator<unknown> {
    const queue: unknown[] = [];
    let wake = () => {};
    const listener = (item: unknown) => {
      queue.push(item);
      wake();
    };
    this.streams++;
    this.#listeners.add(listener);
    const stop = () => wake();
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted) {
        if (queue.length > 0) yield queue.shift();
        else await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#listeners.delete(listener);
      this.streams--;
    }
  }
}

/** A certificate that a test can put another in place of. */
export class SwappableCertificate implements ServerCertificate {
  material: TlsMaterial;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();

  private constructor(material: TlsMaterial) {
    this.material = material;
  }

  static async make(): Promise<SwappableCertificate> {
    return new SwappableCertificate({ ...await makeServerCertificate({ names: ["127.0.0.1"] }), clientCa: null });
  }

  get facts() {
    return readCertificate(this.material.cert);
  }

  async swap(): Promise<void> {
    this.material = { ...await makeServerCertificate({ names: ["127.0.0.1"] }), clientCa: null };
    for (const listener of this.#listeners) listener(this.material);
  }

  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  stop(): void {
    this.#listeners.clear();
  }
}
