import { machineNames } from "../../config/machine_names.ts";
import type { OpcUaConfig } from "../../config/schema.ts";
import { advertisedHosts } from "./advertised_hosts.ts";
import type { IdentityWishes } from "./own_identity.ts";

/** What the certificate of a server of this configuration must say, with the addresses that the machine has now. */
export function identityWishes(
  config: Pick<OpcUaConfig, "application_uri" | "application_name" | "host_ip_address" | "advertised_hosts">,
  gateway: { readonly id: string; readonly name: string },
): IdentityWishes {
  return {
    applicationUri: config.application_uri ?? `urn:edgekeep:${gateway.id}`,
    applicationName: config.application_name,
    organisation: gateway.name,
    hosts: advertisedHosts(config.host_ip_address, config.advertised_hosts, machineNames()),
  };
}
