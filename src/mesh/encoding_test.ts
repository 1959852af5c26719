import assert from "node:assert/strict";
import fc from "fast-check";
import {
  fromBase64,
  fromBase64Url,
  meshTime,
  meshTimePattern,
  meshTimeUs,
  newEventId,
  newNonce,
  sha256,
  sha256Hex,
  toBase64,
  toBase64Url,
} from "./encoding.ts";

const form = { name: "MeshError", code: "E_FORM" };

Deno.test("bytes come back from base64 and base64url", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    assert.deepEqual(fromBase64(toBase64(bytes)), new Uint8Array(bytes));
    assert.deepEqual(fromBase64Url(toBase64Url(bytes)), new Uint8Array(bytes));
  }));
  // A view into a larger buffer is the bytes it shows.
  assert.equal(toBase64(new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4)), "AQID");
});

Deno.test("there is one base64 text for each value", () => {
  // RFC 4648 §10
  assert.equal(toBase64(new TextEncoder().encode("foob")), "Zm9vYg==");
  for (
    const text of ["Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "Zm9vYg==\n", "Zm9vYg===", "Zm9v-_==", "\u{1f511}"]
  ) {
    assert.throws(() => fromBase64(text), form, text);
  }
  for (const text of ["Zm9vYg==", "Zm9vYh", "Zm9v+/", "Zm 9v"]) assert.throws(() => fromBase64Url(text), form, text);
  assert.throws(() => fromBase64("AQID", 4), form);
  assert.equal(fromBase64("AQID", 3).length, 3);
});

Deno.test("times have 20 characters, whole seconds and existing days", () => {
  const us = Date.UTC(2025, 0, 15, 10, 30) * 1000;
  assert.equal(meshTime(us), "2025-01-15T10:30:00Z");
  assert.equal(meshTime(us + 999_999), "2025-01-15T10:30:00Z");
  assert.equal(meshTimeUs("2025-01-15T10:30:00Z"), us);
  assert.equal(meshTimeUs("2024-02-29T23:59:59Z"), Date.UTC(2024, 1, 29, 23, 59, 59) * 1000);
  const bad = ["2025-02-29T00:00:00Z", "2025-01-15T24:00:00Z", "2025-01-15T10:30:60Z", "2025-01-15t10:30:00Z", ""];
  for (const text of [...bad, "2025-01-15T10:30:00.0Z", "+02025-01-15T10:30:00", "1969-12-31T23:59:59Z"]) {
    assert.throws(() => meshTimeUs(text), form, text);
  }
  assert.throws(() => meshTime(-1), RangeError);
  assert.throws(() => meshTime(NaN), RangeError);
  assert.equal(meshTime(meshTimeUs("9999-12-31T23:59:59Z")), "9999-12-31T23:59:59Z");
});

Deno.test("hashes of texts are hashes of their UTF-8", () => {
  // FIPS 180-4, "abc"
  assert.equal(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.deepEqual(sha256("ä"), sha256(Uint8Array.of(0xc3, 0xa4)));
});

Deno.test("nonces and event ids are of their form and differ", () => {
  assert.equal(fromBase64(newNonce(), 16).length, 16);
  assert.match(newEventId(), /^evt_[0-9a-f]{32}$/);
  assert.equal(new Set(Array.from({ length: 100 }, newNonce)).size, 100);
});

Deno.test("the pattern of times knows every day that exists, and no other", () => {
  const two = (value: number) => String(value).padStart(2, "0");
  for (const year of [1969, 1970, 1972, 1999, 2000, 2023, 2024, 2096, 2100, 2400, 2500, 9996, 9999, 0, 100, 10_000]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const text = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T23:59:59Z`;
        const date = new Date(Date.UTC(year, month - 1, day, 23, 59, 59));
        const exists = year >= 1970 && year <= 9999 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
        assert.equal(meshTimePattern.test(text), exists, text);
        if (exists) assert.equal(meshTimeUs(text), date.getTime() * 1000);
      }
    }
  }
  for (let value = 0; value < 100; value++) {
    assert.equal(meshTimePattern.test(`2025-01-15T${two(value)}:00:00Z`), value < 24);
    assert.equal(meshTimePattern.test(`2025-01-15T00:${two(value)}:00Z`), value < 60);
    assert.equal(meshTimePattern.test(`2025-01-15T00:00:${two(value)}Z`), value < 60);
  }
});
