import { formatKeyPath, type KeyPath } from "./key_path.ts";

/** Keys of the wider product that this version does not have: the path without positions → what they are for. */
const absent: Readonly<Record<string, string>> = {
  mqtt: "MQTT",
  "runtime.discovery": "discovery on the network",
  "runtime.mesh": "tag exchange between gateways",
};

/** What to say about a key that exists in the wider product but not in this version; `null` for any other. */
export function notInThisVersion(path: KeyPath): { readonly text: string; readonly fix: string } | null {
  const name = formatKeyPath(path.filter((segment) => typeof segment === "string"));
  if (!Object.hasOwn(absent, name)) return null;
  return {
    text: `This version of Edgekeep does not have ${absent[name]} (${name})`,
    fix: `Remove ${name}: the gateway starts without it`,
  };
}
