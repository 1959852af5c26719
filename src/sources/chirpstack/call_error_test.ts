import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { callError } from "./call_error.ts";

Deno.test("a status says what it means for the gateway", () => {
  const kinds = new Map<number, string>([
    [status.UNAUTHENTICATED, "unauthorized"],
    [status.PERMISSION_DENIED, "unauthorized"],
    [status.NOT_FOUND, "unknown"],
    [status.UNAVAILABLE, "unreachable"],
    [status.DEADLINE_EXCEEDED, "unreachable"],
    [status.UNIMPLEMENTED, "failed"],
    [status.INTERNAL, "failed"],
    [99, "failed"],
  ]);
  for (const [code, kind] of kinds) assert.equal(callError(code, "why", "").kind, kind);
});

Deno.test("the text is the cause in one short line that stays the same with each attempt", () => {
  const wrapped = "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:8080 " +
    "(2026-01-02T03:04:05.678Z)";
  assert.equal(callError(status.UNAVAILABLE, wrapped, "").message, "UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:8080");
  assert.equal(
    callError(status.UNAVAILABLE, "No connection established. Last error: x (2026-01-02T03:04:05.678Z)", "").message,
    "UNAVAILABLE: No connection established. Last error: x",
  );
  assert.equal(callError(status.INTERNAL, "", "").message, "INTERNAL: no reason given");
  assert.equal(callError(status.INTERNAL, "a\n\tb", "").message, "INTERNAL: a b");
  assert.ok(callError(status.INTERNAL, "x".repeat(9999), "").message.length < 300);
});

Deno.test("a token that the server repeats is not in the text", () => {
  const { message } = callError(status.UNAUTHENTICATED, "bad token 's3cr3t', no s3cr3t", "s3cr3t");
  assert.equal(message, "UNAUTHENTICATED: bad token '***', no ***");
});
