import assert from "node:assert/strict";
import { configSchema } from "../config/schema.ts";
import { firewallChecklist } from "./firewall.ts";
import { exposuresOf } from "./listeners.ts";

const exposures = (change: Record<string, unknown>) => exposuresOf(configSchema.parse(change));

Deno.test("what only this machine reaches needs no firewall rule", () => {
  assert.deepEqual(firewallChecklist(exposures({})), { nftables: [], ufw: [] });
});

Deno.test("each listener that others reach gets one rule, narrowed to its address where it has one", () => {
  const { nftables, ufw } = firewallChecklist(exposures({
    opcua: { host_ip_address: "0.0.0.0" },
    runtime: {
      web: { listen: "[fd00::1]:8443" },
      control: { endpoint: "tcp://192.168.1.20:17777" },
    },
  }));
  assert.deepEqual(nftables, [
    `nft add rule inet filter input tcp dport 4840 accept comment '"edgekeep opcua"'`,
    `nft add rule inet filter input ip6 daddr fd00::1 tcp dport 8443 accept comment '"edgekeep web"'`,
    `nft add rule inet filter input ip daddr 192.168.1.20 tcp dport 17777 accept comment '"edgekeep control"'`,
  ]);
  assert.deepEqual(ufw, [
    "ufw allow proto tcp from any to any port 4840 comment 'edgekeep opcua'",
    "ufw allow proto tcp from any to fd00::1 port 8443 comment 'edgekeep web'",
    "ufw allow proto tcp from any to 192.168.1.20 port 17777 comment 'edgekeep control'",
  ]);
});

Deno.test("a host name is left out of the rule, and a port that is not fixed gets none", () => {
  const { nftables } = firewallChecklist(exposures({
    opcua: { host_ip_address: "plc.plant" },
    runtime: { web: { listen: "0.0.0.0:0" } },
  }));
  assert.deepEqual(nftables, [
    `nft add rule inet filter input tcp dport 4840 accept comment '"edgekeep opcua"'`,
  ]);
});
