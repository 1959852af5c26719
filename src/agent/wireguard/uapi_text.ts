import { isIPv4, isIPv6 } from "node:net";
import { wireGuardKeyOf } from "../../mesh/keys.ts";
import { DeviceError, type DevicePeer, type DeviceState, type PeerChange } from "./wireguard_device.ts";

/** A number as the protocol writes it; more than 2^53 − 1 does not occur in a sound answer. */
const numberPattern = /^(?:0|[1-9]\d{0,15})$/;
const keyPattern = /^[0-9a-f]{64}$/;
const zeroKey = "0".repeat(64);

/**
 * Reads the answer to `get=1`: lines `key=value`, of the device first, then of each peer behind its `public_key`, at
 * last `errno=0` (https://www.wireguard.com/xplatform/). Secrets are looked at and dropped.
 *
 * @param text without the empty line that ends it
 * @throws DeviceError `failed` for whatever is not such an answer, and for an errno other than 0
 */
export function parseUapiDevice(text: string): DeviceState {
  let publicKey: Uint8Array | null = null;
  let listenPort = 0;
  let errno: string | null = null;
  const peers: PeerDraft[] = [];
  for (const line of text.split("\n")) {
    const [key, value] = splitLine(line);
    const peer = peers.at(-1);
    if (errno !== null) throw malformed("a line behind errno");
    if (key === "errno") errno = value;
    else if (key === "public_key") peers.push(new PeerDraft(keyBytes(value)));
    else if (peer !== undefined) peer.take(key, value);
    else if (key === "private_key") publicKey = publicKeyOf(value);
    else if (key === "listen_port") listenPort = number(value, 65_535);
  }
  checkErrno(errno);
  return { publicKey, listenPort, peers: peers.map((peer) => peer.finish()) };
}

/**
 * Reads the answer to `set=1`.
 *
 * @throws DeviceError `port_taken` for EADDRINUSE, `failed` for every other errno but 0
 */
export function checkUapiResult(text: string): void {
  const [key, value] = splitLine(text);
  if (key !== "errno") throw malformed("no errno");
  checkErrno(value);
}

/**
 * The body of one `set=1` transaction for changes of peers, in their order.
 *
 * @throws DeviceError `failed` for a change that is no sound one: nothing of the transaction has been sent then
 */
export function formatUapiChanges(changes: readonly PeerChange[]): string {
  const lines = ["set=1"];
  for (const change of changes) {
    lines.push(`public_key=${hexKey(change.publicKey)}`);
    if (change.remove) {
      lines.push("remove=true");
      continue;
    }
    if (change.updateOnly === true) lines.push("update_only=true");
    if (change.psk !== undefined) lines.push(`preshared_key=${hexKey(change.psk)}`);
    if (change.endpoint !== undefined) lines.push(`endpoint=${checkedEndpoint(change.endpoint)}`);
    if (change.keepaliveS !== undefined) {
      lines.push(`persistent_keepalive_interval=${checkedKeepalive(change.keepaliveS)}`);
    }
    if (change.allowedIps !== undefined) {
      lines.push("replace_allowed_ips=true");
      for (const allowedIp of change.allowedIps) lines.push(`allowed_ip=${checkedAllowedIp(allowedIp)}`);
    }
  }
  return `${lines.join("\n")}\n\n`;
}

/** The `set=1` transaction of the device's own private key; the text is secret. */
export function formatUapiPrivateKey(privateKey: Uint8Array): string {
  return `set=1\nprivate_key=${hexKey(privateKey)}\n\n`;
}

/** @throws DeviceError `failed` when it is not `ip:port`, IPv6 in brackets */
export function checkedEndpoint(endpoint: string): string {
  // a peer on the own link may come with a zone (RFC 4007 §11)
  const [, v6, v4, port] = /^(?:\[([0-9a-f:.]{2,45})(?:%[\w.-]{1,15})?\]|([\d.]{7,15})):([1-9]\d{0,4})$/i
    .exec(endpoint) ?? [];
  if (Number(port) <= 65_535 && (v6 === undefined ? isIPv4(v4 ?? "") : isIPv6(v6))) return endpoint;
  throw new DeviceError("failed", "Cannot set the endpoint of a peer: it is not ip:port");
}

/** @throws DeviceError `failed` when it is not `ip/prefix` */
export function checkedAllowedIp(text: string): string {
  const [, ip = "", prefix] = /^([0-9a-f:.]{2,45})\/(0|[1-9]\d{0,2})$/i.exec(text) ?? [];
  if (isIPv4(ip) ? Number(prefix) <= 32 : isIPv6(ip) && Number(prefix) <= 128) return text;
  throw new DeviceError("failed", "Cannot set the allowed addresses of a peer: one is not ip/prefix");
}

/** @throws DeviceError `failed` outside of 0 to 65535 s */
export function checkedKeepalive(seconds: number): number {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 65_535) return seconds;
  throw new DeviceError("failed", `Cannot set a keepalive of ${seconds} s: it is 0 to 65535`);
}

/** @throws DeviceError `failed` when it has not 32 bytes */
export function checkedKey(key: Uint8Array): Uint8Array {
  if (key.length === 32) return key;
  throw new DeviceError("failed", `Cannot set a WireGuard key of ${key.length} bytes: it has 32`);
}

/** One peer while its lines come in. */
class PeerDraft {
  readonly #publicKey: Uint8Array;
  #hasPsk = false;
  #endpoint: string | null = null;
  #keepaliveS = 0;
  #handshakeS = 0;
  #handshakeNs = 0;
  #rxBytes = 0;
  #txBytes = 0;
  readonly #allowedIps: string[] = [];

  constructor(publicKey: Uint8Array) {
    this.#publicKey = publicKey;
  }

  /** Keys that this program does not know are a later version's and say nothing that it needs. */
  take(key: string, value: string): void {
    switch (key) {
      case "preshared_key":
        if (!keyPattern.test(value)) throw malformed("a key that is no 64 hex digits");
        this.#hasPsk = value !== zeroKey;
        break;
      case "endpoint":
        this.#endpoint = checkedEndpoint(value);
        break;
      case "persistent_keepalive_interval":
        this.#keepaliveS = number(value, 65_535);
        break;
      case "last_handshake_time_sec":
        this.#handshakeS = number(value, Number.MAX_SAFE_INTEGER / 1e6);
        break;
      case "last_handshake_time_nsec":
        this.#handshakeNs = number(value, 999_999_999);
        break;
      case "rx_bytes":
        this.#rxBytes = number(value);
        break;
      case "tx_bytes":
        this.#txBytes = number(value);
        break;
      case "allowed_ip":
        this.#allowedIps.push(checkedAllowedIp(value));
        break;
    }
  }

  finish(): DevicePeer {
    const handshakeUs = this.#handshakeS * 1_000_000 + Math.floor(this.#handshakeNs / 1000);
    return {
      publicKey: this.#publicKey,
      hasPsk: this.#hasPsk,
      endpoint: this.#endpoint,
      allowedIps: this.#allowedIps,
      keepaliveS: this.#keepaliveS,
      lastHandshakeUs: handshakeUs === 0 ? null : handshakeUs,
      rxBytes: this.#rxBytes,
      txBytes: this.#txBytes,
    };
  }
}

function splitLine(line: string): [string, string] {
  const equals = line.indexOf("=");
  const key = line.slice(0, equals);
  if (equals < 0 || !/^[a-z0-9_]{1,64}$/.test(key)) throw malformed("a line that is no key=value");
  return [key, line.slice(equals + 1)];
}

function publicKeyOf(hex: string): Uint8Array | null {
  const privateKey = keyBytes(hex);
  return hex === zeroKey ? null : wireGuardKeyOf(privateKey).publicKey;
}

function keyBytes(hex: string): Uint8Array<ArrayBuffer> {
  if (!keyPattern.test(hex)) throw malformed("a key that is no 64 hex digits");
  return Uint8Array.fromHex(hex);
}

function hexKey(key: Uint8Array): string {
  return checkedKey(key).toHex();
}

function number(text: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!numberPattern.test(text) || value > most) throw malformed("a number out of range");
  return value;
}

/** Linux errno 98; wireguard-go writes errors negative. */
const addressInUse = 98;

function checkErrno(text: string | null): void {
  if (text === null || !/^-?\d{1,10}$/.test(text)) throw malformed("no errno");
  const errno = Math.abs(Number(text));
  if (errno === addressInUse) {
    throw new DeviceError(
      "port_taken",
      "Cannot listen for tunnels: another program has the UDP port; `ss -lunp` names it, or choose another [agent].listen_port",
    );
  }
  if (errno !== 0) throw new DeviceError("failed", `WireGuard refused a request: errno ${errno}`);
}

function malformed(what: string): DeviceError {
  return new DeviceError("failed", `Cannot read the answer of wireguard-go: it holds ${what}`);
}
