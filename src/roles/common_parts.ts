import { machineNames } from "../config/machine_names.ts";
import type { Config } from "../config/schema.ts";
import type { RoleParts } from "../operations/operation_parts.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { evaluate } from "../policy/evaluate.ts";
import { gatherPolicyFacts } from "../supervisor/policy_facts.ts";
import type { Host } from "../supervisor/role_protocol.ts";
import { version } from "../version.ts";
import type { WebHandle } from "../web/serve_web.ts";
import type { Foundation } from "./open_foundation.ts";
import { pageUrls } from "./page_urls.ts";

/** What {@link commonParts} are made from. */
export interface CommonPartsOptions {
  readonly role: ConfiguredRole;
  readonly foundation: Foundation;
  /** As it is at each moment. */
  readonly config: () => Config;
  readonly host: Host;
  readonly isReady: () => boolean;
  /** The page's server while it runs. */
  readonly web: () => WebHandle | null;
  readonly nowUs: () => number;
}

/** What operations act on in every role alike. */
export function commonParts(
  { role, foundation, config, host, isReady, web, nowUs }: CommonPartsOptions,
): Omit<RoleParts, "status" | "sessions" | "clientCertificates"> {
  const { id, feed, faults, access, audit, debug, certificate } = foundation;
  const { name, data_dir: dataDir } = config().gateway;
  return {
    config,
    gateway: { id, name, version },
    isReady,
    feed,
    faults,
    access,
    audit,
    host,
    debug,
    serverCertificate: () => certificate.current,
    exposure: async () => evaluate(config(), await gatherPolicyFacts(config(), role, dataDir, nowUs())),
    pageUrls: () => {
      const running = web();
      return running === null ? [] : pageUrls(running.url, config().runtime.web.listen, machineNames().addresses);
    },
    nowUs,
  };
}
