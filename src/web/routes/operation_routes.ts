import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { OperationErrorCode, OperationRefusal, RegisteredOperation } from "../../operations/operation.ts";
import type { ApiContext, WebEnv } from "../api_context.ts";
import { problemAnswer } from "../api_route.ts";
import { MAX_BODY_BYTES, MAX_CONFIG_BODY_BYTES, readJsonObject } from "../json_body.ts";
import { originOf } from "../peer.ts";
import { Problem, type ProblemStatus, retryAfter } from "../problem.ts";
import { jsonSchemaOf, readQuery } from "../query_params.ts";

/** The status that each refusal of an operation is answered with. */
const statuses: Record<OperationErrorCode, ProblemStatus> = {
  bad_request: 400,
  bad_params: 400,
  unauthenticated: 401,
  permission_denied: 403,
  debug_locked: 403,
  not_found: 404,
  unknown_operation: 404,
  conflict: 409,
  stale_data: 409,
  not_configured: 409,
  too_large: 413,
  config_refused: 422,
  throttled: 429,
  too_many: 429,
  target_unreachable: 502,
  unavailable: 503,
  cancelled: 503,
  timeout: 504,
  internal: 500,
};

/** An operation that the web API offers. */
type HttpOperation = RegisteredOperation & { readonly http: NonNullable<RegisteredOperation["http"]> };

/** The operations that have an address of their own. */
export function httpOperations(operations: readonly RegisteredOperation[]): HttpOperation[] {
  return operations.filter((operation): operation is HttpOperation => operation.http !== null && !operation.stream);
}

/** Operations that take a whole configuration, a chain of certificates, a whole policy, a list of every node. */
const largeBodies: ReadonlySet<string> = new Set([
  "config.apply",
  "config.diff",
  "pki.add",
  "hub.policy.plan",
  "hub.policy.set",
  "hub.keys.apply",
]);

/** Bytes that the body for an operation may hold. */
export function operationBodyBytes(name: string): number {
  return largeBodies.has(name) ? MAX_CONFIG_BODY_BYTES : MAX_BODY_BYTES;
}

/** Adds every operation of the registry that has an address, with its description. */
export function addOperationRoutes(app: OpenAPIHono<WebEnv>, context: ApiContext): void {
  for (const operation of httpOperations(context.operations.list())) {
    const { method, path } = operation.http;
    const keys = [...path.matchAll(/:([A-Za-z]+)/g)].map(([, key = ""]) => key);
    const schema = jsonSchemaOf(operation.params, "input");
    describe(app, operation, keys, schema);
    app.on(method.toUpperCase(), path, async (c) => {
      const given = method === "get"
        ? readQuery(new URL(c.req.url).searchParams, schema)
        : await readJsonObject(c, operationBodyBytes(operation.name));
      const params = withPath(c, keys, given);
      return await answer(c, context, operation, params);
    });
  }
}

async function answer(
  c: Context<WebEnv>,
  { operations }: ApiContext,
  { name }: HttpOperation,
  params: unknown,
): Promise<Response> {
  const { identity, peer, ended } = c.var;
  const gone = new AbortController();
  const abort = () => gone.abort();
  // not AbortSignal.any: a credential's signal lives for long and would keep what hangs on it
  for (const signal of [c.req.raw.signal, ended]) signal.addEventListener("abort", abort, { once: true });
  try {
    const caller = { principal: identity.principal, ...originOf(peer) };
    const result = await operations.call(name, params, caller, gone.signal);
    if (!result.ok) throw refusal(result);
    if (!("result" in result)) throw new TypeError(`Cannot answer with the items of '${name}'`);
    return c.json(result.result as Record<string, unknown>, 200);
  } finally {
    for (const signal of [c.req.raw.signal, ended]) signal.removeEventListener("abort", abort);
  }
}

function refusal({ code, message, field, fix, retryAfterMs, details, auditId }: OperationRefusal): Problem {
  const status = statuses[code];
  const waits = retryAfterMs !== undefined || status === 429;
  return new Problem(status, code, message, {
    field,
    fix,
    details,
    auditId,
    headers: waits ? { "retry-after": retryAfter(retryAfterMs ?? 1000) } : {},
  });
}

/** The parameters, those in the path among them. Throws when the body says otherwise than the path. */
function withPath(c: Context<WebEnv>, keys: readonly string[], given: Record<string, unknown>): unknown {
  const inPath = Object.fromEntries(keys.map((key) => [key, c.req.param(key)]));
  for (const key of keys) {
    if (Object.hasOwn(given, key) && given[key] !== inPath[key]) {
      throw new Problem(400, "bad_params", `The path and the body name another '${key}'`, { field: key });
    }
  }
  return { ...given, ...inPath };
}

function describe(
  app: OpenAPIHono<WebEnv>,
  { name, summary, role, debug, params: _, result, http: { method, path } }: HttpOperation,
  keys: readonly string[],
  schema: Record<string, unknown>,
): void {
  const properties = (schema["properties"] ?? {}) as Record<string, Record<string, unknown>>;
  const required = (schema["required"] ?? []) as string[];
  const rest = Object.keys(properties).filter((key) => !keys.includes(key));
  const needed = rest.filter((key) => required.includes(key));
  const inBody = {
    ...schema,
    properties: Object.fromEntries(rest.map((key) => [key, properties[key]])),
    required: needed.length === 0 ? undefined : needed,
  };
  const inQuery = method === "get" ? rest : [];
  app.openAPIRegistry.registerPath({
    method,
    path: path.replaceAll(/:([A-Za-z]+)/g, "{$1}"),
    operationId: name,
    tags: [name.includes(".") ? name.slice(0, name.indexOf(".")) : "gateway"],
    summary,
    description: [
      role === null ? "Needs no login." : `Needs the role ${role}.`,
      ...(debug ? ["Closed in production until an admin unlocks debug operations."] : []),
    ].join(" "),
    ...(role === null ? { security: [] } : {}),
    "x-operation": name,
    "x-role": role,
    parameters: [
      ...keys.map((key) => ({ name: key, in: "path" as const, required: true, schema: properties[key] ?? {} })),
      ...inQuery.map((key) => ({
        name: key,
        in: "query" as const,
        required: required.includes(key),
        schema: properties[key] ?? {},
      })),
    ],
    ...(method === "get" ? {} : {
      request: { body: { required: needed.length > 0, content: { "application/json": { schema: inBody } } } },
    }),
    responses: {
      200: { description: "Done", content: { "application/json": { schema: jsonSchemaOf(result, "output") } } },
      ...(role === null ? {} : { 401: problemAnswer("Nobody is logged in") }),
      default: problemAnswer("Refused; 'code' says why"),
    },
  });
}
