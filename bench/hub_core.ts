/**
 * The heart of the hub with 1,000 nodes: registration, a policy change to the last event sealed, every state hashed, a
 * forced removal's refresh of all pairs, memory. `deno run -A --no-check bench/hub_core.ts [nodes]`
 */
import { HubWorld, SimulatedNode } from "../tests/lib/hub_world.ts";
import { newNonce } from "../src/mesh/encoding.ts";

const count = Number(Deno.args[0] ?? 1000);
const world = await HubWorld.open();
const { core, admin } = world;

/** Time that passed, and of it the processor's: other programs of the machine do not count there. */
function ms(sinceMs: number): string {
  const { user, system } = process.cpuUsage(cpu);
  cpu = process.cpuUsage();
  return `${(performance.now() - sinceMs).toFixed(1)} ms (cpu ${((user + system) / 1000).toFixed(1)} ms)`;
}

let cpu = process.cpuUsage();
function start(): number {
  cpu = process.cpuUsage();
  return performance.now();
}

let longest = 0;
function timed<T>(work: () => T): T {
  const at = performance.now();
  const result = work();
  longest = Math.max(longest, performance.now() - at);
  return result;
}

const texts: [SimulatedNode, string][] = [];
let token = "";
for (let i = 0; i < count; i++) {
  if (i % 100 === 0) {
    token = admin.createToken({ label: "", group: `g${i / 100}`, uses: 100, minutes: 15, by: "bench" }).text;
  }
  const node = new SimulatedNode(world, `box-${i}`);
  node.statement = node.statementOf(1);
  texts.push([node, node.registerText(token, {}, node.statement)]);
}
let at = start();
for (const [, text] of texts) timed(() => core.register(text, "192.0.2.1"));
console.log(
  `register ${count}: ${ms(at)}, longest ${longest.toFixed(1)} ms`,
);

longest = 0;
at = start();
for (const [node] of texts) timed(() => core.position(node.id));
console.log(`hash of every state, first time: ${ms(at)}, longest ${longest.toFixed(1)} ms`);
core.putEndpoints(texts[0]?.[0].id ?? ("" as never), [{ kind: "lan", address: "192.168.1.1:51820" }]);
longest = 0;
at = start();
for (const [node] of texts) timed(() => core.position(node.id));
console.log(`hash of every state again: ${ms(at)}, longest ${longest.toFixed(1)} ms`);
const [first] = texts[0] ?? [];
if (first === undefined) throw new Error("No nodes");
at = start();
const text = core.stateEnvelope(first.id, newNonce());
console.log(`one state sealed: ${ms(at)}, ${text.length} bytes`);

const nonce = newNonce();
const sequences = new Map(texts.map(([{ id }]) => [id, core.position(id).sequence]));
let sealed = 0;
let stall = 0;
let lastMs = 0;
const done = Promise.withResolvers<void>();
core.onEvent((id) => {
  const before = sequences.get(id) ?? 0;
  for (const event of core.eventsAfter(id, 0, before, 256) ?? []) {
    core.eventEnvelope(id, event, nonce);
    sequences.set(id, event.sequence);
  }
  if (++sealed === count) done.resolve();
});
const timer = setInterval(() => {
  const nowMs = performance.now();
  if (lastMs !== 0) stall = Math.max(stall, nowMs - lastMs - 1);
  lastMs = nowMs;
}, 1);
const rules = Array.from({ length: 50 }, (_, i) => ({
  id: `r${i}`,
  from: [`group:g${i % 10}`],
  to: [`group:g${(i + 1) % 10}`, `group:g${(i + 2) % 10}`],
  protocol: "tcp" as const,
  ports: [[1000 + i, 1000 + i]] as const,
  log: false,
  comment: "",
}));
await new Promise((resolve) => setTimeout(resolve, 1000));
sealed = 0;
const allowAll = admin.planPolicy([]);
if (!allowAll.ok) throw new Error("No plan");
at = start();
admin.setPolicy(
  [...rules, { id: "all", from: ["*"], to: ["*"], protocol: "tcp", ports: [[1, 65_535]], log: false, comment: "" }],
  0,
  "bench",
);
console.log(`setPolicy of 51 rules: ${ms(at)}`);
await done.promise;
await new Promise((resolve) => setTimeout(resolve, 10));
console.log(`last of ${count} policy events sealed after ${ms(at)}; longest stall ${stall.toFixed(1)} ms`);
clearInterval(timer);

at = start();
admin.remove(first.name, "bench");
console.log(`remove: ${ms(at)}`);
longest = 0;
at = start();
for (let i = 0; i < 20; i++) {
  world.clock.set(1000);
  timed(() => world.hub.look());
}
console.log(`20 steps of the refresh: ${ms(at)}, longest ${longest.toFixed(1)} ms`);
gc();
const { rss, heapUsed, external } = Deno.memoryUsage();
const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
console.log(
  `memory: rss ${mib(rss)}, heap ${mib(heapUsed)}, external ${mib(external)}; hub.db ${
    mib(admin.status().databaseBytes)
  }`,
);
at = start();
await world.restart();
console.log(`restart: ${ms(at)}`);
await world[Symbol.asyncDispose]();

declare function gc(): void;
