import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ApiContext, WebEnv } from "./api_context.ts";
import { jsonAnswer } from "./api_route.ts";
import { sessionCookieName } from "./session_cookie.ts";

const securitySchemes = {
  session: {
    type: "apiKey",
    in: "cookie",
    name: sessionCookieName(true),
    description: `Set by a login; over plain HTTP its name is ${sessionCookieName(false)}. A change also needs Origin`,
  },
  bearer: { type: "http", scheme: "bearer", description: "An API token, a paired device's, or the control token" },
  basic: { type: "http", scheme: "basic", description: "Name and password; over HTTPS or on this machine alone" },
} as const;

/** Adds the description of the API, made from the routes themselves. Comes after all of them. */
export function addApiDocument(app: OpenAPIHono<WebEnv>, context: ApiContext): void {
  for (const [name, scheme] of Object.entries(securitySchemes)) {
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  }
  let document: ReturnType<typeof app.getOpenAPI31Document> | null = null;
  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/openapi.json",
      tags: ["status"],
      summary: "This description",
      responses: { 200: jsonAnswer(z.record(z.string(), z.unknown()), "An OpenAPI 3.1 document") },
    }),
    (c) => {
      document ??= app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "Edgekeep",
          version: context.status().version,
          description:
            "Times are ISO 8601 in UTC with six fraction digits. Lists are read page by page: pass 'next' as " +
            "'cursor'. Refused requests are answered with application/problem+json. Every request needs a login or a " +
            "token unless its description says otherwise; a change must be sent as application/json, also without a body.",
        },
        security: Object.keys(securitySchemes).map((name) => ({ [name]: [] })),
      });
      return c.json({ ...document }, 200);
    },
  );
}
