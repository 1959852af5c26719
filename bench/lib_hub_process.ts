/**
 * A hub in a process of its own: the real core and the real API for agents. Reads commands and writes answers as lines
 * of JSON: `deno run -A bench/lib_hub_process.ts <folder> <port>`.
 */
import { textLines } from "../tests/lib/text_lines.ts";
import { startHubApi } from "../src/hub/api/start_hub_api.ts";
import { openHubCore } from "../src/hub/core/open_hub_core.ts";
import type { HubRule } from "../src/mesh/hub_admin.ts";
import { openAudit } from "../src/audit/open_audit.ts";
import { EventFeed } from "../src/telemetry/event_feed.ts";
import { EventLoopStall } from "../src/telemetry/event_loop_stall.ts";
import { FaultBoard } from "../src/telemetry/fault_board.ts";

/** What the bench tells the hub. */
export type HubCommand =
  | { readonly do: "token" }
  | { readonly do: "policy"; readonly rules: readonly HubRule[] }
  | { readonly do: "remove"; readonly node: string }
  | { readonly do: "look" }
  | { readonly do: "stop" };

/** What the hub tells of itself on `look`; the stall is the longest since the last look. */
export interface HubLook {
  readonly rssBytes: number;
  readonly stallMs: number;
  readonly streams: number;
  readonly connections: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
  /** When the last event of a type was signed for a stream, ms since the epoch. */
  readonly sentAtMs: Readonly<Record<string, number>>;
}

const [folder = "", port = "0"] = Deno.args;
const nowUs = () => Date.now() * 1000;
const faults = new FaultBoard(nowUs);
const audit = await openAudit({ dir: `${folder}/audit`, faults, nowUs });
const hub = await openHubCore({
  dir: `${folder}/hub`,
  config: {
    url: `https://127.0.0.1:${port}`,
    listening: `0.0.0.0:${port}`,
    meshCidr: "10.100.0.0/16",
    pskMode: "end-to-end",
    address: null,
    observerPorts: [3478, 3479],
    rotateDays: 0,
    names: ["localhost"],
  },
  relay: () => null,
  audit,
  faults,
  feed: new EventFeed(nowUs),
  nowUs,
});
const { certificatePem: cert, privateKeyPem: key } = hub.tls();
const sentAtMs: Record<string, number> = {};
const { core } = hub;
const sign = core.eventEnvelope.bind(core);
core.eventEnvelope = (node, event, replyTo) => {
  sentAtMs[event.eventType] = performance.timeOrigin + performance.now();
  return sign(node, event, replyTo);
};
const api = await startHubApi({ listen: `0.0.0.0:${port}`, core, tls: { cert, key }, faults, audit, nowUs });
const stall = new EventLoopStall();
const say = (answer: unknown) => console.log(JSON.stringify(answer));
say({ hub: hub.core.hubId, pid: Deno.pid });

for await (const line of textLines(Deno.stdin.readable)) {
  const command = JSON.parse(line) as HubCommand;
  if (command.do === "stop") break;
  if (command.do === "token") {
    say(hub.admin.createToken({ label: "bench", group: "all", uses: 100, minutes: 600, by: "bench" }).text);
  } else if (command.do === "policy") {
    const begin = performance.now();
    hub.admin.setPolicy(command.rules, hub.admin.policy().version, "bench");
    say({ ms: performance.now() - begin });
  } else if (command.do === "remove") {
    hub.admin.remove(command.node, "bench");
    say({});
  } else {
    const look: HubLook = {
      rssBytes: Deno.memoryUsage().rss,
      stallMs: stall.takeLongestMs(),
      streams: api.streams(),
      connections: api.connections(),
      refused: Object.fromEntries(api.refusedByCode()),
      faults: faults.list().map(({ code, detail }) => `${code}: ${detail}`),
      sentAtMs,
    };
    say(look);
  }
}
stall.stop();
await api.stop();
await hub.stop();
await audit.stop();
