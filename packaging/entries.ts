/**
 * The modules of `src/` that stay files of their own in a bundle: the program, and the entry of each worker. Every
 * other module melts into the one that imports it.
 */
export const entries: readonly string[] = ["main.ts", "gateway.ts", "simulator.ts", "history/reader.ts"];

/** The browser program, which `deno task build:ui` makes into `static/app.js`. */
export const browserEntry = "ui/main.tsx";

/**
 * Packages that ship although no module of ours imports them: the build copies files out of the first into `static/`;
 * the second is an optional import of a package below node-opcua, which the bundler insists on.
 */
export const copiedPackages: readonly string[] = ["@fontsource-variable/inter", "proper-lockfile"];

/** Packages of `deno.json` that only tests use. */
export const testPackages: readonly string[] = ["axe-core", "fast-check", "playwright-core"];
