/**
 * The way down without the rest of a gateway, for a drill that kills it: takes up the commands of the folder, sends
 * numbered ones, one a device and step, and tells each number once it is stored. Without numbers it waits until
 * everything has ended and tells what became of it.
 *
 * Arguments: folder, URL of the network server, its token, first number, how many, DevEUIs.
 */
import { localPrincipal } from "../../../src/access/principal.ts";
import type { Command } from "../../../src/commands/commands.ts";
import { openCommands } from "../../../src/commands/open_commands.ts";
import { commandDefinitions } from "../../../src/config/command_definitions.ts";
import { chirpstackSchema, configSchema } from "../../../src/config/schema.ts";
import { topologyOf } from "../../../src/config/topology.ts";
import { startChirpStack } from "../../../src/sources/chirpstack/start_chirpstack.ts";
import { quickConfig, quickTiming } from "../../../src/sources/chirpstack/testing/world.ts";
import { TagStore } from "../../../src/tags/tag_store.ts";
import { EventFeed } from "../../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../../src/telemetry/fault_board.ts";

const [dataDir = "", server_address = "", api_token = "", first = "0", count = "0", ...devEuis] = Deno.args;
const nowUs = () => Date.now() * 1000;
const by = { principal: localPrincipal, transport: "unix", address: "local" } as const;
const config = configSchema.parse({
  application: [{
    application_id: "field",
    application_name: "Field",
    device: devEuis.map((device_id) => ({
      device_id,
      device_name: device_id,
      command: [true, false].map((confirmed, at) => ({
        command_id: at,
        command_name: confirmed ? "Asked" : "Told",
        command_port: 10 + at,
        command_confirmed: confirmed,
        payload: { bytes: "{value:u32be}" },
        deadline_seconds: 60,
      })),
    })),
  }],
});
const [faults, feed] = [new FaultBoard(nowUs), new EventFeed(nowUs)];
const commands = openCommands({
  config: { max_pending_per_device: 1000, max_per_minute: 100_000, retention_days: 365 },
  dataDir,
  definitions: commandDefinitions(config),
  faults,
  feed,
  nowUs,
  timing: { settleMs: 1500, watchMs: 300, lostMs: 3000, againMs: 50 },
});
const source = startChirpStack({
  config: { ...chirpstackSchema.parse({ server_address, api_token }), ...quickConfig, timeout: 0.5 },
  devices: topologyOf(config).devices,
  tags: new TagStore({ nowUs }),
  faults,
  feed,
  nowUs,
  timing: quickTiming,
  onDownlink: (event) => commands.downlinkEvent(event),
});
commands.connect(source.downlinks);

for (let value = Number(first); value < Number(first) + Number(count); value++) {
  const devEui = devEuis[value % devEuis.length] ?? "";
  const command = value % 3 === 0 ? "Told" : "Asked";
  const answer = await commands.send({ devEui, command, arguments: { value }, by });
  if (!answer.ok) throw new Error(answer.message);
  console.log(value);
  await new Promise((resolve) => setTimeout(resolve, 2));
}
if (count === "0") {
  while (commands.counts().open > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const ended: Command[] = [];
  let page: readonly Command[];
  do {
    const before = ended.at(-1)?.sequence;
    page = commands.list({ limit: 1000, ...(before === undefined ? {} : { before }) });
    ended.push(...page);
  } while (page.length > 0);
  console.log(JSON.stringify(
    ended.map(({ arguments: { value }, command, state, detail }) => ({ value, command, state, detail })),
  ));
  commands.connect(null);
  await source.stop();
  await commands.stop();
}
