import assert from "node:assert/strict";
import { parse, stringify } from "smol-toml";
import { type GatewayProcess, startGatewayProcess } from "../lib/gateway_process.ts";
import { credentials, site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

const METRIC = "Soil conductivity";

/** Calls an operation as the configured user, through the web API. */
async function api(gateway: GatewayProcess, method: "GET" | "POST", path: string, body?: unknown) {
  const answer = await fetch(`${gateway.webUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Basic ${btoa(`${credentials.user}:${credentials.password}`)}`,
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // deno-lint-ignore no-explicit-any
  return { status: answer.status, body: await answer.json() as any };
}

/** The site's configuration with an alarm on one metric. */
function withAlarm(config: string, alarm: Record<string, unknown>): string {
  const tables = parse(config) as {
    application: { device: { read_metric: { metric_name: string; alarm?: unknown }[] }[] }[];
  };
  const metric = tables.application.flatMap(({ device }) => device).flatMap((device) => device.read_metric)
    .find(({ metric_name }) => metric_name === METRIC);
  assert.ok(metric);
  metric.alarm = alarm;
  return stringify(tables);
}

Deno.test("a value beyond a limit is an alarm in the API, is acknowledged there, and survives a kill unchanged", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-alarms-" });
  const simulator = await startSimulatedField(1);
  const [probe] = simulator.devices;
  assert.ok(probe);
  const id = `${probe.devEui}/${METRIC}/$alarm`;
  const place = site({ folder, chirpstackUrl: simulator.url, devices: [probe] });
  const options = { ...place, config: withAlarm(place.config, { hi: 100, hihi: 200, deadband: 5 }) };
  let gateway: GatewayProcess | undefined;
  try {
    gateway = await startGatewayProcess(options);
    const first = gateway;
    const alarmOf = async (of: GatewayProcess) => {
      const { status, body } = await api(of, "GET", `/alarms?source=${encodeURIComponent(probe.devEui)}&limit=1000`);
      assert.equal(status, 200, JSON.stringify(body));
      return body.items.find((alarm: { id: string }) => alarm.id === id);
    };
    assert.equal((await alarmOf(first)).active, false);
    await waitFor("the stream", async () => (await first.status()).sources[0]?.devicesStreaming === 1);

    simulator.sendUplink(probe.devEui, { conduct_SOIL: 250 });
    const raised = await waitFor("the alarm", async () => {
      const alarm = await alarmOf(first);
      return alarm.active ? alarm : null;
    });
    assert.deepEqual(
      [raised.limitState, raised.severity, raised.value, raised.acknowledged, raised.retain],
      ["HighHigh", 800, 250, false, true],
    );
    const { alarms } = await first.status() as unknown as { alarms: Record<string, number> };
    assert.deepEqual([alarms.active, alarms.unacknowledged, alarms.shelved], [1, 1, 0]);
    const scrape = await (await fetch(`${first.webUrl}/metrics`)).text();
    assert.match(scrape, /edgekeep_alarms\{state="active"\} 1/);

    const wrong = await api(first, "POST", "/alarms/ack", { id, event: "ab".repeat(16) });
    assert.deepEqual([wrong.status, wrong.body.code, wrong.body.field], [409, "conflict", "event"]);
    const acknowledged = await api(first, "POST", "/alarms/ack", { id, event: raised.event, comment: "on my way" });
    assert.equal(acknowledged.status, 200, JSON.stringify(acknowledged.body));
    assert.deepEqual(
      [acknowledged.body.acknowledged, acknowledged.body.confirmed, acknowledged.body.comment.by],
      [true, false, credentials.user],
    );
    const shelved = await api(first, "POST", "/alarms/shelve", { id, seconds: 3600 });
    assert.equal(shelved.body.shelving.kind, "timed", JSON.stringify(shelved.body));

    const { body: audit } = await api(first, "GET", "/audit?limit=20");
    const records = audit.records?.filter(({ operation }: { operation?: string }) => operation === "alarms.ack");
    assert.ok(records !== undefined, JSON.stringify(audit));
    assert.deepEqual(
      records.map(({ target, outcome, principal }: Record<string, unknown>) => [target, outcome, principal]).sort(),
      [[id, "conflict", credentials.user], [id, "ok", credentials.user]],
    );

    const journalOf = async (of: GatewayProcess) =>
      (await api(of, "GET", `/alarms/journal?id=${encodeURIComponent(id)}&newestFirst=true`)).body.items;
    const before = { alarm: await alarmOf(first), journal: await journalOf(first) };
    assert.deepEqual(
      before.journal.map(({ cause, by }: Record<string, unknown>) => [cause, by]),
      [["shelved", credentials.user], ["acknowledged", credentials.user], ["active", null]],
    );
    await waitFor("the commits", async () => (await first.status()).history.rowsPending === 0);
    await first.end("SIGKILL");

    gateway = await startGatewayProcess(options);
    const second = gateway;
    await waitFor("the stream", async () => (await second.status()).sources[0]?.devicesStreaming === 1);
    assert.deepEqual({ alarm: await alarmOf(second), journal: await journalOf(second) }, before);

    simulator.sendUplink(probe.devEui, { conduct_SOIL: 20 });
    const gone = await waitFor("the end of the alarm", async () => {
      const alarm = await alarmOf(second);
      return alarm.active ? null : alarm;
    });
    assert.deepEqual([gone.acknowledged, gone.confirmed, gone.retain], [true, false, true]);
    const confirmed = await api(second, "POST", "/alarms/confirm", { id });
    assert.equal(confirmed.body.retain, false);
    assert.equal(await second.end("SIGTERM"), 0);
  } finally {
    await gateway?.end("SIGKILL");
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
