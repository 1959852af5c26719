import { fromBase64 } from "../../mesh/encoding.ts";
import { checkedAllowedIp, checkedEndpoint } from "./uapi_text.ts";
import { DeviceError, type DevicePeer, type DeviceState } from "./wireguard_device.ts";

/**
 * Reads what `wg show <interface> dump` prints: the device's line, then one a peer, fields with tabs between. Secrets are
 * looked at and dropped.
 *
 * @throws DeviceError `failed` for whatever is no such text
 */
export function parseWgDump(text: string): DeviceState {
  const [device, ...peers] = text.trimEnd().split("\n").map((line) => line.split("\t"));
  if (device?.length !== 4) throw malformed();
  const [, publicKey = "", listenPort = ""] = device;
  return {
    publicKey: publicKey === "(none)" ? null : key(publicKey),
    listenPort: number(listenPort),
    peers: peers.map(peerOf),
  };
}

function peerOf(fields: readonly string[]): DevicePeer {
  if (fields.length !== 8) throw malformed();
  const [publicKey = "", psk, endpoint = "", allowedIps = "", handshakeS = "", rx = "", tx = "", keepalive = ""] =
    fields;
  const lastHandshakeS = number(handshakeS);
  return {
    publicKey: key(publicKey),
    hasPsk: psk !== "(none)",
    endpoint: endpoint === "(none)" ? null : checkedEndpoint(endpoint),
    allowedIps: allowedIps === "(none)" ? [] : allowedIps.split(",").map(checkedAllowedIp),
    keepaliveS: keepalive === "off" ? 0 : number(keepalive),
    lastHandshakeUs: lastHandshakeS === 0 ? null : lastHandshakeS * 1_000_000,
    rxBytes: number(rx),
    txBytes: number(tx),
  };
}

function key(text: string): Uint8Array {
  try {
    return fromBase64(text, 32);
  } catch {
    throw malformed();
  }
}

function number(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw malformed();
  return Number(text);
}

function malformed(): DeviceError {
  return new DeviceError("failed", "Cannot read what wg prints of the tunnel interface");
}
