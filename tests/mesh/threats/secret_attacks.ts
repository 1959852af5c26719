import assert from "node:assert/strict";
import { hubPsk } from "../../../src/mesh/psk.ts";
import { fromBase64, toBase64 } from "../../../src/mesh/encoding.ts";
import { filesWith } from "../kit/files_with.ts";
import { type Attack, refusedWith, unharmed } from "./scene.ts";
import { Thief } from "../kit/thief.ts";
import type { TestAgent } from "../kit/test_agent.ts";
import { AgentFolder } from "../../../src/agent/files/agent_folder.ts";
import { peerRecordSchema } from "../../../src/agent/peers/peer_record.ts";

/** Whoever has all that the hub has does not have the keys of its pairs. */
export const onPresharedKeys: Attack = async ({ world, a, b }) => {
  const { hub } = world;
  const stolen = world.stealHub();
  const byIp = new Map<string, TestAgent>();
  const seen = new Set<string>();
  for (const agent of [a, b]) byIp.set(`${await agent.meshIp()}/32`, agent);
  for (const agent of [a, b]) {
    const own = await agent.nodeId();
    for (const [, psk = "", , allowed = ""] of await agent.wireGuard()) {
      assert.match(psk, /^[A-Za-z0-9+/]{43}=$/);
      seen.add(psk);
      const peer = await byIp.get(allowed)?.nodeId();
      if (peer === undefined) continue;
      for (let id = 0; id < 8; id++) assert.notEqual(psk, toBase64(hubPsk(stolen.master, own, peer, id)));
      assert.deepEqual(await filesWith(hub.dataDir, fromBase64(psk)), []);
      const record = await (await AgentFolder.open(agent.dir)).store(`peer-${peer}`, peerRecordSchema).read();
      assert.ok((record?.psk.keys.length ?? 0) > 0);
      for (const { kem_secret, psk_hub_id, ...key } of record?.psk.keys ?? []) {
        assert.deepEqual(await filesWith(hub.dataDir, fromBase64(kem_secret)), []);
        assert.deepEqual(await filesWith(hub.dataDir, fromBase64(key.psk)), []);
        assert.notEqual(key.psk, toBase64(hubPsk(stolen.master, own, peer, psk_hub_id)));
      }
    }
  }
  // the same at both ends, and another one for each pair
  const lines = (await Promise.all([a.wireGuard(), b.wireGuard()])).flat();
  assert.equal(seen.size, lines.length - 1);
  const [mine, theirs] = await Promise.all([a.wireGuard(), b.wireGuard()]);
  const [ipA, ipB] = [await a.meshIp(), await b.meshIp()];
  assert.equal(
    mine.find(([, , , ip]) => ip === `${ipB}/32`)?.[1],
    theirs.find(([, , , ip]) => ip === `${ipA}/32`)?.[1],
  );
};

/** Another user of the machine wants the keys, the state, or to tell the agent what to do. */
export const asAnotherUser: Attack = async ({ a }) => {
  const nobody = (...command: string[]) =>
    a.machine.run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "--", ...command]);
  assert.equal((await nobody("true")).code, 0);
  for (const name of ["keys.json", "trust.json", "state.json", "position.json"]) {
    assert.notEqual((await nobody("cat", `${a.dir}/${name}`)).code, 0, name);
  }
  assert.notEqual((await nobody("ls", a.dir)).code, 0);
  const ask = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])";
  const { code, err } = await nobody("python3", "-c", ask, `${a.dir}/agent.sock`);
  assert.notEqual(code, 0);
  assert.match(err, /Permission/);
  // nothing secret is said to root either
  const text = JSON.stringify([await a.status(), await a.peers()]);
  const keys = JSON.parse(await Deno.readTextFile(`${a.dir}/keys.json`)).value;
  for (const secret of [keys.identity_seed, keys.kem_seed, keys.tunnel.seed]) assert.ok(!text.includes(secret));
  for (const [, psk = ""] of await a.wireGuard()) assert.ok(!text.includes(psk));
};

/** There is no secret that node and hub share: what the hub got and keeps proves nothing about a node. */
export const onSharedSecrets: Attack = async ({ world: { hub, mitm }, a }) => {
  const answers = mitm.seen.flatMap((news) => news.saw === "request" && news.path === "/v1/register" ? [news] : []);
  for (const { body } of answers) {
    const register = JSON.parse(Buffer.from(body, "base64").toString());
    assert.deepEqual(Object.keys(register).sort(), [
      ...["binary_sha256", "hostname", "hub", "nonce", "signature", "statement", "token_id", "token_mac", "typ", "v"],
      "version",
    ]);
  }
  const trust = JSON.parse(await Deno.readTextFile(`${a.dir}/trust.json`)).value;
  const expected = [
    ...["accept_any_position", "cosign", "hub", "joined_us", "key_index", "mesh_cidr", "mesh_ip", "recovered_epoch"],
    ...["signing_key", "tls_spki", "url"],
  ];
  assert.deepEqual(Object.keys(trust).filter((name) => name !== "admin_key").sort(), expected);
  for (const { authorization } of mitm.requests("GET", /events$/)) assert.match(authorization ?? "", /^EdgekeepSig /);
  const keys = JSON.parse(await Deno.readTextFile(`${a.dir}/keys.json`)).value;
  assert.deepEqual(await filesWith(hub.dataDir, fromBase64(keys.identity_seed)), []);
};

/** The hub's own signature, on what is not the next thing for this node. */
export const onEnvelopes: Attack = async (scene) => {
  const { world: { mitm }, a, b } = scene;
  const before = await a.status();
  await unharmed(scene, async () => {
    await using thief = await Thief.takeOver(scene.world, a);
    const { stolen } = thief;
    const [node, other] = [await a.nodeId(), await b.nodeId()];
    const { sequence, epoch } = before.position;
    const removal = { audience: node, type: "peer_removed", payload: { peer_id: other } };
    const nonce = () => mitm.streams(node).at(-1) ?? "";
    const inject = (data: string) => mitm.tell({ do: "inject", node, data });
    const next = { ...removal, sequence: sequence + 1, epoch };

    await refusedWith(a, "E_AUDIENCE", () => inject(stolen.forge({ ...next, audience: other, replyTo: nonce() })));
    await refusedWith(a, "E_REPLY", () => inject(stolen.forge(next)));
    await refusedWith(a, "E_FORM", () => inject(stolen.forge({ ...next, payload: {}, replyTo: nonce() })));
    // a tick of now, so that the age of what follows is judged by the hub's time
    const sha256 = JSON.parse(await Deno.readTextFile(`${a.dir}/position.json`)).value.position.state_sha256;
    if (sha256 !== null) {
      await inject(stolen.forge({
        ...{ audience: node, type: "tick", payload: { state_sha256: sha256 } },
        ...{ sequence, epoch, replyTo: nonce() },
      }));
    }
    const { duplicates } = (await a.status()).hub.following;
    await inject(stolen.forge({ ...next, sequence, replyTo: nonce() }));
    for (let left = 500; (await a.status()).hub.following.duplicates === duplicates; left--) {
      assert.ok(left > 0, "An event of a past position was not counted as a duplicate");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await refusedWith(a, "E_AGE", () => {
      return inject(stolen.forge({ ...next, issuedUs: (Date.now() - 400_000) * 1000, replyTo: nonce() }));
    });
    await reopened(nonce);
    await refusedWith(
      a,
      "hub_recovered_needed",
      () => inject(stolen.forge({ ...next, epoch: epoch + 1, replyTo: nonce() })),
    );
  });
  const after = await a.status();
  assert.deepEqual(after.position, before.position);

  /** The stream that a refused message ended is there again. */
  async function reopened(nonce: () => string): Promise<void> {
    const old = nonce();
    for (let left = 1000; nonce() === old && left > 0; left--) await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
