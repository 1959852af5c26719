import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { Scada, someFields } from "../lib/opcua_alarm_world.ts";
import { startOpcUaClient } from "../lib/opcua_client_process.ts";
import { credentials, site } from "../lib/site.ts";

const OUTAGE = "ns=2;s=Gateway/$alarm/SourceOutage";
const REFRESH_START = "ns=0;i=2787";
const REFRESH_END = "ns=0;i=2788";

Deno.test("a killed gateway comes back with the same condition and the same event", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-alarm-kill-" });
  let running: GatewayProcess | undefined;
  try {
    // nobody listens there: the source is out
    const place = site({ folder, chirpstackUrl: "http://127.0.0.1:1", devices: [] });
    await using client = await startOpcUaClient();
    const refreshed = async (url: string) => {
      const scada = await Scada.open(client, url, credentials.user, credentials.password);
      const listener = await scada.listen("i=2253", someFields);
      const retained = async () => {
        strictEqual(await scada.refresh(), "Good");
        await listener.until(REFRESH_START);
        return (await listener.until(REFRESH_END)).filter((event) => event.ConditionId === OUTAGE);
      };
      return { scada, listener, retained };
    };
    running = await startGatewayProcess(place);
    const first = await refreshed(running.opcuaUrl);
    let event = (await first.retained())[0];
    while (event === undefined) event = (await first.retained())[0];
    strictEqual(event["ActiveState/Id"], true);
    await running.end("SIGKILL");

    running = await startGatewayProcess(place);
    const second = await refreshed(running.opcuaUrl);
    deepStrictEqual(await second.retained(), [event]);
    const acknowledged = await second.scada.call(
      OUTAGE,
      "i=9111",
      ["ByteString", event.EventId],
      ["LocalizedText", "seen before the fall"],
    );
    strictEqual(acknowledged, "Good");
    // the first event since the start is the answer: the outage told nothing of its own
    const next = await second.listener.next();
    deepStrictEqual([next.ConditionId, next["AckedState/Id"], next["ActiveState/Id"]], [OUTAGE, true, true]);
    ok(next.EventId !== event.EventId);
    strictEqual(await running.end("SIGTERM"), 0);
  } finally {
    await running?.end("SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
});
