import { tagId, tagUpdate } from "../src/tags/tag.ts";
import { startTestServer, testDevice, testTag } from "../tests/lib/opcua_client_gateway.ts";
import { type ConnectParams, startOpcUaClient } from "../tests/lib/opcua_client_process.ts";
import { type BenchOptions, type BenchRow, percentile } from "./bench_row.ts";
import { startBareServer } from "./lib_bare_server.ts";

const NODES = 1000;
const DEV = "0102030405060708";

/** Reads of 1,000 nodes a call by one client in another process, from this gateway and from a bare node-opcua server. */
export async function benchOpcUaRead({ full }: BenchOptions): Promise<BenchRow[]> {
  const rounds = full ? 9 : 5;
  const calls = full ? 60 : 25;
  const names = Array.from({ length: NODES }, (_, i) => `m${i}`);
  await using bare = await startBareServer(names.map((name) => `${DEV}/${name}`));
  const own = await startTestServer({
    devices: [testDevice(DEV)],
    tags: names.map((name) => testTag(DEV, name)),
    config: { security_policies: ["None", "Basic256Sha256"] },
  });
  own.tags.update(names.flatMap((name, i) => {
    const tag = own.tags.get(tagId(DEV, name));
    return tag === undefined ? [] : [tagUpdate(tag, i, Date.now() * 1000)];
  }));
  const client = await startOpcUaClient();
  const nodes = names.map((name) => `ns=2;s=${DEV}/${name}`);
  const rows: BenchRow[] = [];
  for (const secured of [false, true]) {
    const security: Partial<ConnectParams> = secured
      ? { policy: "Basic256Sha256", mode: "SignAndEncrypt" }
      : { policy: "None", mode: "None" };
    const ours = await client.connect(own.url, security);
    const theirs = await client.call<number>("connect", { url: bare.url, pki: client.pki, ...security });
    const rate = async (id: number) => {
      const { ms, good } = await client.call<{ ms: number; good: number }>("readMany", { id, nodes, times: calls });
      if (good !== NODES * calls) {
        throw new Error(`Cannot count a read as ${good} of ${NODES * calls} values were good`);
      }
      return good / ms * 1000;
    };
    const figures = { ours: [] as number[], bare: [] as number[] };
    await rate(ours);
    await rate(theirs);
    // by turns, so that whatever else the machine does hits both
    for (let round = 0; round < rounds; round++) {
      figures.ours.push(await rate(ours));
      figures.bare.push(await rate(theirs));
    }
    const mine = percentile(figures.ours, 0.5);
    const other = percentile(figures.bare, 0.5);
    const name = `OPC UA read, ${NODES} nodes a call, ${secured ? "SignAndEncrypt" : "None"}`;
    rows.push(
      { name, value: Math.round(mine), unit: "values/s" },
      { name: `${name}: bare node-opcua`, value: Math.round(other), unit: "values/s" },
      {
        name: `${name}: share of bare node-opcua`,
        value: Math.round(mine / other * 100),
        unit: "%",
        must: 90,
        aim: 100,
        note: "more is better",
      },
    );
    await client.call("close", { id: ours });
    await client.call("close", { id: theirs });
  }
  await client[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
  return rows;
}
