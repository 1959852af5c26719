import { agentPrograms } from "./agent_programs.ts";

/**
 * The flags that the program runs with: `deno task edgekeep` passes them to `deno run`, and the executable has them
 * compiled in. They are the outer limit only. Every role runs in a worker with the few permissions that its
 * configuration needs, and a worker may not have more than the process around it.
 *
 * Not among them, and so out of reach for the whole process: running other programs than those of the mesh agent, native
 * libraries, code from the network. What runs no agent gives up running programs at its start.
 */
export const bakedFlags: readonly string[] = [
  // asking a terminal for more is no way to run a gateway
  "--no-prompt",
  // listen and connect: which addresses, the configuration says
  "--allow-net",
  // the configuration, its secret files, the data directory, the assets; who holds a port that is taken
  "--allow-read",
  // data directory and log directory
  "--allow-write",
  // EDGEKEEP_*, systemd's variables
  "--allow-env",
  // host name and interface addresses, for the certificate and the endpoints
  "--allow-sys=hostname,networkInterfaces,homedir,uid",
  // interface, tunnels and firewall of the mesh agent; no worker of another role gets any
  `--allow-run=${agentPrograms.join(",")}`,
  // permissions of a worker
  "--unstable-worker-options",
  // sd_notify's datagram socket
  "--unstable-net",
  // a gateway with 250 tags holds 219 MB instead of 306 MB, and starts as fast
  "--v8-flags=--optimize-for-size,--max-semi-space-size=2",
];
