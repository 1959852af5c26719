import assert from "node:assert/strict";
import { udpSocket } from "../../../tests/lib/udp_socket.ts";
import { waitFor } from "../../../tests/lib/wait_for.ts";
import { DatagramPort, longestDatagram } from "./datagram_port.ts";

Deno.test("A port hands over what arrives, goes on after an error, and drops what is too long", async () => {
  const got: number[] = [];
  const port = new DatagramPort("127.0.0.1", 0, (packet) => {
    if (packet.length === 2) throw new Error("not this one");
    got.push(packet.length);
    return true;
  });
  using sender = udpSocket();
  for (const length of [1, 2, longestDatagram, 3]) await sender.send(new Uint8Array(length), port.address.port);
  await waitFor("the last one", () => got.includes(3));
  assert.deepEqual(got, [1, 3]);
  await port.stop();
  assert.equal(await port.send(Uint8Array.of(1), { hostname: "127.0.0.1", port: 9 }), false);
});

Deno.test("A flood of junk is left to the kernel, and the program stays awake", async () => {
  let seen = 0;
  let useful = 0;
  const port = new DatagramPort("127.0.0.1", 0, (packet) => {
    if (packet.length === 2) return useful++ >= 0;
    seen++;
    return false;
  });
  using sender = udpSocket();
  const startMs = performance.now();
  let sent = 0;
  // as long as this machine takes to send more than is read
  do {
    for (let n = 0; n < 5000; n++, sent++) await sender.send(new Uint8Array(1), port.address.port);
  } while (port.pauses <= 3 && performance.now() - startMs < 30_000);
  const windows = Math.ceil((performance.now() - startMs) / 100) + 1;
  assert.ok(sent > seen, `${seen} of ${sent} were read`);
  assert.ok(seen <= 200 * windows && port.pauses > 3, `${seen} read, ${port.pauses} pauses`);
  await waitFor("it to hear again", async () => {
    await sender.send(new Uint8Array(2), port.address.port);
    return useful > 0;
  });
  await port.stop();
});

Deno.test("A port that is taken is refused at once", async () => {
  const port = new DatagramPort("127.0.0.1", 0, () => true);
  assert.throws(() => new DatagramPort("127.0.0.1", port.address.port, () => true), Deno.errors.AddrInUse);
  await port.stop();
});
