/**
 * A hub that registers nodes until it is killed. Argument: its folder. Writes a line of JSON after each registration
 * that was answered: `{"token", "node", "sequences": [[node id, sequence], …]}`.
 */
import { HubWorld } from "./hub_world.ts";

const [dir = ""] = Deno.args;
const world = await HubWorld.open({}, dir);
const round = crypto.randomUUID().slice(0, 8);
const nodes: string[] = [];
const print = (line: unknown) => Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
for (let i = 0; i < 60; i++) {
  const { text, token } = world.admin.createToken({ label: "", group: "plc", uses: 2, minutes: 15, by: "test" });
  for (const half of ["a", "b"]) {
    const node = world.join(`${round}-${i}-${half}`, text);
    nodes.push(node.id);
    const sequences = nodes.map((id) => [id, world.core.position(id as never).sequence]);
    print({ token: token.id, node: node.id, sequences });
  }
}
await world.hub.stop();
