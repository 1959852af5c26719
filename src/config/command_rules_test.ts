import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { commandRules } from "./command_rules.ts";
import { commandDefinitions } from "./command_definitions.ts";
import { placeholderTypes } from "./payload_template.ts";
import { checkRules } from "./rules.ts";
import { configSchema } from "./schema.ts";

const page = await Deno.readTextFile(new URL("../../docs/commands.md", import.meta.url));
const device = '[[application]]\napplication_name = "A"\napplication_id = "1"\n' +
  '[[application.device]]\ndevice_id = "a84041ffff000001"\ndevice_name = "Valve"\n';

Deno.test("the page about commands names every type of placeholder, and none that is none", () => {
  const [section = ""] = (page.split("### Placeholders of bytes")[1] ?? "").split("\n### ");
  const table = section.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|")[1] ?? "")
    .join();
  const named = [...table.matchAll(/`([a-z0-9]+)(?:\[16\])?`/g)].map(([, type]) => type);
  assert.deepEqual([...new Set(named)].sort(), placeholderTypes.toSorted());
});

Deno.test("the example of the page is a command as it stands there", () => {
  const [, example = ""] = /```toml\n([\s\S]*?)```/.exec(page) ?? [];
  const config = configSchema.parse(parse(device + example));
  const ours = new Set(commandRules.map(({ id }) => id));
  assert.deepEqual(checkRules(config).filter(({ rule }) => ours.has(rule)), []);
  const [definition] = commandDefinitions(config);
  assert.deepEqual(definition?.arguments.map(({ name }) => name), ["position", "seconds"]);
});
