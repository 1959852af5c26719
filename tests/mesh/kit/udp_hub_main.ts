// The hub's observers and relay without the hub, driven by lines of JSON on standard input: lets a test run them on a
// machine of the kit.
import process from "node:process";
import { toBase64 } from "../../../src/mesh/encoding.ts";
import type { NodeId } from "../../../src/mesh/ids.ts";
import { wireGuardKeyOf } from "../../../src/mesh/keys.ts";
import { type RunningObservers, startObservers } from "../../../src/hub/udp/start_observers.ts";
import { type RunningRelay, startRelay } from "../../../src/hub/udp/start_relay.ts";
import { decodeMessage, encodeMessage } from "./device_message.ts";
import type { UdpHubOrder } from "./udp_hub.ts";
import { textLines } from "../../lib/text_lines.ts";

const nodes = new Map<NodeId, readonly Uint8Array[]>();
const running: { observers: RunningObservers | null; relay: RunningRelay | null } = { observers: null, relay: null };
let lateMs = 0;
let skippedMs = 0;

const tell = (news: unknown) => console.log(encodeMessage(news));

function theRelay(): RunningRelay {
  if (running.relay === null) throw new Error("The relay does not run");
  return running.relay;
}

async function obey(order: UdpHubOrder): Promise<unknown> {
  switch (order.do) {
    case "start":
      running.observers = await startObservers({
        host: "0.0.0.0",
        ports: order.observerPorts,
        keys: [wireGuardKeyOf(order.observerSeeds[0]), wireGuardKeyOf(order.observerSeeds[1])],
        core: {
          nodeOfWireguardKey: (key) =>
            [...nodes].find(([, keys]) => keys.some((one) => toBase64(one) === toBase64(key)))?.[0] ?? null,
          observed: (key, observer, address, tai64n) => tell({ saw: { key, observer, address, tai64n } }),
        },
        nowMs: () => performance.now(),
      });
      running.relay = startRelay({
        host: "0.0.0.0",
        firstPort: order.relayPort,
        ...order.bitsPerSecond === undefined ? {} : { bitsPerSecond: order.bitsPerSecond },
        core: { wireguardKeys: (node) => nodes.get(node) ?? [] },
        nowMs: () => Date.now() + skippedMs,
      });
      return null;
    case "node":
      nodes.set(order.node, order.keys);
      running.relay?.keysChanged(order.node);
      return null;
    case "open":
      return theRelay().open({ ...order.session, expiresUs: (Date.now() + skippedMs + order.lastsMs) * 1000 });
    case "close":
      return theRelay().close(order.sessionId);
    case "skip":
      skippedMs += order.ms;
      return null;
    case "counters": {
      const { user, system } = process.cpuUsage();
      const late = lateMs;
      lateMs = 0;
      return {
        observers: running.observers?.counters(),
        relay: theRelay().status(),
        drops: theRelay().drops(),
        cpuMs: (user + system) / 1000,
        lateMs: late,
      };
    }
  }
}

let expectedMs = performance.now() + 10;
setInterval(() => {
  lateMs = Math.max(lateMs, performance.now() - expectedMs);
  expectedMs = performance.now() + 10;
}, 10);

for await (const line of textLines(Deno.stdin.readable)) {
  try {
    tell({ value: await obey(decodeMessage(line) as UdpHubOrder) });
  } catch (error) {
    tell({ error: String(error) });
  }
}
await running.observers?.stop();
await running.relay?.stop();
Deno.exit(0);
