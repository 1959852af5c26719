import { z } from "zod";
import { problemSchema } from "../../mesh/api_messages.ts";
import { type ApiRoute, apiRoutes } from "./api_routes.ts";

const signature = {
  type: "http",
  scheme: "EdgekeepSig",
  description: "Compact JWS (EdDSA, typ ek-request+jwt) by the node's identity key over method, path and body, once",
} as const;

let text: string | null = null;

/** The OpenAPI 3.1 document of the API for agents, made from its routes and the schemas of the protocol. */
export function apiDocument(version: string): string {
  return text ??= JSON.stringify({
    openapi: "3.1.0",
    info: {
      title: "Edgekeep hub: API for agents",
      version,
      description: "Answers carry no instructions: 204 or application/problem+json. What an agent acts on comes as a " +
        "signed envelope. Bodies may be compressed (Content-Encoding: gzip). TLS 1.3; the key of the certificate is " +
        "pinned by the agent.",
    },
    paths: Object.fromEntries(
      Object.entries(Object.groupBy(apiRoutes, ({ path }) => path)).map(([path, routes = []]) => [
        path,
        Object.fromEntries(routes.map((route) => [route.method.toLowerCase(), operationOf(route)])),
      ]),
    ),
    components: {
      securitySchemes: { node: signature },
      schemas: { Problem: jsonSchema(problemSchema) },
    },
  });
}

function operationOf({ path, access, summary, body, maxBytes, answer }: ApiRoute) {
  const signed = access === "node" || access === "state";
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const parameters = [
    ...names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
    ...(path === "/v1/time" ? [{ name: "nonce", in: "query", required: true, schema: { type: "string" } }] : []),
    ...(path.endsWith("/events") ? [{ name: "Last-Event-ID", in: "header", schema: { type: "string" } }] : []),
  ];
  const bodySchema = body === undefined ? { type: "object" } : jsonSchema(body);
  return {
    summary,
    security: signed ? [{ node: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(maxBytes === 0
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: bodySchema } } } }),
    responses: {
      ...(answer === undefined ? { 204: { description: "Done" } } : {
        200: {
          description: answer.text,
          content: {
            [answer.type]: { schema: answer.schema === undefined ? { type: "string" } : jsonSchema(answer.schema) },
          },
        },
      }),
      default: {
        description: "Refused; `code` says why",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

/** Fields with a check of their own (ids, times, endpoints) are any string here; the protocol says which. */
function jsonSchema(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}
