import assert from "node:assert/strict";
import type { NodeId } from "../../mesh/ids.ts";
import { fromBase64 } from "../../mesh/encoding.ts";
import { openObject, readObject } from "../../mesh/signed_object.ts";
import { worldHub, WorldKeys, worldPsk } from "../../../tests/lib/peer_world.ts";
import { emptyPsk, type PskRecord } from "./peer_record.ts";
import {
  currentKey,
  type ExchangeContext,
  isUnsettled,
  type MailOutcome,
  makeOffer,
  offerNeeded,
  provenBy,
  takeAccept,
  takeCommit,
  takeOffer,
  withoutKeys,
} from "./psk_exchange.ts";

interface Ends {
  readonly leader: ExchangeContext;
  readonly follower: ExchangeContext;
}

/** Both ends of a pair with real keys, as they see each other. */
async function ends(pskHubId = 1): Promise<Ends> {
  const [low, high] = [await WorldKeys.create(), await WorldKeys.create()]
    .toSorted((a, b) => a.nodeId < b.nodeId ? -1 : 1);
  assert.ok(low !== undefined && high !== undefined);
  const psk = fromBase64(worldPsk(low.nodeId, high.nodeId, pskHubId));
  const context = (self: WorldKeys, peer: WorldKeys): ExchangeContext => ({
    hub: worldHub,
    self: self.nodeId,
    identity: self.identity,
    kem: self.kem,
    ownStatement: self.tunnel.statement.sha256,
    peer: peer.nodeId,
    peerKem: peer.kem.publicKey,
    peerStatement: peer.tunnel.statement.sha256,
    pskHub: psk,
    pskHubId,
  });
  return { leader: context(low, high), follower: context(high, low) };
}

/** The same pair with another hub part. */
function withHubPart({ leader, follower }: Ends, pskHubId: number): Ends {
  const pskHub = fromBase64(worldPsk(leader.self, follower.self, pskHubId));
  return { leader: { ...leader, pskHub, pskHubId }, follower: { ...follower, pskHub, pskHubId } };
}

function step(outcome: MailOutcome): { record: PskRecord; send: string } {
  assert.equal(outcome.kind, "step", JSON.stringify(outcome));
  return outcome as { kind: "step"; record: PskRecord; send: string };
}

const open = <T extends "ek.psk_offer" | "ek.psk_accept" | "ek.psk_commit">(
  typ: T,
  text: string,
  by: ExchangeContext,
) => openObject(typ, text, { hub: worldHub, publicKey: by.identity.publicKey });

/** One exchange from the offer to the commit. */
async function exchange(
  { leader, follower }: Ends,
  before: { leader: PskRecord; follower: PskRecord },
  kind: "fresh" | "reuse",
) {
  const offered = await makeOffer(before.leader, leader, kind);
  const offer = offered.send ?? "";
  const accepted = step(await takeOffer(before.follower, follower, offer, open("ek.psk_offer", offer, leader)));
  const agreed = step(takeAccept(offered.record, leader, open("ek.psk_accept", accepted.send, follower)));
  const committed = step(takeCommit(accepted.record, follower, open("ek.psk_commit", agreed.send, leader)));
  return { leader: agreed.record, follower: committed.record, offer, accept: accepted.send, commit: agreed.send };
}

const nothing = { leader: emptyPsk, follower: emptyPsk };

Deno.test("both ends derive one key with real ML-KEM, and another with each epoch", async () => {
  const pair = await ends();
  const first = await exchange(pair, nothing, "fresh");
  assert.deepEqual(currentKey(first.leader)?.psk, currentKey(first.follower)?.psk);
  assert.notEqual(currentKey(first.leader)?.psk, worldPsk(pair.leader.self, pair.follower.self, 1));
  const second = await exchange(pair, first, "fresh");
  assert.equal(currentKey(second.leader)?.psk, currentKey(second.follower)?.psk);
  assert.notEqual(currentKey(second.leader)?.psk, currentKey(first.leader)?.psk);
});

Deno.test("a new hub part reuses the stored secret: the offer has no ciphertext", async () => {
  const pair = await ends();
  const first = await exchange(pair, nothing, "fresh");
  const changed = withHubPart(pair, 2);
  const settled = { leader: provenBy(first.leader, 1), follower: provenBy(first.follower, 1) };
  assert.equal(offerNeeded(settled.leader, changed.leader, false, false), "reuse");
  const second = await exchange(changed, settled, "reuse");
  assert.equal(readObject("ek.psk_offer", second.offer).ciphertext, undefined);
  assert.equal(currentKey(second.leader)?.kem_secret, currentKey(first.leader)?.kem_secret);
  assert.equal(currentKey(second.leader)?.psk, currentKey(second.follower)?.psk);
  assert.notEqual(currentKey(second.leader)?.psk, currentKey(first.leader)?.psk);
});

Deno.test("the first key is the follower's with its accept; a later one only with the commit", async () => {
  const pair = await ends();
  const offered = await makeOffer(emptyPsk, pair.leader, "fresh");
  const offer = open("ek.psk_offer", offered.send ?? "", pair.leader);
  const accepted = step(await takeOffer(emptyPsk, pair.follower, offered.send ?? "", offer));
  assert.deepEqual([accepted.record.current, accepted.record.open, accepted.record.committed], [1, 1, 0]);
  const first = await exchange(pair, nothing, "fresh");
  const again = await makeOffer(first.leader, pair.leader, "fresh");
  const second = open("ek.psk_offer", again.send ?? "", pair.leader);
  const pending = step(await takeOffer(first.follower, pair.follower, again.send ?? "", second));
  assert.deepEqual([pending.record.current, pending.record.open, pending.record.committed], [1, 2, 1]);
  assert.equal(again.record.current, 1);
});

Deno.test("while a key was in no handshake the leader begins no third one, unless no session is left", async () => {
  const pair = await ends();
  const first = await exchange(pair, nothing, "fresh");
  const second = await exchange(pair, first, "fresh");
  assert.equal(isUnsettled(second.leader), true);
  const changed = withHubPart(pair, 2).leader;
  assert.equal(offerNeeded(second.leader, changed, false, false), "none");
  assert.equal(offerNeeded(second.leader, changed, true, false), "reuse");
  assert.equal(offerNeeded(provenBy(second.leader, 2), changed, false, false), "reuse");
  assert.equal(
    offerNeeded(provenBy(second.leader, 2), { ...changed, peerStatement: "0".repeat(64) }, false, false),
    "fresh",
  );
});

Deno.test("a confirmation of another secret is refused", async () => {
  const pair = await ends();
  const first = await exchange(pair, nothing, "fresh");
  const other = await exchange(pair, nothing, "fresh");
  // the follower holds the secret of another exchange
  const wrong = { ...first.follower, keys: other.follower.keys };
  const changed = withHubPart(pair, 2);
  const offered = await makeOffer(first.leader, changed.leader, "reuse");
  const offer = open("ek.psk_offer", offered.send ?? "", pair.leader);
  const accepted = step(await takeOffer(wrong, changed.follower, offered.send ?? "", offer));
  const outcome = takeAccept(offered.record, changed.leader, open("ek.psk_accept", accepted.send, pair.follower));
  assert.deepEqual(outcome, { kind: "refused", reason: "psk_confirm_failed", send: null });
});

Deno.test("an offer for a hub part or a statement that is not known here yet waits", async () => {
  const pair = await ends();
  const offered = await makeOffer(emptyPsk, withHubPart(pair, 2).leader, "fresh");
  const offer = open("ek.psk_offer", offered.send ?? "", pair.leader);
  for (const follower of [pair.follower, { ...withHubPart(pair, 2).follower, peerStatement: "0".repeat(64) }]) {
    assert.equal((await takeOffer(emptyPsk, follower, offered.send ?? "", offer)).kind, "later");
  }
});

Deno.test("messages again change nothing and are answered again; older ones are refused", async () => {
  const pair = await ends();
  const first = await exchange(pair, nothing, "fresh");
  const second = await exchange(pair, first, "fresh");
  const { follower, leader } = pair;
  const again = step(
    await takeOffer(second.follower, follower, second.offer, open("ek.psk_offer", second.offer, leader)),
  );
  assert.deepEqual([again.record, again.send], [second.follower, second.accept]);
  const commit = step(takeAccept(second.leader, leader, open("ek.psk_accept", second.accept, follower)));
  assert.deepEqual([commit.record, commit.send], [second.leader, second.commit]);
  const settled = provenBy(second.follower, 2);
  const old = await takeOffer(settled, follower, first.offer, open("ek.psk_offer", first.offer, leader));
  // the newest accept tells a leader that was restored from a backup which epochs are used up
  assert.deepEqual(old, { kind: "refused", reason: "psk_epoch_old", send: second.accept });
  const oldCommit = takeCommit(settled, follower, open("ek.psk_commit", first.commit, leader));
  assert.equal(oldCommit.kind, "refused");
  const oldAccept = takeAccept(second.leader, leader, open("ek.psk_accept", first.accept, follower));
  assert.equal(oldAccept.kind, "refused");
});

Deno.test("the epochs of a removed pair are not used again, and no key of it is left", async () => {
  const pair = await ends();
  const first = await exchange(pair, nothing, "fresh");
  const tombs = { leader: withoutKeys(first.leader), follower: withoutKeys(first.follower) };
  assert.deepEqual(tombs.follower, { committed: 1, keys: [], current: null, open: null });
  const replay = await takeOffer(
    tombs.follower,
    pair.follower,
    first.offer,
    open("ek.psk_offer", first.offer, pair.leader),
  );
  assert.equal(replay.kind, "refused");
  const next = await exchange(pair, tombs, "fresh");
  assert.equal(next.leader.current, 2);
});

Deno.test("an offer by the follower, or for somebody else, is refused", async () => {
  const pair = await ends();
  const offered = await makeOffer(emptyPsk, pair.leader, "fresh");
  const offer = open("ek.psk_offer", offered.send ?? "", pair.leader);
  const turned = { ...offer, from: offer.to, to: offer.from };
  const asLeader = await takeOffer(emptyPsk, pair.leader, offered.send ?? "", turned);
  assert.deepEqual(asLeader, { kind: "refused", reason: "psk_role", send: null });
  const foreign = { ...offer, to: `n_${"f".repeat(32)}` as NodeId };
  assert.equal((await takeOffer(emptyPsk, pair.follower, offered.send ?? "", foreign)).kind, "refused");
});
