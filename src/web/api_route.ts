import { OpenAPIHono, z } from "@hono/zod-openapi";
import { problemSchema } from "./api_schema.ts";
import type { WebEnv } from "./api_context.ts";
import { parseTime } from "../telemetry/time_text.ts";
import { Problem } from "./problem.ts";

/** The application that routes are added to: parameters that do not fit their schema become a problem document. */
export function createApi(): OpenAPIHono<WebEnv> {
  return new OpenAPIHono<WebEnv>({
    defaultHook: (result) => {
      if (!result.success) throw parameterProblem(result.error.issues);
    },
  });
}

function parameterProblem(issues: readonly z.core.$ZodIssue[]): Problem {
  const named = issues.map((issue) => {
    if (issue.code === "unrecognized_keys") {
      return { field: issue.keys[0] ?? "", text: `There is no parameter '${issue.keys.join("', '")}'` };
    }
    const field = issue.path.join(".");
    return { field, text: `Cannot read '${field}': ${issue.message}` };
  });
  return new Problem(400, "bad_parameter", named.map(({ text }) => text).join("; "), {
    field: named[0]?.field,
    fix: "The parameters are described in /api/v1/openapi.json",
  });
}

/** A parameter that is a time. Gives µs since the epoch. */
export function timeParameter() {
  return z.string().transform((text, context) => {
    const timeUs = parseTime(text);
    if (timeUs !== null) return timeUs;
    context.addIssue("expected ISO 8601 with offset, or integer µs since the epoch");
    return z.NEVER;
  }).openapi({
    type: "string",
    description: "ISO 8601 with offset, or integer µs since the epoch",
    example: "2026-01-31T12:00:00Z",
  });
}

/** A JSON answer in a route's description. */
export function jsonAnswer<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** A refusal in a route's description. */
export function problemAnswer(description: string) {
  return { description, content: { "application/problem+json": { schema: problemSchema } } };
}
