import assert from "node:assert/strict";
import { join } from "node:path";
import { type ControlConfig, controlSchema } from "../../src/config/schema.ts";
import { connectControl, ControlRefusal } from "../../src/control/control_client.ts";
import { startControl } from "../../src/control/start_control.ts";
import { ControlPeer } from "../lib/control_peer.ts";
import { SwappableCertificate } from "../lib/control_world.ts";
import { OperationsWorld, PASSWORD } from "../lib/operations_world.ts";
import { waitFor } from "../lib/wait_for.ts";

/** The control endpoint over the real operations, credentials and audit. */
async function serve(
  world: OperationsWorld,
  config: Partial<ControlConfig> = {},
  certificate: SwappableCertificate | null = null,
) {
  const { operations, access, audit } = world;
  const control = await startControl({
    config: { ...controlSchema.parse({}), endpoint: `unix://${join(world.folder, "control.sock")}`, ...config },
    certificate,
    operations,
    access,
    audit,
    faults: world.site.faults,
    nowUs: () => Date.now() * 1000,
  });
  return { url: control.url, control, [Symbol.asyncDispose]: () => control.stop() };
}

const tcp = { endpoint: "tcp://127.0.0.1:0" };

Deno.test("a stranger over TLS pairs, and may then do what its token's role allows, until it is revoked", async () => {
  await using world = await OperationsWorld.open();
  await using served = await serve(world, tcp, await SwappableCertificate.make());
  const { code } = await world.result("pair.start", { label: "Panel", role: "viewer", days: 1 }, world.local());

  const tls = { insecure: true };
  const stranger = await connectControl({ endpoint: served.url, tls });
  const hello = await stranger.call("hello") as { readonly operations: string[]; readonly principal: unknown };
  assert.equal(hello.principal, null);
  assert.deepEqual(hello.operations.toSorted(), ["hello", "pair.claim", "setup.claim"]);
  for (const name of ["status", "tags.list", "config.get", "users.list", "no.such"]) {
    await assert.rejects(stranger.call(name), (error) => error instanceof ControlRefusal && error.code !== "internal");
  }
  const claimed = await stranger.call("pair.claim", { code }) as {
    readonly token: string;
    readonly info: { id: string };
  };
  await assert.rejects(stranger.call("pair.claim", { code }), { code: "permission_denied" });
  stranger.close();

  const panel = await connectControl({ endpoint: served.url, tls, token: claimed.token });
  assert.equal((await panel.call("whoami") as { role: string }).role, "viewer");
  await assert.rejects(panel.call("tokens.list"), { code: "permission_denied" });
  const seen: unknown[] = [];
  const watching = (async () => {
    for await (const item of panel.stream("tags.subscribe", {})) seen.push(item);
  })();
  await waitFor("the first values", () => seen.length > 0);
  const ended = assert.rejects(watching, { code: "unauthenticated" });
  await world.result("tokens.revoke", { id: claimed.info.id }, world.local());
  await ended;
  await assert.rejects(panel.call("whoami"), { code: "unauthenticated" });
  await assert.rejects(connectControl({ endpoint: served.url, tls, token: claimed.token }), {
    code: "unauthenticated",
  });
  panel.close();
  const verification = await world.audit.verify();
  assert.equal(verification.ok, true);
  const text = JSON.stringify(await world.audit.tail({ limit: 500 }));
  assert.doesNotMatch(text, new RegExp(`${claimed.token}|${code}`));
});

Deno.test("the unix socket claims an appliance that nobody owns, and the audit knows the caller's own name of the call", async () => {
  await using world = await OperationsWorld.open({ claimed: false });
  await using served = await serve(world);
  const peer = await ControlPeer.connect(served.url);
  const code = (await Deno.readTextFile(join(world.folder, "setup-code"))).trim();
  const params = { code, user: "ann", password: PASSWORD };
  const answer = await peer.ask({ id: 1, type: "setup.claim", params, request_id: "first-day" });
  assert.equal(answer.ok, true, JSON.stringify(answer));
  const records = await world.audit.tail({ limit: 10, event: "operation" });
  const record = records.find(({ operation }) => operation === "setup.claim");
  assert.equal(record?.fields?.["request_id"], "first-day");
  assert.deepEqual([record?.transport, record?.address], ["unix", "local"]);
  assert.equal(answer.audit_id, String(record?.sequence));
  peer.close();
});

Deno.test("guessing tokens gets slower, and refusals of strangers are counted without filling the audit", async () => {
  await using world = await OperationsWorld.open();
  await using served = await serve(world, tcp);
  const codes: (string | undefined)[] = [];
  for (let round = 0; round < 8; round++) {
    const peer = await ControlPeer.connect(served.url);
    for (let id = 1; id <= 5; id++) {
      const answer = await peer.ask({ id, type: "auth", auth: `guess-${round}-${id}` });
      codes.push(answer.error_code);
      if (answer.error_code === "throttled") assert.ok((answer.retry_after_ms ?? 0) > 0);
    }
    await peer.untilClosed();
  }
  assert.ok(codes.every((code) => code === "unauthenticated" || code === "throttled"));
  assert.ok(codes.includes("throttled"));
  const before = (await world.audit.tail({ limit: 1000 })).length;
  assert.ok(before < codes.length, `${before} records for ${codes.length} refusals`);
});

Deno.test("whatever a peer asks of the real operations, each line has its answer and no answer is an internal error", async () => {
  await using world = await OperationsWorld.open();
  await using served = await serve(world);
  const peer = await ControlPeer.connect(served.url);
  const strange = [
    null,
    7,
    "x",
    [],
    { __proto__: 1 },
    { limit: -1 },
    { limit: 1e308 },
    { pattern: "*".repeat(300) },
    {
      tag: "\u0000/\ud800",
    },
    { after: "x", follow: "perhaps" },
    { ids: Array(2000).fill("a/b") },
  ];
  // restart and shutdown are the supervisor's; streams have tests of their own
  const names = world.operations.list().filter(({ stream }) => !stream).map(({ name }) => name as string);
  let id = 0;
  for (const type of [...names, "constructor", "tags.", "Status"]) {
    for (const params of strange) {
      const answer = await peer.ask({ id: ++id, type, params });
      assert.notEqual(answer.error_code, "internal", `${type} ${JSON.stringify(params)}: ${JSON.stringify(answer)}`);
    }
  }
  assert.equal(peer.lines.length, id);
  peer.close();
});
