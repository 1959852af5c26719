"""Checks the vectors of this folder with Python's standard library alone: none of the program's code takes part.

What needs elliptic curves is left to others, and so is ML-KEM unless the package `cryptography` is there and knows it.
Prints how much was checked; ends with an error when something differs.
"""

import base64
import hashlib
import hmac
import json
import pathlib

try:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
except ImportError:
    MLKEM768PrivateKey = None

FOLDER = pathlib.Path(__file__).parent
checked = 0


def load(name):
    return json.loads((FOLDER / name).read_text("utf-8"))


def same(actual, expected, what):
    global checked
    checked += 1
    if actual != expected:
        raise SystemExit(f"{what}: {actual!r} is not {expected!r}")


def unbase64(text):
    return base64.b64decode(text, validate=True)


def canonical(value):
    """RFC 8785 for what the mesh signs: no fractions, and names sorted by UTF-16 units."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def hkdf(secret, salt, info):
    """RFC 5869 with SHA-256 and 32 bytes, so that one block is enough."""
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")


def mac1(packet, public_key):
    key = hashlib.blake2s(b"mac1----" + public_key).digest()
    return hashlib.blake2s(packet[:-32], key=key, digest_size=16).hexdigest()


keys = load("keys.json")
for sample in load("rfc8785.json")["samples"]:
    if sample["mesh"]:
        same(canonical(json.loads(sample["input"])), sample["output"], "RFC 8785")
public = {key["name"]: unbase64(key["public_key"]) for key in keys["ed25519"]}
for role, name in [("hub", "hub signing key 0"), ("node", "node identity"), ("other", "other identity")]:
    same(f"{role[0].replace('o', 'n')}_{hashlib.sha256(public[name]).hexdigest()[:32]}", keys["ids"][role], role)

if MLKEM768PrivateKey is not None:
    for item in keys["ml_kem_768"]:
        private = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(item["seed"]))
        same(private.public_key().public_bytes_raw(), unbase64(item["public_key"]), "ML-KEM key")
        if item["name"] == keys["kem"]["opened_by"]:
            secret = private.decapsulate(unbase64(keys["kem"]["ciphertext"]))
            same(secret.hex(), keys["kem"]["secret"], "ML-KEM secret")

for item in load("objects.json")["objects"]:
    whole = json.loads(item["text"])
    same(canonical(whole), item["text"], item["name"])
    same(canonical({**item["members"], "typ": item["typ"], "v": 1, "hub": keys["ids"]["hub"]}), item["signed_text"], item["name"])
    signature = whole.pop("signature")
    same(canonical(whole), item["signed_text"], item["name"])
    same(len(unbase64(signature)), 64, item["name"])
    same(sha256(item["text"]), item["sha256"], item["name"])

for item in load("events.json")["events"]:
    same(canonical(json.loads(item["text"])), item["text"], item["event_type"])
for item in load("state.json")["states"]:
    same(canonical(item["state"]), item["text"], "state")
    same(sha256(item["text"]), item["state_sha256"], "state")

psk = load("psk.json")
lower, higher = sorted(psk["nodes"])
same(psk["leader"], lower, "leader")
for item in psk["exchanges"]:
    info = f"edgekeep mesh v1 hub-psk{lower}{higher}{item['psk_hub_id']}".encode()
    part = hkdf(bytes.fromhex(psk["hub_master"]), b"", info)
    same(base64.b64encode(part).decode(), item["psk_hub"], "psk_hub")
    offer = hashlib.sha256(item["offer"].encode()).digest()
    same(offer.hex(), item["offer_sha256"], "offer")
    secret = bytes.fromhex(psk["kem_secret"]) + part
    same(base64.b64encode(hkdf(secret, offer, b"edgekeep mesh v1 psk")).decode(), item["psk"], "psk")
    confirm = hmac.digest(hkdf(secret, offer, b"edgekeep mesh v1 psk confirm"), offer, "sha256")
    same(base64.b64encode(confirm).decode(), item["confirm"], "confirm")
    same(json.loads(item["accept"])["confirm"], item["confirm"], "accept")

join = load("join.json")
for item in join["tokens"]:
    body = "ekj1." + base64.urlsafe_b64encode(canonical(item["members"]).encode()).decode().rstrip("=")
    same(f"{body}.{sha256(body)[:8]}", item["token"], "join token")
register = json.loads(join["register"])
mac = register.pop("token_mac")
del register["signature"]
same(canonical(register), join["mac_text"], "what the MAC covers")
secret = unbase64(join["tokens"][0]["members"]["secret"])
same(base64.b64encode(hmac.digest(secret, join["mac_text"].encode(), "sha256")).decode(), mac, "token_mac")

request = load("request.json")
parts = request["authorization"].removeprefix("EdgekeepSig ").split(".")
texts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts]
same(texts[0].decode(), request["protected_header"], "protected header")
claims = json.loads(texts[1])
digest = hashlib.sha256(request["body"].encode()).digest()
same(claims["bh"], base64.urlsafe_b64encode(digest).decode().rstrip("="), "body hash")
same(claims["exp"] - claims["iat"], 60, "life")

wireguard = load("wireguard.json")
for name, receiver in [("initiation", "responder"), ("earlier_initiation", "responder"), ("response", "initiator")]:
    packet = bytes.fromhex(wireguard[name]["packet"])
    same(mac1(packet, bytes.fromhex(wireguard[f"{receiver}_public_key"])), wireguard[name]["mac1"], name)
    same(packet[-32:-16].hex(), wireguard[name]["mac1"], name)

for item in load("refused.json")["refused"]:
    if item["reader"] == "canonical" and item["code"] == "E_FORM":
        try:
            value = json.loads(item["text"], parse_constant=int)
            differs = not isinstance(value, dict) or canonical(value).encode("utf-8") != item["text"].encode("utf-8")
        except ValueError:  # not JSON, or half a surrogate pair
            differs = True
        # What JSON can say in this form, and the mesh still does not take: other values than its own.
        own = ("fraction", "integer with fraction", "negative number", "2^53", "null", "null in an array", "17 levels")
        if not differs and not any(item["name"].endswith(name) for name in (*own, "a prototype")):
            raise SystemExit(f"{item['name']}: is canonical")
        checked += 1

print(f"{checked} values agree")
