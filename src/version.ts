import manifest from "../deno.json" with { type: "json" };

/** This program's version, from the one place that states it. */
export const version: string = manifest.version;
