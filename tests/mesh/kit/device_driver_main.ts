// One tunnel with its firewall, driven by lines of JSON on standard input: lets a test run the agent's own code on a
// machine of the kit, where it may be killed.
import { FaultBoard } from "../../../src/telemetry/fault_board.ts";
import { createFirewall, type Firewall } from "../../../src/agent/firewall/firewall.ts";
import { readNetworkFacts } from "../../../src/agent/network/network_facts.ts";
import { runProgram } from "../../../src/agent/network/run_program.ts";
import { watchNetwork } from "../../../src/agent/network/watch_network.ts";
import { completeOptions } from "../../../src/agent/wireguard/device_options.ts";
import { KernelDevice } from "../../../src/agent/wireguard/kernel_device.ts";
import { openDevice } from "../../../src/agent/wireguard/open_device.ts";
import { DeviceError, type WireGuardDevice } from "../../../src/agent/wireguard/wireguard_device.ts";
import { decodeMessage, encodeMessage, type WireGuardRequest } from "./device_message.ts";
import { textLines } from "../../lib/text_lines.ts";

const stopping = new AbortController();
const faults = new FaultBoard(() => Date.now() * 1000);
const gone: string[] = [];
const changes: number[] = [];
let looks = 0;
let device: WireGuardDevice | null = null;
let firewall: Firewall | null = null;
let working: Promise<void> = Promise.resolve();

function theDevice(): WireGuardDevice {
  if (device === null) throw new Error("No device is open");
  return device;
}

function theFirewall(): Firewall {
  if (firewall === null) throw new Error("No firewall is made");
  return firewall;
}

async function answer(request: WireGuardRequest): Promise<unknown> {
  switch (request.do) {
    case "open": {
      const options = {
        ...request.options,
        signal: stopping.signal,
        onGone: (reason: string) => void gone.push(reason),
        ...request.guarded ? { mayBeUp: () => !theFirewall().closed } : {},
      };
      device = request.overWg ? new KernelDevice(completeOptions(options)) : await openDevice(options);
      return device.backend;
    }
    case "state":
      return await theDevice().state();
    case "setPrivateKey":
      return await theDevice().setPrivateKey(request.privateKey);
    case "apply":
      return await theDevice().apply(request.changes);
    case "ensureInterface":
      return await theDevice().ensureInterface(request.meshIp, request.mtu);
    case "ensureRoutes":
      return await theDevice().ensureRoutes(request.meshIps);
    case "release":
      return await theDevice().release();
    case "remove":
      return await theDevice().remove();
    case "gone":
      return gone;
    case "firewall": {
      firewall = createFirewall({
        interface: request.interface,
        meshCidr: request.meshCidr,
        signal: stopping.signal,
        faults,
        ...request.broken
          ? {
            run: (program, args, options) =>
              program === "nft"
                ? Promise.resolve({ code: 1, stdout: "", stderr: "Error: Operation not permitted" })
                : runProgram(program, args, options),
          }
          : {},
      });
      return null;
    }
    case "rules":
      return await theFirewall().apply(request.rules, request.peers);
    case "verify":
      return await theFirewall().verify();
    case "counters": {
      const { rules, drops } = await theFirewall().counters();
      return { rules: Object.fromEntries(rules), drops };
    }
    case "closed":
      return theFirewall().closed;
    case "unfirewall":
      return await theFirewall().remove();
    case "faults":
      return faults.list().map(({ code, detail }) => ({ code, detail }));
    case "facts":
      return await readNetworkFacts(runProgram, stopping.signal);
    case "watch": {
      const { meshInterface, intervalMs } = request;
      working = watchNetwork({
        meshInterface,
        intervalMs,
        signal: stopping.signal,
        onChange: () => void changes.push(Date.now()),
        run: async (...program) => await runProgram(...program).finally(() => looks++),
      });
      return null;
    }
    case "changes":
      return changes.length;
    case "looks":
      return looks;
    case "poll": {
      // what an agent does beside carrying packets
      const { stateMs, verifyMs } = request;
      const every = async (ms: number, work: () => Promise<unknown>) => {
        while (!stopping.signal.aborted) {
          await work();
          await new Promise((resolve) => setTimeout(resolve, ms));
        }
      };
      working = Promise.all([every(stateMs, () => theDevice().state()), every(verifyMs, () => theFirewall().verify())])
        .then(() => {});
      return null;
    }
    case "cpu": {
      // utime, stime, and both of ended children, in hundredths of a second (proc_pid_stat(5))
      const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]?.split(" ").slice(11, 15) ?? [];
      return fields.reduce((sum, ticks) => sum + Number(ticks) * 10_000, 0);
    }
  }
}

for await (const line of textLines(Deno.stdin.readable)) {
  const request = decodeMessage(line) as WireGuardRequest;
  let message: unknown;
  try {
    message = { value: await answer(request) ?? null };
  } catch (error) {
    message = {
      error: error instanceof Error ? error.message : String(error),
      code: error instanceof DeviceError ? error.code : null,
    };
  }
  console.log(encodeMessage(message));
}
stopping.abort();
await working.catch(() => {});
