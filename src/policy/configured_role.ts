/** A role that runs with a configuration file: what a file means depends on which of them takes it. */
export type ConfiguredRole = "gateway" | "hub";
