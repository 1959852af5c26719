import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AgentFolder } from "../../../src/agent/files/agent_folder.ts";
import { fromBase64, newNonce, sha256Hex, toBase64 } from "../../../src/mesh/encoding.ts";
import { formatJoinToken, parseJoinToken } from "../../../src/mesh/join_token.ts";
import { newSeed, signingKeyOf } from "../../../src/mesh/keys.ts";
import { canonicalText } from "../../../src/mesh/canonical.ts";
import { makeServerCertificate } from "../../../src/tls/make_certificate.ts";
import { filesWith } from "../kit/files_with.ts";
import { Mitm } from "../kit/mitm.ts";
import type { MeshWorld } from "../kit/mesh_world.ts";
import type { TestAgent } from "../kit/test_agent.ts";
import type { Attack } from "./scene.ts";

/** A machine that has tried nothing yet. */
async function newcomer(world: MeshWorld): Promise<TestAgent> {
  return await world.newAgent(`n${crypto.randomUUID().slice(0, 4)}`);
}

/** Tries to join; what the command said. */
async function attempt(agent: TestAgent, token: string) {
  return await agent.attempt(["join"], { input: `${token}\n` });
}

async function expectRefused(agent: TestAgent, token: string, why: RegExp): Promise<void> {
  const { code, out, err } = await attempt(agent, token);
  assert.notEqual(code, 0, out);
  assert.match(err, why);
  assert.equal(await (await AgentFolder.open(agent.dir)).trust.read(), null);
}

/** Tokens that were changed, revoked, ended or guessed; and where the secret of a good one goes. */
export const onJoinTokens: Attack = async ({ world }) => {
  const { hub, mitm } = world;
  const agent = await newcomer(world);
  const text = await hub.token();
  const token = parseJoinToken(text);

  await expectRefused(agent, `${text.slice(0, 40)}x${text.slice(41)}`, /mistyped/);
  const guessed = formatJoinToken({ ...token, secret: toBase64(newSeed()) });
  await expectRefused(agent, guessed, /does not know this token/);
  const revoked = await hub.token();
  await hub.call("hub.token.revoke", { id: parseJoinToken(revoked).id });
  await expectRefused(agent, revoked, /does not know this token/);
  const ended = await hub.token();
  const db = new DatabaseSync(join(hub.dataDir, "hub", "hub.db"));
  // the hub may be writing
  db.exec("PRAGMA busy_timeout = 10000");
  db.prepare("UPDATE token SET expires_us = ? WHERE id = ?").run(
    Date.now() * 1000 - 1_000_000,
    parseJoinToken(ended).id,
  );
  db.close();
  await expectRefused(agent, ended, /expired|ended/);

  // wrong attempts took no use of it away; the right one does, and forgets the token
  const file = join(world.folder, `token-${crypto.randomUUID()}`);
  await Deno.writeTextFile(file, text, { mode: 0o600 });
  await agent.command("join", "--token-file", file);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
  const secret = fromBase64(token.secret);
  assert.deepEqual(await filesWith(agent.dir, secret), []);
  const sent = mitm.requests("POST", /^\/v1\/register$/).map(({ body }) => fromBase64(body));
  assert.ok(sent.length > 0);
  for (const body of sent) assert.ok(!holds(body, secret));
  await expectRefused(await newcomer(world), text, /used/);
};

/** Somebody stole a token: what he gets, what he does not, and who notices. */
export const withStolenToken: Attack = async ({ world, a }) => {
  const { hub } = world;
  const text = await hub.token();
  const thief = await newcomer(world);
  await thief.joinWith(text);
  const rightful = await newcomer(world);
  // the one that it was for cannot use it any more, and says so; a second machine of the thief cannot either
  await expectRefused(rightful, text, /used/);
  const { id } = parseJoinToken(text);
  const tokens = await hub.call("hub.tokens") as { tokens: { id: string; nodes: string[] }[] };
  const node = await thief.nodeId();
  assert.deepEqual(tokens.tokens.find((token) => token.id === id)?.nodes, [node]);
  // he is nobody else's twin: keys and address of his own
  assert.notEqual(await thief.meshIp(), await a.meshIp());
  await hub.call("hub.node.remove", { node });
  await thief.run();
  await assert.rejects(world.untilReaches(thief, a, 3_000));
  await thief.stop();
};

/** Where the keys of nodes are, and where they are not. */
export const onLocalKeys: Attack = async ({ world, a, b }) => {
  for (const agent of [a, b]) {
    const text = await Deno.readTextFile(join(agent.dir, "keys.json"));
    const { identity_seed, kem_seed, tunnel } = JSON.parse(text).value;
    for (const name of ["keys.json", "trust.json", "position.json", "state.json", "agent.sock"]) {
      const { mode } = await Deno.stat(join(agent.dir, name));
      assert.equal((mode ?? 0) & 0o777, 0o600, name);
    }
    assert.equal(((await Deno.stat(agent.dir)).mode ?? 0) & 0o777, 0o700);
    for (const seed of [identity_seed, kem_seed, tunnel.seed]) {
      const bytes = fromBase64(seed);
      assert.deepEqual(await filesWith(world.hub.dataDir, bytes), []);
      for (const news of world.mitm.seen) {
        if (news.saw === "request") assert.ok(!holds(fromBase64(news.body), bytes));
      }
      assert.ok(!agent.output().includes(seed));
      assert.ok(!JSON.stringify(await agent.status()).includes(seed));
    }
  }
};

/** A stranger at the hub's address, and one who broke TLS, while a machine joins. */
export const duringRegistration: Attack = async ({ world }) => {
  const { hub, mitm, folder } = world;
  // with a certificate of his own: nothing is even said to him
  const { cert, key } = await makeServerCertificate({ names: ["203.0.113.1"], days: 30 });
  const [certificateFile, keyFile] = [join(folder, "stranger.crt"), join(folder, "stranger.key")];
  await Deno.writeTextFile(certificateFile, cert);
  await Deno.writeTextFile(keyFile, key);
  const listen = { host: hub.machine.address, port: 8444 };
  const behind = { host: "127.0.0.1", port: 9443 };
  const agent = await newcomer(world);
  const token = parseJoinToken(await hub.token());
  {
    await using stranger = await Mitm.start({ machine: hub.machine, listen, hub: behind, certificateFile, keyFile });
    const diverted = formatJoinToken({ ...token, url: `https://${listen.host}:${listen.port}` });
    await expectRefused(agent, diverted, /key|pin/i);
    assert.deepEqual(stranger.seen.filter(({ saw }) => saw !== "listening"), []);
  }
  // with the hub's TLS key: he can give neither the node another hub, nor the hub another node
  const own = signingKeyOf(newSeed());
  const nodeId = `n_${"1".repeat(32)}`;
  const unsigned = {
    ...{ audience: nodeId, epoch: 0, event_id: `evt_${"0".repeat(32)}`, event_type: "registered", hub: token.hub },
    ...{ issued_at: "2026-01-01T00:00:00Z", key_index: token.key_index, nonce: newNonce(), reply_to: newNonce() },
    ...{ sequence: 0, typ: "ek.event", v: 1 },
    payload: { mesh_cidr: "10.100.0.0/16", mesh_ip: "10.100.0.9", signing_key: toBase64(own.publicKey) },
  };
  const signature = toBase64(own.sign(Buffer.from(canonicalText(unsigned))));
  await mitm.tell({ do: "answer", path: "/v1/register", text: canonicalText({ ...unsigned, signature }) });
  try {
    await expectRefused(agent, formatJoinToken(token), /E_|another|not the one|node/i);
  } finally {
    await mitm.tell({ do: "answer", path: "/v1/register", text: null });
  }
  const caught = mitm.requests("POST", /^\/v1\/register$/).at(-1);
  assert.ok(caught !== undefined && caught.encoding === null);
  const register = JSON.parse(Buffer.from(caught.body, "base64").toString());
  for (const change of [{ hostname: "thief" }, { nonce: newNonce() }, { token_mac: toBase64(newSeed()) }]) {
    const { status } = await mitm.send({
      method: "POST",
      path: "/v1/register",
      headers: { "content-type": "application/json" },
      body: toBase64(Buffer.from(canonicalText({ ...register, ...change }))),
    });
    assert.ok(status >= 400 && status < 500, `${Object.keys(change)}: ${status}`);
  }
  // without him it joins with the same token and the same keys
  await agent.joinWith(formatJoinToken(token));
  assert.equal(
    sha256Hex(fromBase64(JSON.parse(register.statement).identity_key)).slice(0, 32),
    (await agent.nodeId()).slice(2),
  );
  await hub.call("hub.node.remove", { node: await agent.nodeId() });
};

function holds(haystack: Uint8Array, needle: Uint8Array): boolean {
  const buffer = Buffer.from(haystack);
  return buffer.includes(Buffer.from(needle)) || buffer.includes(toBase64(needle)) || buffer.includes(needle.toHex());
}
