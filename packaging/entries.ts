/**
 * The modules of `src/` that stay files of their own in a bundle: the program, the entry of each worker, and what only a
 * few commands load. Every other module melts into the one that imports it.
 */
export const entries: readonly string[] = [
  "main.ts",
  "gateway.ts",
  "hub.ts",
  "agent.ts",
  "simulator.ts",
  "history/reader.ts",
  "opcua_pki.ts",
];

/** The browser program, which `deno task build:ui` makes into the modules of `static/`. */
export const browserEntry = "ui/main.tsx";

/** Packages that no module imports, since the build copies files out of them into `static/`. */
export const copiedPackages: readonly string[] = ["@fontsource-variable/inter"];

/** Packages of `deno.json` that only tests use. */
export const testPackages: readonly string[] = ["axe-core", "fast-check", "playwright-core"];
