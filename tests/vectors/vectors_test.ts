import assert from "node:assert/strict";
import canonicalize from "canonicalize";
import { canonicalText, parseCanonical } from "../../src/mesh/canonical.ts";
import { fromBase64, meshTimeUs, sha256Hex, toBase64, toBase64Url } from "../../src/mesh/encoding.ts";
import { openEnvelope, openRegistration, sealEnvelope } from "../../src/mesh/envelope.ts";
import { eventSchemas, type EventType, type PayloadOf } from "../../src/mesh/events.ts";
import { type HubId, hubIdOf, type NodeId, nodeIdOf } from "../../src/mesh/ids.ts";
import { formatJoinToken, type JoinToken, parseJoinToken } from "../../src/mesh/join_token.ts";
import { decapsulate, kemKeyOf } from "../../src/mesh/kem.ts";
import {
  isSigningPublicKey,
  isWireGuardPublicKey,
  sharedSecret,
  signingKeyOf,
  wireGuardKeyOf,
} from "../../src/mesh/keys.ts";
import { openInitiation } from "../../src/mesh/noise_initiation.ts";
import { type MembersOf, objectSchemas, type ObjectType } from "../../src/mesh/objects.ts";
import { endToEndPsk, hubPsk, pskConfirm, pskLeader } from "../../src/mesh/psk.ts";
import { verifyRequest } from "../../src/mesh/request_signature.ts";
import { openObject, readObject, sealObject } from "../../src/mesh/signed_object.ts";
import { type NodeState, nodeStateSchema, stateSha256 } from "../../src/mesh/state.ts";
import { openStatement } from "../../src/mesh/statements.ts";
import { isTokenMac, tokenMac } from "../../src/mesh/token_mac.ts";
import { hasMac1, mac1Of, receiverIndex, senderIndex } from "../../src/mesh/wireguard_packet.ts";
import events from "./events.json" with { type: "json" };
import join from "./join.json" with { type: "json" };
import keys from "./keys.json" with { type: "json" };
import objects from "./objects.json" with { type: "json" };
import psk from "./psk.json" with { type: "json" };
import refused from "./refused.json" with { type: "json" };
import type { RefusedText } from "./refused_texts.ts";
import request from "./request.json" with { type: "json" };
import rfc8785 from "./rfc8785.json" with { type: "json" };
import states from "./state.json" with { type: "json" };
import wireguard from "./wireguard.json" with { type: "json" };

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hub = keys.ids.hub as HubId;

function signer(name: string) {
  const found = keys.ed25519.find((key) => key.name === name);
  assert.ok(found, name);
  return signingKeyOf(bytes(found.seed));
}

for (const { clause, input, output, mesh, utf8 } of rfc8785.samples) {
  Deno.test(`RFC 8785 §${clause}: the sample has its published form`, () => {
    assert.equal(canonicalize(JSON.parse(input)), output);
    if (utf8 !== undefined) assert.equal(Buffer.from(output).toString("hex"), utf8);
    if (mesh) {
      assert.equal(canonicalText(JSON.parse(input)), output);
      assert.ok(parseCanonical(output, 1000));
      assert.throws(() => parseCanonical(input, 1000), { code: "E_FORM" });
    } else {
      assert.throws(() => canonicalText(JSON.parse(input)), { code: "E_FORM" });
      assert.throws(() => parseCanonical(output, 1000), { code: "E_FORM" });
    }
  });
}

Deno.test("RFC 8785 appendix B: numbers have their published form, and only integers are taken", () => {
  assert.equal(rfc8785.numbers.length, 26);
  for (const [bits, text] of rfc8785.numbers) {
    const hex = bits ?? "";
    const value = Buffer.from(hex, "hex").readDoubleBE();
    if (typeof text === "string") assert.equal(canonicalize(value), text);
    else assert.throws(() => canonicalize(value));
    if (hex === "0000000000000000") assert.equal(canonicalText(value), "0");
    else assert.throws(() => canonicalText(value), { code: "E_FORM" }, hex);
  }
});

Deno.test("keys.json: seeds give keys, keys give ids", async () => {
  for (const { name, seed, public_key, sha256 } of keys.ed25519) {
    const { publicKey } = signingKeyOf(bytes(seed));
    assert.deepEqual([toBase64(publicKey), sha256Hex(publicKey)], [public_key, sha256], name);
  }
  assert.equal(hubIdOf(signer("hub signing key 0").publicKey), keys.ids.hub);
  assert.equal(nodeIdOf(signer("node identity").publicKey), keys.ids.node);
  assert.equal(nodeIdOf(signer("other identity").publicKey), keys.ids.other);
  for (const { name, seed, public_key, private_key } of keys.x25519) {
    const { publicKey, privateKey } = wireGuardKeyOf(bytes(seed));
    assert.deepEqual([toBase64(publicKey), toBase64(privateKey)], [public_key, private_key], name);
  }
  for (const { name, seed, public_key } of keys.ml_kem_768) {
    assert.equal(toBase64((await kemKeyOf(bytes(seed))).publicKey), public_key, name);
  }
});

Deno.test("keys.json: both ends agree, and the ciphertext opens", async () => {
  const [one, two] = keys.x25519;
  assert.ok(one && two);
  for (const [mine, theirs] of [[one, two], [two, one]] as const) {
    const secret = sharedSecret(fromBase64(mine.private_key), fromBase64(theirs.public_key));
    assert.deepEqual(secret, bytes(keys.x25519_shared.secret));
  }
  const opener = keys.ml_kem_768.find(({ name }) => name === keys.kem.opened_by);
  assert.ok(opener);
  const secret = await decapsulate(await kemKeyOf(bytes(opener.seed)), fromBase64(keys.kem.ciphertext));
  assert.deepEqual(secret, bytes(keys.kem.secret));
});

Deno.test("keys.json: keys of small order are refused", () => {
  const withHighestBit = (hex: string) => bytes(hex).map((byte, index) => index === 31 ? byte | 0x80 : byte);
  for (const hex of keys.refused_ed25519) {
    assert.ok(!isSigningPublicKey(bytes(hex)) && !isSigningPublicKey(withHighestBit(hex)), hex);
  }
  for (const hex of keys.refused_x25519) {
    assert.ok(!isWireGuardPublicKey(bytes(hex)) && !isWireGuardPublicKey(withHighestBit(hex)), hex);
  }
});

for (const { name, typ: kind, signer: who, members, signed_text, text, sha256 } of objects.objects) {
  Deno.test(`objects.json: ${name}`, () => {
    const typ = kind as ObjectType;
    const key = signer(who);
    assert.equal(sealObject(typ, hub, members as unknown as MembersOf<typeof typ>, key), text);
    const { typ: _typ, v: _v, hub: _hub, signature, ...opened } = openObject(typ, text, {
      hub,
      publicKey: key.publicKey,
    });
    assert.deepEqual(opened, members);
    assert.equal(toBase64(key.sign(Buffer.from(signed_text))), signature);
    assert.equal(sha256Hex(text), sha256);
    if (typ === "ek.node") assert.equal(openStatement(text, hub).sha256, sha256);
  });
}

Deno.test("objects.json: every kind of signed object is there, and the protocol's first example", () => {
  assert.deepEqual([...new Set(objects.objects.map(({ typ }) => typ))].sort(), Object.keys(objectSchemas).sort());
  assert.equal(
    objects.objects[0]?.text,
    '{"audience":"n_6a3803d5f059902a1c6dafbc9ba47292","epoch":1,"event_id":"evt_00000000000000000000000000000001",' +
      '"event_type":"peer_removed","hub":"h_34750f98bd59fcfc946da45aaabe933b","issued_at":"2025-01-15T10:30:00Z",' +
      '"key_index":0,"nonce":"AwMDAwMDAwMDAwMDAwMDAw==","payload":{"peer_id":"n_00000000000000000000000000000000"},' +
      '"reply_to":"BAQEBAQEBAQEBAQEBAQEBA==","sequence":7,"signature":"StVA5DJ/wUa03EA+cQQKEq1aUPUXWeuTWQVkqgOBjsi' +
      'Ec8xK5WGRM7LfrwT67mIn9pMvKTUhFkJrmXJgEJUyDA==","typ":"ek.event","v":1}',
  );
});

for (const { event_type, payload, text } of events.events) {
  Deno.test(`events.json: ${event_type}`, () => {
    const type = event_type as EventType;
    const key = signer("hub signing key 0");
    const audience = type === "time" ? null : events.audience as NodeId;
    const expected = { hub, audience, keyOf: () => key.publicKey, replyTo: events.reply_to };
    const { event, text: _text, typ: _typ, v: _v, signature: _signature, ...members } = openEnvelope(text, expected);
    assert.deepEqual(event, { type, payload });
    assert.equal(sealEnvelope({ ...members, event_type: type, payload: payload as PayloadOf<typeof type> }, key), text);
  });
}

Deno.test("events.json: every kind of event is there", () => {
  assert.deepEqual(events.events.map(({ event_type }) => event_type).sort(), Object.keys(eventSchemas).sort());
});

Deno.test("state.json: states hash as they are", () => {
  for (const { state, text, state_sha256 } of states.states) {
    assert.equal(canonicalText(state), text);
    assert.equal(stateSha256(state as unknown as NodeState), state_sha256);
    assert.equal(stateSha256(nodeStateSchema.parse(state)), state_sha256);
  }
});

for (const { psk_hub_id, psk_hub, offer, offer_sha256, confirm, accept, psk: key } of psk.exchanges) {
  Deno.test(`psk.json: exchange with psk_hub_id ${psk_hub_id}`, () => {
    const [a, b] = psk.nodes as [NodeId, NodeId];
    const part = hubPsk(bytes(psk.hub_master), a, b, psk_hub_id);
    const secret = bytes(psk.kem_secret);
    assert.equal(toBase64(part), psk_hub);
    assert.equal(pskLeader(a, b), psk.leader);
    assert.equal(sha256Hex(offer), offer_sha256);
    assert.equal(toBase64(pskConfirm(secret, part, offer)), confirm);
    assert.equal(toBase64(endToEndPsk(secret, part, offer)), key);
    const answer = readObject("ek.psk_accept", accept);
    assert.deepEqual([answer.confirm, answer.offer_sha256], [confirm, offer_sha256]);
    assert.equal("ciphertext" in readObject("ek.psk_offer", offer), psk_hub_id === 1);
  });
}

Deno.test("join.json: tokens say what they say, and the MAC is over the registration", () => {
  for (const { members, token } of join.tokens) {
    assert.equal(formatJoinToken(members as JoinToken), token);
    assert.deepEqual(parseJoinToken(token), members);
  }
  const secret = fromBase64(join.tokens[0]?.members.secret ?? "");
  const register = readObject("ek.register", join.register);
  assert.ok(isTokenMac(secret, register));
  assert.equal(tokenMac(secret, register), join.token_mac);
  const { token_mac: _mac, signature: _signature, ...covered } = register;
  assert.equal(canonicalText(covered), join.mac_text);
});

Deno.test("request.json: the request verifies, and is signed the same again", async () => {
  const { publicKey, sign } = signer(request.signer);
  const claim = {
    header: request.authorization,
    publicKey,
    nodeId: request.node as NodeId,
    hub,
    method: request.method,
    path: request.path,
    body: new TextEncoder().encode(request.body),
    nowUs: meshTimeUs(request.now),
  };
  assert.equal((await verifyRequest(claim)).nonce, request.nonce);
  await assert.rejects(verifyRequest({ ...claim, body: new Uint8Array(0) }), { code: "E_SIGNATURE" });
  const input = [request.protected_header, request.claims].map((part) => toBase64Url(Buffer.from(part))).join(".");
  assert.equal(input, request.signing_input);
  assert.equal(`EdgekeepSig ${input}.${toBase64Url(sign(Buffer.from(input)))}`, request.authorization);
});

Deno.test("wireguard.json: a real handshake is read", () => {
  const responder = wireGuardKeyOf(bytes(wireguard.responder_seed));
  const initiator = wireGuardKeyOf(bytes(wireguard.initiator_seed));
  assert.deepEqual(responder.publicKey, bytes(wireguard.responder_public_key));
  assert.deepEqual(initiator.publicKey, bytes(wireguard.initiator_public_key));
  for (const { packet, mac1, tai64n, sender_index } of [wireguard.initiation, wireguard.earlier_initiation]) {
    assert.deepEqual(mac1Of(bytes(packet), responder.publicKey), bytes(mac1));
    const opened = openInitiation(bytes(packet), responder);
    assert.deepEqual(opened, { publicKey: initiator.publicKey, tai64n: bytes(tai64n) });
    assert.equal(senderIndex(bytes(packet)), sender_index);
  }
  const { response, transport } = wireguard;
  assert.ok(hasMac1(bytes(response.packet), initiator.publicKey));
  assert.deepEqual(mac1Of(bytes(response.packet), initiator.publicKey), bytes(response.mac1));
  assert.deepEqual([senderIndex(bytes(response.packet)), receiverIndex(bytes(response.packet))], [
    response.sender_index,
    response.receiver_index,
  ]);
  assert.equal(receiverIndex(bytes(transport.packet)), transport.receiver_index);
});

Deno.test("wireguard.json: packets that are no initiation for the responder tell nothing", () => {
  const responder = wireGuardKeyOf(bytes(wireguard.responder_seed));
  for (const { name, packet } of wireguard.refused) {
    assert.equal(openInitiation(bytes(packet), responder), null, name);
    if (name.endsWith("mac1 fits")) assert.ok(hasMac1(bytes(packet), responder.publicKey), name);
  }
});

function readRefused(vector: RefusedText): unknown {
  const { text, typ, audience, reply_to: replyTo = "" } = vector;
  const maxBytes = vector.max_bytes ?? 1_000_000;
  switch (vector.reader) {
    case "canonical":
      return parseCanonical(text, maxBytes);
    case "object":
      return openObject(typ as ObjectType, text, {
        hub: vector.hub as HubId,
        publicKey: fromBase64(vector.public_key ?? ""),
        maxBytes,
      });
    case "statement":
      return openStatement(text, hub);
    case "envelope": {
      const keyOf = (index: number) => {
        const key = vector.signing_keys?.[index];
        return key === undefined ? null : fromBase64(key);
      };
      return openEnvelope(text, { hub, audience: audience as NodeId, keyOf, replyTo, maxBytes });
    }
    case "registration": {
      const { key_sha256: keySha256 = "", key_index: keyIndex = 0 } = vector;
      return openRegistration(text, { hub, audience: audience as NodeId, keySha256, keyIndex, replyTo });
    }
    case "token":
      return parseJoinToken(text);
    case "request":
      return verifyRequest({
        header: text,
        publicKey: fromBase64(vector.public_key ?? ""),
        nodeId: vector.node as NodeId,
        hub: vector.hub as HubId,
        method: vector.method ?? "",
        path: vector.path ?? "",
        body: new TextEncoder().encode(vector.body),
        nowUs: meshTimeUs(vector.now ?? ""),
      });
  }
}

for (const vector of refused.refused as RefusedText[]) {
  Deno.test(`refused.json: ${vector.name}`, async () => {
    await assert.rejects(async () => await readRefused(vector), { name: "MeshError", code: vector.code });
  });
}

Deno.test("refused.json: its readers take what is good", async () => {
  const vectors = refused.refused as RefusedText[];
  const good = async (reader: string, text: string, change: Partial<RefusedText> = {}) => {
    const vector = vectors.find((one) => one.reader === reader);
    assert.ok(vector);
    assert.ok(await readRefused({ ...vector, ...change, text }), reader);
  };
  const textOf = (event: string) => events.events.find(({ event_type }) => event_type === event)?.text ?? "";
  await good("canonical", "{}");
  await good("object", objects.objects.find(({ typ }) => typ === "ek.cosign")?.text ?? "");
  await good("statement", objects.objects.find(({ typ }) => typ === "ek.node")?.text ?? "");
  await good("envelope", textOf("peer_removed"));
  await good("registration", textOf("registered"));
  await good("token", join.tokens[0]?.token ?? "");
  await good("request", request.authorization, { hub });
});
