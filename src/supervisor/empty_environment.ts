/**
 * Imported before anything else in a role's worker: libraries find `process.env` empty. Dozens of variables would
 * otherwise change how they work (proxies, debug output that prints what it handles, weaker checks), and the sandbox
 * would have to allow each one. The configuration reaches the role in its start message, never in the environment.
 */
import process from "node:process";

Object.defineProperty(process, "env", { value: {}, configurable: true, enumerable: true, writable: true });
