import assert from "node:assert/strict";
import { openServiceManager } from "./systemd_notify.ts";

/** Sends what `use` tells the service manager to a real datagram socket of that name, and gives what arrived. */
async function heard(
  name: string,
  use: (manager: NonNullable<ReturnType<typeof openServiceManager>>) => void,
  expected: number,
): Promise<string[]> {
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path: name.replace(/^@/, "\0") });
  try {
    const manager = openServiceManager({ NOTIFY_SOCKET: name });
    assert.ok(manager !== null);
    use(manager);
    await manager.close();
    const texts: string[] = [];
    while (texts.length < expected) texts.push(new TextDecoder().decode((await receiver.receive())[0]));
    return texts;
  } finally {
    receiver.close();
  }
}

Deno.test("A service manager behind a path hears every word in order", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const texts = await heard(`${dir}/notify`, (manager) => {
      manager.status("Starting");
      manager.ready("Ready\nREADY=0");
      manager.watchdog();
      manager.stopping("Stopping");
    }, 4);
    assert.deepEqual(texts, [
      "STATUS=Starting",
      "READY=1\nSTATUS=Ready READY=0",
      "WATCHDOG=1",
      "STOPPING=1\nSTATUS=Stopping",
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("A service manager behind an abstract name hears it too", async () => {
  assert.deepEqual(await heard(`@edgekeep-test-${crypto.randomUUID()}`, (manager) => manager.ready("Up"), 1), [
    "READY=1\nSTATUS=Up",
  ]);
});

Deno.test("Without a service manager there is nothing to tell", () => {
  assert.equal(openServiceManager({}), null);
  assert.equal(openServiceManager({ NOTIFY_SOCKET: "" }), null);
  assert.equal(openServiceManager({ NOTIFY_SOCKET: "vsock:2:1234" }), null);
});

Deno.test("A service manager that went away does not disturb", async () => {
  const manager = openServiceManager({ NOTIFY_SOCKET: "/nonexistent/notify" });
  manager?.ready("Ready");
  manager?.watchdog();
  await manager?.close();
});

Deno.test("The watchdog's interval counts for this process alone", async () => {
  const cases: [Record<string, string>, number | null][] = [
    [{ WATCHDOG_USEC: "30000000" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(Deno.pid) }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }, null],
    [{ WATCHDOG_USEC: "0" }, null],
    [{ WATCHDOG_USEC: "soon" }, null],
    [{}, null],
  ];
  for (const [variables, expected] of cases) {
    const manager = openServiceManager({ NOTIFY_SOCKET: "/nonexistent/notify", ...variables });
    assert.equal(manager?.watchdogMs, expected, JSON.stringify(variables));
    await manager?.close();
  }
});
