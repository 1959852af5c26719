import { isLoopback } from "../config/address.ts";
import { gatewaySections } from "./configured_role.ts";
import { meshListenersOf } from "./mesh_listeners.ts";
import type { PolicyRule } from "./rules.ts";

/** The mesh's sections, and sections that the role does not use. They look at the whole configuration. */
export const meshRules: readonly PolicyRule[] = [
  {
    id: "hub_section_missing",
    *check({ hub }, { role }) {
      if (role !== "hub" || hub !== undefined) return;
      const fix = "Write [hub] with url under it, or make a configuration with: edgekeep hub init DIR";
      yield { severity: "error", at: ["hub"], text: "A hub needs a section [hub]", fix };
    },
  },
  {
    id: "hub_section_unused",
    *check({ hub }, { role }) {
      if (role !== "gateway" || hub === undefined) return;
      const text = "[hub] is used by `edgekeep hub run` alone";
      const fix = "Keep the hub's configuration in a file of its own, with a data_dir of its own";
      yield { severity: "note", at: ["hub"], text, fix };
    },
  },
  {
    id: "gateway_section_unused",
    *check(config, { role }) {
      if (role !== "hub") return;
      for (const section of gatewaySections) {
        const { chirpstack, application = [] } = config;
        // the others are always there, with their defaults
        if (section === "chirpstack" ? chirpstack === undefined : section !== "application") continue;
        if (section === "application" && application.length === 0) continue;
        const text = `[${section}] is used by \`edgekeep run\` alone, not by a hub`;
        yield { severity: "note", at: [section], text, fix: "Keep the gateway's configuration in a file of its own" };
      }
    },
  },
  {
    id: "hub_reached_by_nobody",
    *check(config, { role }) {
      const url = URL.parse(config.hub?.url ?? "");
      const listener = meshListenersOf(config, role).find(({ listener }) => listener === "hub");
      if (url === null || isLoopback(url.hostname) || listener === undefined || listener.remote) return;
      const text = `Agents are to reach the hub at ${url.host}, and it listens for this machine alone`;
      yield { severity: "warning", at: ["hub", "listen"], text, fix: `Write listen = "0.0.0.0:${listener.port}"` };
    },
  },
];
