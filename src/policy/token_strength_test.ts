import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { isWellKnown, LEAST_TOKEN_BITS, tokenBits } from "./token_strength.ts";

Deno.test("tokens of 128 random bits are strong enough, however they are written", () => {
  for (let turn = 0; turn < 500; turn++) {
    const bytes = randomBytes(16);
    for (const token of [bytes.toString("hex"), bytes.toString("hex").toUpperCase(), bytes.toString("base64url")]) {
      assert.ok(tokenBits(token) >= LEAST_TOKEN_BITS, `${token}: ${tokenBits(token)}`);
    }
    assert.ok(tokenBits(randomUUID()) >= LEAST_TOKEN_BITS);
    assert.ok(tokenBits(randomBytes(24).toString("hex")) >= 180);
  }
});

Deno.test("short, repeated, counted and spoken tokens are weak", () => {
  for (
    const token of [
      "",
      "hunter2",
      "0123456789abcdef0123456789abcdef",
      "abcdefghijklmnopqrstuvwxyz",
      "ab".repeat(100),
      "a".repeat(512),
      "correct-horse-battery-staple",
      "Plant One Water Tower Control Endpoint",
      randomBytes(12).toString("hex"),
      randomBytes(8).toString("hex").repeat(2),
      "12345678901234567890123456789012",
    ]
  ) assert.ok(tokenBits(token) < LEAST_TOKEN_BITS, `${token}: ${tokenBits(token)}`);
});

Deno.test("what a tutorial or a factory writes is known, however it is spelled", () => {
  for (
    const text of [
      "replace-with-long-random-token",
      "REPLACE_WITH_YOUR_TOKEN",
      "ReplaceMe",
      "change-me",
      "changeme123",
      "<your token>",
      "Admin",
      "pass-word",
      "control-token",
      "opcua-password",
      "insert token here",
    ]
  ) assert.ok(isWellKnown(text), text);
  for (const text of ["", "r4GzvQ1kXo0pLw", "administrator-of-hall-7", "tokenring", randomBytes(24).toString("hex")]) {
    assert.ok(!isWellKnown(text), text);
  }
});
