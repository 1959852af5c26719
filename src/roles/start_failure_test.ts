import assert from "node:assert/strict";
import { startFailure } from "./start_failure.ts";

Deno.test("a port in use and a file that cannot be used end with 6", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    Deno.listen({ hostname: "127.0.0.1", port: listener.addr.port }).close();
    assert.fail("two listeners on one port");
  } catch (error) {
    assert.deepEqual([startFailure(error).code, startFailure(error).exitCode], ["EADDRINUSE", 6]);
  } finally {
    listener.close();
  }
  assert.equal(startFailure(Object.assign(new Error("x"), { code: "EROFS" })).exitCode, 6);
  assert.equal(startFailure(Object.assign(new Error("x"), { code: "port_taken" })).exitCode, 6);
});

Deno.test("a room's own exit code wins, everything else is a crash", () => {
  assert.deepEqual(startFailure(Object.assign(new Error("Key is loose"), { code: "key_mode", exitCode: 6 })), {
    code: "key_mode",
    message: "Key is loose",
    exitCode: 6,
  });
  assert.equal(startFailure(Object.assign(new Error("x"), { code: "ERR_ASSERTION" })).exitCode, 1);
  assert.equal(startFailure("text").exitCode, 1);
});
