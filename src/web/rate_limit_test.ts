import assert from "node:assert/strict";
import { neighbour, webApp } from "../../tests/lib/web_request.ts";
import { WebWorld } from "../../tests/lib/web_world.ts";

Deno.test("an address that asks too often is told to wait, its neighbours are not", async () => {
  const world = new WebWorld();
  using web = webApp(world, { config: { listen: "0.0.0.0:8080", requests_per_minute: 60, health_remote: true } });
  const ask = async (remoteAddress: string) =>
    await web.get("/healthz", { peer: { ...neighbour, remoteAddress }, host: "192.168.7.2" });
  const statuses = new Map<number, number>();
  for (let count = 0; count < 200; count++) {
    const { status } = await ask("192.168.7.66");
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert((statuses.get(200) ?? 0) >= 60 && (statuses.get(429) ?? 0) > 100, JSON.stringify([...statuses]));
  const refused = await ask("192.168.7.66");
  assert.equal((await refused.json()).code, "throttled");
  assert.match(refused.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  assert.equal((await ask("192.168.7.67")).status, 200);
  assert.equal((await web.get("/healthz")).status, 200);
  assert.deepEqual(world.audit.of("web_rate_limited").map(({ address, decision }) => [address, decision]), [
    ["192.168.7.66", "denied"],
  ]);
});

Deno.test("an IPv6 network counts as one address", async () => {
  using web = webApp(new WebWorld(), { config: { listen: "[::]:8080", requests_per_minute: 60, health_remote: true } });
  let refused = 0;
  for (let count = 0; count < 80; count++) {
    const peer = { remoteAddress: `2001:db8:7:1::${count.toString(16)}`, localAddress: "2001:db8::2" };
    if ((await web.get("/healthz", { peer, host: "[2001:db8::2]" })).status === 429) refused++;
  }
  assert(refused >= 10, `${refused} were refused`);
  const other = { remoteAddress: "2001:db8:7:2::1", localAddress: "2001:db8::2" };
  assert.equal((await web.get("/healthz", { peer: other, host: "[2001:db8::2]" })).status, 200);
});

Deno.test("programs on this machine share an address, and may ask ten times as often", async () => {
  using web = webApp(new WebWorld(), { config: { requests_per_minute: 60 } });
  for (let count = 0; count < 600; count++) assert.equal((await web.get("/healthz")).status, 200);
});
