import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join as joinPath } from "node:path";
import { openssl } from "../lib/openssl.ts";
import { programPath, requires } from "../lib/requires.ts";
import events from "./events.json" with { type: "json" };
import join from "./join.json" with { type: "json" };
import keys from "./keys.json" with { type: "json" };
import objects from "./objects.json" with { type: "json" };
import psk from "./psk.json" with { type: "json" };
import request from "./request.json" with { type: "json" };
import wireguard from "./wireguard.json" with { type: "json" };

// Nothing here imports the program: other people's programs say whether the vectors are right.

const hexOf = (base64: string) => Buffer.from(base64, "base64").toString("hex");
const head = {
  ed25519: ["302e020100300506032b657004220420", "302a300506032b6570032100"],
  x25519: ["302e020100300506032b656e04220420", "302a300506032b656e032100"],
};

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeHex(folder: string, name: string, hex: string): Promise<string> {
  const path = joinPath(folder, name);
  await Deno.writeFile(path, Buffer.from(hex, "hex"));
  return path;
}

/** The program's output, given its input. */
async function piped(program: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(programPath(program) ?? program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Every signed text with its signature and the name of its signer. */
const signed: { readonly name: string; readonly signer: string; readonly text: string; readonly signature: string }[] =
  [
    ...objects.objects.map(({ name, signer, signed_text, text }) => ({
      name,
      signer,
      text: signed_text,
      signature: hexOf(JSON.parse(text).signature),
    })),
    ...events.events.map(({ event_type, text }) => {
      const { signature } = JSON.parse(text);
      return {
        name: event_type,
        signer: "hub signing key 0",
        text: text.replace(`,"signature":"${signature}"`, ""),
        signature: hexOf(signature),
      };
    }),
    {
      name: "request",
      signer: request.signer,
      text: request.signing_input,
      signature: Buffer.from(request.authorization.split(".")[2] ?? "", "base64url").toString("hex"),
    },
  ];

Deno.test({
  name: "openssl derives the same Ed25519 keys and verifies every signature",
  ...requires("openssl"),
  fn: () =>
    inFolder(async (folder) => {
      for (const { name, seed, public_key } of keys.ed25519) {
        const key = await writeHex(folder, "key.der", head.ed25519[0] + seed);
        const out = joinPath(folder, "public.der");
        await openssl(["pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER", "-out", out]);
        assert.equal(Buffer.from(await Deno.readFile(out)).toString("hex"), head.ed25519[1] + hexOf(public_key), name);
      }
      for (const { name, signer, text, signature } of signed) {
        const key = keys.ed25519.find((one) => one.name === signer);
        assert.ok(key, signer);
        const publicKey = await writeHex(folder, "public.der", head.ed25519[1] + hexOf(key.public_key));
        const data = await writeHex(folder, "data", Buffer.from(text).toString("hex"));
        const sign = await writeHex(folder, "signature", signature);
        const verify = ["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", publicKey];
        const answer = await openssl([...verify, "-in", data, "-sigfile", sign]);
        assert.match(answer, /Verified Successfully/, name);
      }
    }),
});

Deno.test({
  name: "openssl agrees on the X25519 secret",
  ...requires("openssl"),
  fn: () =>
    inFolder(async (folder) => {
      const [one, two] = keys.x25519;
      assert.ok(one && two);
      const mine = await writeHex(folder, "mine.der", head.x25519[0] + hexOf(one.private_key));
      const theirs = await writeHex(folder, "theirs.der", head.x25519[1] + hexOf(two.public_key));
      const out = joinPath(folder, "secret");
      await openssl([
        "pkeyutl",
        "-derive",
        "-keyform",
        "DER",
        "-inkey",
        mine,
        "-peerform",
        "DER",
        "-peerkey",
        theirs,
        "-out",
        out,
      ]);
      assert.equal(Buffer.from(await Deno.readFile(out)).toString("hex"), keys.x25519_shared.secret);
    }),
});

Deno.test({
  name: "openssl derives the same pre-shared keys, confirmations and token MAC",
  ...requires("openssl"),
  fn: () =>
    inFolder(async (folder) => {
      const hkdf = async (secret: string, salt: string, info: string) => {
        const options = [
          `hexkey:${secret}`,
          ...(salt === "" ? [] : [`hexsalt:${salt}`]),
          `hexinfo:${Buffer.from(info).toString("hex")}`,
        ];
        const args = ["digest:SHA256", ...options].flatMap((option) => ["-kdfopt", option]);
        return (await openssl(["kdf", "-keylen", "32", ...args, "HKDF"])).trim().replaceAll(":", "").toLowerCase();
      };
      const hmac = async (key: string, data: string) => {
        const path = await writeHex(folder, "data", data);
        return (await openssl(["mac", "-digest", "SHA256", "-macopt", `hexkey:${key}`, "-in", path, "HMAC"])).trim()
          .toLowerCase();
      };
      const [lower, higher] = psk.nodes.toSorted();
      for (const { psk_hub_id, psk_hub, offer_sha256, confirm, psk: key } of psk.exchanges) {
        assert.equal(
          await hkdf(psk.hub_master, "", `edgekeep mesh v1 hub-psk${lower}${higher}${psk_hub_id}`),
          hexOf(psk_hub),
        );
        const secret = psk.kem_secret + hexOf(psk_hub);
        assert.equal(await hkdf(secret, offer_sha256, "edgekeep mesh v1 psk"), hexOf(key));
        const confirmKey = await hkdf(secret, offer_sha256, "edgekeep mesh v1 psk confirm");
        assert.equal(await hmac(confirmKey, offer_sha256), hexOf(confirm));
      }
      const secret = hexOf(join.tokens[0]?.members.secret ?? "");
      assert.equal(await hmac(secret, Buffer.from(join.mac_text).toString("hex")), hexOf(join.token_mac));
    }),
});

Deno.test({
  name: "wg derives the same WireGuard keys",
  ...requires("wg"),
  fn: async () => {
    for (const { private_key, public_key } of keys.x25519) {
      assert.equal(await piped("wg", ["pubkey"], `${private_key}\n`), public_key);
    }
    const clamped = Buffer.from(wireguard.initiator_seed, "hex").toString("base64");
    assert.equal(hexOf(await piped("wg", ["pubkey"], `${clamped}\n`)), wireguard.initiator_public_key);
  },
});

Deno.test({
  name: "Python's library alone comes to the same texts, hashes, derivations and mac1",
  ...requires("python3"),
  fn: async () => {
    const script = fileURLToPath(new URL("check_vectors.py", import.meta.url));
    assert.match(await piped("python3", ["-B", script]), /^1\d\d values agree$/);
  },
});
