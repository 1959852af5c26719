import assert from "node:assert/strict";
import { join } from "node:path";
import { UapiConnection } from "./uapi_connection.ts";
import { DeviceError } from "./wireguard_device.ts";

/** A daemon that does as the test says with each connection. */
async function withDaemon(
  daemon: (socket: Deno.UnixConn) => Promise<void>,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "s");
  const listener = Deno.listen({ transport: "unix", path });
  const serving = (async () => {
    for await (const socket of listener) {
      await daemon(socket).catch(() => {});
      try {
        socket.close();
      } catch {
        // the daemon has closed it
      }
    }
  })();
  try {
    await use(path);
  } finally {
    listener.close();
    await serving;
    await Deno.remove(dir, { recursive: true });
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

async function received(socket: Deno.UnixConn): Promise<string> {
  const buffer = new Uint8Array(1024);
  return new TextDecoder().decode(buffer.subarray(0, await socket.read(buffer) ?? 0));
}

const code = (error: unknown) => error instanceof DeviceError ? error.code : String(error);

Deno.test("an answer in pieces comes as one, request after request", async () => {
  await withDaemon(async (socket) => {
    for (let count = 1; count <= 2; count++) {
      assert.equal(await received(socket), "get=1\n\n");
      for (const piece of [`listen_port=${count}`, "\nerr", "no=0\n", "\n"]) {
        await socket.write(bytes(piece));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    await received(socket);
  }, async (path) => {
    const connection = await UapiConnection.open(path);
    assert.equal(await connection.request("get=1\n\n"), "listen_port=1\nerrno=0");
    assert.equal(await connection.request("get=1\n\n"), "listen_port=2\nerrno=0");
    connection.close();
    await connection.closed;
    await assert.rejects(connection.request("get=1\n\n"), (error) => code(error) === "gone");
  });
});

Deno.test("a daemon that ends in the middle of an answer, or before one, is gone", async () => {
  for (const part of ["", "listen_port=1\n"]) {
    await withDaemon(async (socket) => {
      await received(socket);
      if (part !== "") await socket.write(bytes(part));
    }, async (path) => {
      const connection = await UapiConnection.open(path);
      await assert.rejects(connection.request("get=1\n\n"), (error) => code(error) === "gone");
      await connection.closed;
    });
  }
});

Deno.test("a daemon that speaks unasked, or without end, is let go", async () => {
  await withDaemon(async (socket) => {
    await socket.write(bytes("errno=0\n\n"));
    await received(socket);
  }, async (path) => {
    const connection = await UapiConnection.open(path);
    await connection.closed;
  });
  const flood = new Uint8Array(1024 * 1024).fill(97);
  let sent = 0;
  await withDaemon(async (socket) => {
    await received(socket);
    for (; sent < 64; sent++) {
      for (let at = 0; at < flood.length;) at += await socket.write(flood.subarray(at));
    }
  }, async (path) => {
    const connection = await UapiConnection.open(path);
    await assert.rejects(connection.request("get=1\n\n"), (error) => code(error) === "gone");
    await connection.closed;
  });
  assert.ok(sent >= 16 && sent < 32, `${sent} MiB were taken`);
});

Deno.test("where no daemon listens, the system's own error says so", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await assert.rejects(UapiConnection.open(join(dir, "none")), Deno.errors.NotFound);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
