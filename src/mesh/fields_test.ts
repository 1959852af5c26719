import assert from "node:assert/strict";
import type { z } from "zod";
import {
  base64Field,
  cidrField,
  countField,
  endpointField,
  hashField,
  hubIdField,
  ipv4Field,
  nameField,
  nodeIdField,
  pinsField,
  timeField,
  versionField,
} from "./fields.ts";
import { sha256Hex, toBase64 } from "./encoding.ts";
import { newSeed } from "./keys.ts";

function check(field: z.ZodType, good: readonly unknown[], bad: readonly unknown[]) {
  for (const value of good) assert.ok(field.safeParse(value).success, `refused: ${JSON.stringify(value)}`);
  for (const value of bad) assert.ok(!field.safeParse(value).success, `taken: ${JSON.stringify(value)}`);
}

Deno.test("bytes have their exact number and the strict base64", () => {
  for (const size of [16, 32, 64, 1088, 1184]) {
    const text = toBase64(newSeed(size));
    check(base64Field(size), [text], [
      toBase64(newSeed(size - 1)),
      toBase64(newSeed(size + 1)),
      text.slice(0, -1),
      `${text}\n`,
    ]);
  }
  check(base64Field(16), ["AwMDAwMDAwMDAwMDAwMDAw=="], ["AwMDAwMDAwMDAwMDAwMDAx==", "AwMDAwMDAwMDAwMDAwMDAw", 3, null]);
});

Deno.test("ids, hashes, counts and times have one spelling", () => {
  const digits = "0".repeat(32);
  check(nodeIdField, [`n_${digits}`], [`h_${digits}`, "", 1, `n_${digits} `]);
  check(hubIdField, [`h_${digits}`], [`n_${digits}`, {}, `h_${digits}0`]);
  check(hashField, [sha256Hex("")], [sha256Hex("").toUpperCase(), "00"]);
  check(countField, [0, 2 ** 53 - 1], [-1, 1.5, 2 ** 53, "1", NaN]);
  check(timeField, ["2025-01-15T10:30:00Z"], ["2025-02-30T10:30:00Z", "2025-01-15T10:30:00+0Z", 0]);
  check(pinsField, [[sha256Hex("")]], [[], Array(5).fill(sha256Hex(""))]);
});

Deno.test("names are safe wherever they are written", () => {
  check(nameField, ["a", "pump-7.site_1", "x".repeat(63)], [
    "",
    "-a",
    ".a",
    "a b",
    'a"',
    "a\n",
    "ä",
    "x".repeat(64),
    "a;b",
  ]);
  check(versionField, ["0.1.0-rc.1+abc"], ["", "1 2", "x".repeat(65), "1\n"]);
});

Deno.test("endpoints are an address and a port, IPv6 in brackets", () => {
  check(
    endpointField,
    ["192.0.2.1:51820", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:65535"],
    [
      "192.0.2.1",
      "192.0.2.1:0",
      "192.0.2.1:65536",
      "192.0.2.1:051",
      "192.0.2.256:1",
      "2001:db8::1:51820",
      "[fe80::1%eth0]:1",
    ],
  );
  check(endpointField, [], ["host:1", "[192.0.2.1]:1", ":1", "[]:1", "192.0.2.1:1\n", "192.0.2.1:1 ", "[::1]:1\nx=1"]);
  check(ipv4Field, ["10.100.0.1"], ["10.100.0.01", "10.100.0", "::1", "10.100.0.1/32", "10.100.0.1\n"]);
  check(cidrField, ["10.100.0.0/16"], ["10.100.0.1/16", "10.100.0.0", "fd00::/8"]);
});
