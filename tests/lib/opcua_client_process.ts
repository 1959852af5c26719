import { fileURLToPath } from "node:url";
import { textLines } from "./text_lines.ts";

/** How to connect; `pki` is the client's own certificate folder, shared by all connections of a process. */
export interface ConnectParams {
  readonly url: string;
  readonly pki: string;
  readonly policy?: "None" | "Basic256Sha256" | "Aes128_Sha256_RsaOaep" | "Aes256_Sha256_RsaPss";
  readonly mode?: "None" | "Sign" | "SignAndEncrypt";
  readonly user?: string;
  readonly password?: string;
  /** Logs in with a certificate instead of a name: PEM of both. */
  readonly person?: { readonly cert: string; readonly key: string };
  /** The client's own certificate, PEM; the process makes itself one without it. Several in `cert` are a chain. */
  readonly application?: { readonly cert: string; readonly key: string };
  /** Lifetime of a security token that is asked for, ms; it is renewed after three quarters. */
  readonly tokenLifetimeMs?: number;
  readonly sessionTimeoutMs?: number;
  readonly keepAlive?: boolean;
  /** `endpoints` only: the URL to ask for instead of the one connected to. */
  readonly ask?: string;
  readonly transport?: { readonly maxMessageSize?: number; readonly maxChunkCount?: number };
}

/** Monitored items to create. */
export interface MonitorParams {
  readonly id: number;
  readonly subscription: number;
  readonly nodes: readonly string[];
  readonly samplingMs?: number;
  readonly queueSize?: number;
  readonly trigger?: "Status" | "StatusValue" | "StatusValueTimestamp";
}

/** A HistoryRead request. */
export interface HistoryParams {
  readonly id: number;
  readonly nodes: readonly string[];
  readonly details?: "raw" | "modified" | "atTime" | "processed";
  readonly startMs?: number | null;
  readonly endMs?: number | null;
  readonly count?: number;
  readonly bounds?: boolean;
  readonly timestamps?: "Source" | "Server" | "Both" | "Neither";
  readonly release?: boolean;
  readonly continuationPoints?: readonly string[];
}

/** A DataValue as the client process hands it over. */
export interface WireValue {
  readonly value: unknown;
  readonly dataType: number;
  readonly status: number;
  readonly statusName: string;
  readonly sourceUs: number | null;
  readonly serverUs: number | null;
}

/** One node's result of a HistoryRead; `continuationPoint` is hexadecimal, empty when there is none. */
export interface WireHistoryResult {
  readonly status: string;
  readonly continuationPoint: string;
  readonly values: readonly WireValue[];
}

/**
 * Any service request, by its name without `Request`. In `fields`, `{ $date: ms }`, `{ $bytes: hex }`,
 * `{ $status: name }` and `{ $type: name, ... }` stand for times, byte strings, status codes and structures, and `header` for fields of the request header.
 */
export interface ServiceParams {
  /** A connection, or a channel of `open`. */
  readonly id: number;
  readonly service: string;
  readonly fields: Readonly<Record<string, unknown>> & { readonly header?: Readonly<Record<string, unknown>> };
  /** Fields, by paths like `nodesToRead.0.attributeId`, that are set behind the back of the library's checks. */
  readonly unchecked?: Readonly<Record<string, unknown>>;
}

/** A response, or the ServiceFault in its place; times, byte strings and structures as in {@link ServiceParams}. */
export interface ServiceAnswer {
  readonly $type: string;
  readonly responseHeader: {
    readonly serviceResult: string;
    readonly requestHandle: number;
    readonly timestamp: unknown;
  };
  // deno-lint-ignore no-explicit-any -- each service has its own fields, and what a test expects of them it asserts
  readonly [field: string]: any;
}

/** Value of an event's field: byte strings as hexadecimal, times in µs, `status:<name>` for a status code. */
export type EventField = string | number | boolean | null;
/** The fields of an event by the names that were asked for. */
export type EventRow = Readonly<Record<string, EventField>>;

/** A value with its built-in type. */
export type TypedValue = readonly [type: keyof typeof import("node-opcua").DataType, value: unknown];

/** A where clause. Fields are browse paths with `/`, or `ConditionId`. */
export type EventWhere =
  | {
    readonly op:
      | "OfType"
      | "Equals"
      | "GreaterThan"
      | "GreaterThanOrEqual"
      | "LessThan"
      | "LessThanOrEqual"
      | "Between"
      | "Like"
      | "InList";
    readonly field?: string;
    readonly values: readonly TypedValue[];
  }
  | { readonly op: "And" | "Or" | "Not"; readonly of: readonly EventWhere[] };

/** Events of a node to monitor. */
export interface AlarmItemParams {
  readonly id: number;
  readonly subscription: number;
  readonly node: string;
  readonly fields: readonly string[];
  readonly where?: EventWhere;
  readonly queueSize?: number;
  readonly discardOldest?: boolean;
}

/** A method to call. */
export interface InvokeParams {
  readonly id: number;
  readonly object: string;
  readonly method: string;
  readonly args?: readonly TypedValue[];
}

/** A HistoryRead of events. */
export interface EventHistoryParams {
  readonly id: number;
  readonly nodes: readonly string[];
  readonly fields: readonly string[];
  readonly where?: EventWhere;
  readonly startMs?: number | null;
  readonly endMs?: number | null;
  readonly count?: number;
  readonly release?: boolean;
  readonly continuationPoints?: readonly string[];
}

/** One node's events. */
export interface WireEventHistory {
  readonly status: string;
  readonly continuationPoint: string;
  readonly events: readonly EventRow[];
}

/** A running client process. `call` sends a request of `opcua_client_main.ts` and resolves with its answer. */
export interface OpcUaClientProcess extends AsyncDisposable {
  /** Folder of the client's certificates. */
  readonly pki: string;
  call<T>(method: string, params: unknown): Promise<T>;
  /** Connects with user name and password over Basic256Sha256 unless told otherwise; resolves with the connection's id. */
  connect(url: string, params?: Partial<ConnectParams>): Promise<number>;
}

/**
 * Starts the client process. Dispose it to end it.
 *
 * @param on the words that run a program elsewhere, as on another machine of a test's network
 */
export async function startOpcUaClient(
  on: (program: string, args: readonly string[]) => readonly [string, ...string[]] = (program, args) => [
    program,
    ...args,
  ],
): Promise<OpcUaClientProcess> {
  const pki = await Deno.makeTempDir({ prefix: "edgekeep-opcua-client-" });
  const main = fileURLToPath(new URL("./opcua_client_main.ts", import.meta.url));
  const [program, ...args] = on(Deno.execPath(), ["run", "-A", "--no-check", main]);
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: Deno.env.get("EDGEKEEP_TEST_CLIENT_LOG") ? "inherit" : "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let last = 0;
  const reading = (async () => {
    for await (const line of textLines(child.stdout)) {
      if (!line.startsWith("{")) continue;
      const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
      const waiter = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) waiter?.resolve(result);
      else waiter?.reject(new Error(error));
    }
    for (const waiter of waiting.values()) waiter.reject(new Error("the client process ended"));
  })();
  const call = async <T>(method: string, params: unknown): Promise<T> => {
    const id = ++last;
    const answer = new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: (value) => resolve(value as T), reject });
    });
    await writer.write(new TextEncoder().encode(`${JSON.stringify({ id, method, params })}\n`));
    return await answer;
  };
  return {
    pki,
    call,
    connect: (url, params = {}) =>
      call<number>("connect", {
        url,
        pki,
        policy: "Basic256Sha256",
        mode: "SignAndEncrypt",
        user: "operator",
        password: "correct horse",
        ...params,
      }),
    async [Symbol.asyncDispose]() {
      await writer.close().catch(() => {});
      // sessions left open are the server's to clean up: the process just ends
      const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
      await child.status;
      clearTimeout(timer);
      await reading;
      await Deno.remove(pki, { recursive: true }).catch(() => {});
    },
  };
}
