import assert from "node:assert/strict";
import { pageUrls } from "./page_urls.ts";

const machine = ["127.0.0.1", "::1", "fe80::1", "2001:db8::7", "192.168.10.5"];

Deno.test("a page on one address has that address alone", () => {
  assert.deepEqual(pageUrls("https://192.168.10.5:8443", "192.168.10.5:8443", machine), ["https://192.168.10.5:8443"]);
});

Deno.test("a page on every address is named by those that a phone can use, loopback last", () => {
  assert.deepEqual(pageUrls("https://0.0.0.0:8443", "0.0.0.0:8443", machine), [
    "https://192.168.10.5:8443",
    "https://127.0.0.1:8443",
  ]);
  assert.deepEqual(pageUrls("http://[::]:8080", "[::]:8080", machine), [
    "http://192.168.10.5:8080",
    "http://[2001:db8::7]:8080",
    "http://127.0.0.1:8080",
  ]);
});
