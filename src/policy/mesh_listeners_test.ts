import assert from "node:assert/strict";
import { configSchema } from "../config/schema.ts";
import type { ConfiguredRole } from "./configured_role.ts";
import { firewallChecklist } from "./firewall.ts";
import { meshExposuresOf } from "./mesh_listeners.ts";

const exposures = (change: Record<string, unknown>, role: ConfiguredRole = "hub") =>
  meshExposuresOf(configSchema.parse(change), role);

Deno.test("a hub opens its API, two observers and the ports of its relay, all of them protected", () => {
  assert.deepEqual(
    exposures({ hub: {} }).map(({ listener, port, lastPort, protocol, reach, encryption }) => [
      listener,
      `${port}${lastPort === undefined ? "" : `-${lastPort}`}`,
      protocol,
      reach,
      encryption,
    ]),
    [
      ["hub", "8443", "https", "any", "tls"],
      ["observer", "3478", "udp", "any", "wireguard"],
      ["observer", "3479", "udp", "any", "wireguard"],
      ["relay", "51900-52411", "udp", "any", "wireguard"],
    ],
  );
});

Deno.test("a relay without sessions opens nothing, and neither does a section that the role leaves unused", () => {
  assert.deepEqual(exposures({ hub: { relay_sessions: 0 } }).map(({ listener }) => listener), [
    "hub",
    "observer",
    "observer",
  ]);
  assert.deepEqual(exposures({ hub: {} }, "gateway"), []);
  assert.deepEqual(exposures({ agent: {} }, "gateway").map(({ listener, port }) => [listener, port]), [[
    "agent",
    51820,
  ]]);
});

Deno.test("the firewall is told UDP and whole ranges in the words of each tool", () => {
  const { nftables, ufw } = firewallChecklist(exposures({ hub: { listen: "192.168.1.20:8443" } }));
  assert.deepEqual([nftables.at(0), nftables.at(-1)], [
    `nft add rule inet filter input ip daddr 192.168.1.20 tcp dport 8443 accept comment '"edgekeep hub"'`,
    `nft add rule inet filter input ip daddr 192.168.1.20 udp dport 51900-52411 accept comment '"edgekeep relay"'`,
  ]);
  assert.equal(ufw.at(-1), "ufw allow proto udp from any to 192.168.1.20 port 51900:52411 comment 'edgekeep relay'");
});
