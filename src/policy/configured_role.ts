import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";

/** A role that runs with a configuration file: what a file means depends on which of them takes it. */
export type ConfiguredRole = "gateway" | "hub";

/** The role that a file is for where nobody says it: with `[hub]` it is the hub's. */
export function roleOf(config: Draft<Config>): ConfiguredRole {
  return config.hub === undefined ? "gateway" : "hub";
}

/** Sections of field data, which a hub has nothing to do with. */
export const gatewaySections = ["chirpstack", "opcua", "storage", "alarms", "commands", "application"] as const;

/** The sections that count for a role; the others are left out. */
export function sectionsOf(config: Draft<Config>, role: ConfiguredRole): Draft<Config> {
  if (role === "gateway") {
    const { hub: _, ...rest } = config;
    return rest;
  }
  const { chirpstack: _1, opcua: _2, storage: _3, alarms: _4, commands: _5, application: _6, ...rest } = config;
  return rest;
}
