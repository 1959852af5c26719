import { runProgram } from "./cli/program.ts";
import { codePaths } from "./supervisor/code_paths.ts";
import { workerUrl } from "./worker_url.ts";

Deno.exit(
  await runProgram(Deno.args, {
    gatewayEntry: workerUrl(import.meta.url, "./gateway.ts"),
    agentEntry: workerUrl(import.meta.url, "./agent.ts"),
    hubEntry: workerUrl(import.meta.url, "./hub.ts"),
    simulatorEntry: workerUrl(import.meta.url, "./simulator.ts"),
    opcuaPkiEntry: workerUrl(import.meta.url, "./opcua_pki.ts"),
    codePaths: codePaths(import.meta.url),
  }),
);
