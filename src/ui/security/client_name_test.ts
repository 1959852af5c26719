import assert from "node:assert/strict";
import { clientName } from "./client_name.ts";

Deno.test("a browser is named shortly, a program as it names itself", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
  assert.equal(clientName(chrome), "Chrome 141, Linux");
  assert.equal(clientName(`${chrome} Edg/140.0`), "Edge 140, Linux");
  assert.equal(
    clientName("Mozilla/5.0 (Windows NT 10.0; rv:142.0) Gecko/20100101 Firefox/142.0"),
    "Firefox 142, Windows",
  );
  assert.equal(clientName("edgekeep ctl"), "edgekeep ctl");
  assert.equal(clientName(""), "");
});
