import assert from "node:assert/strict";
import type { z } from "zod";
import { node, nonceOf, other, vectorTime } from "../../tests/lib/mesh_keys.ts";
import {
  apiPaths,
  endpointReportSchema,
  formatStreamPosition,
  heartbeatSchema,
  hubKeysSchema,
  keyReadySchema,
  mailSchema,
  parseStreamPosition,
  problemSchema,
  readBody,
  rotateCommitSchema,
  rotateSchema,
} from "./api_messages.ts";
import { sha256Hex } from "./encoding.ts";

const hash = sha256Hex("x");
const link = { node_id: other, last_handshake: vectorTime, rx: 1, tx: 2, path: "relay", rtt_ms: 12 };
const examples: readonly [string, z.ZodType, Record<string, unknown>, readonly string[]][] = [
  ["heartbeat", heartbeatSchema, {
    epoch: 1,
    sequence: 7,
    state_sha256: hash,
    status: "ok",
    uptime_s: 60,
    version: "0.1.0",
    binary_sha256: hash,
    peers: [link, { node_id: node, rx: 0, tx: 0, path: "none" }],
  }, ["state_sha256"]],
  ["endpoints", endpointReportSchema, { endpoints: [{ kind: "lan", address: "192.168.1.2:51820" }] }, []],
  ["rotate", rotateSchema, { statement: "{}" }, []],
  ["commit", rotateCommitSchema, { statement_sha256: hash }, []],
  ["key-ready", keyReadySchema, { peer_id: other, statement_sha256: hash }, []],
  ["mail", mailSchema, { message: "{}" }, []],
  ["hub keys", hubKeysSchema, { links: ["{}"], recoveries: [] }, []],
  ["problem", problemSchema, { status: 401, code: "E_AGE", title: "Too old", detail: "Set the clock" }, ["detail"]],
];
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

for (const [what, schema, example, optional] of examples) {
  Deno.test(`${what}: a body of its form is read, others are refused`, () => {
    assert.deepEqual(readBody(schema, bytesOf({ ...example, future: 1 }), 10_000), example);
    for (const name of Object.keys(example)) {
      for (const value of [undefined, null, -1, {}, "\u0000", [null]]) {
        if (value === undefined && optional.includes(name)) continue;
        assert.throws(() => readBody(schema, bytesOf({ ...example, [name]: value }), 10_000), { code: "E_FORM" }, name);
      }
    }
  });
}

Deno.test("a body has a size and is JSON in UTF-8", () => {
  assert.throws(() => readBody(mailSchema, bytesOf({ message: "{}" }), 10), { code: "E_SIZE" });
  for (const text of ["", "{", "\ufeff1", "null"]) {
    assert.throws(() => readBody(mailSchema, new TextEncoder().encode(text), 100), { code: "E_FORM" });
  }
  assert.throws(() => readBody(mailSchema, Uint8Array.of(0x22, 0xff, 0x22), 100), { code: "E_FORM" });
});

Deno.test("what the observers saw is not the node's to report", () => {
  const body = bytesOf({ endpoints: [{ kind: "observed", address: "192.0.2.1:1" }] });
  assert.throws(() => readBody(endpointReportSchema, body, 1000), { code: "E_FORM" });
});

Deno.test("paths name what they are about, nonces escaped", () => {
  assert.equal(apiPaths.heartbeat(node), `/v1/nodes/${node}/heartbeat`);
  assert.equal(new URL(apiPaths.time("a+b/cw=="), "https://hub").searchParams.get("nonce"), "a+b/cw==");
  assert.equal(new URL(apiPaths.time(nonceOf(3)), "https://hub").searchParams.get("nonce"), nonceOf(3));
});

Deno.test("a stream's position comes back, and no other text for it", () => {
  const position = { epoch: 2, sequence: 9007199254740991 };
  assert.deepEqual(parseStreamPosition(formatStreamPosition(position)), position);
  for (
    const text of ["", "1", "1-", "-1", "01-1", "1-1-1", "1-1\n", "1.0-1", "1-9007199254740992", "1-99999999999999999"]
  ) {
    assert.equal(parseStreamPosition(text), null, text);
  }
});
