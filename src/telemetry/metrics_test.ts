import assert from "node:assert/strict";
import { FaultBoard } from "./fault_board.ts";
import { createMetrics } from "./metrics.ts";
import type { GatewayStatus } from "./status.ts";

function gatewayStatus(change: Partial<GatewayStatus> = {}): GatewayStatus {
  const faults = new FaultBoard(() => 0);
  faults.raise("device_decoding", "x", "0102030405060708");
  faults.raise("device_decoding", "y", "0102030405060709");
  faults.raise("source_unreachable", "z");
  return {
    id: "abc",
    name: 'Pump "A"',
    site: "",
    version: "0.1.0",
    startedUs: 1_000_000,
    nowUs: 61_000_000,
    verdict: "failed",
    summary: "",
    faults: faults.list(),
    commands: { open: 5, unknown: 1 },
    alarms: { total: 9, active: 4, unacknowledged: 3, shelved: 2 },
    sources: [{
      name: "chirpstack",
      mode: "stream",
      address: "http://127.0.0.1:8080",
      state: "connected",
      sinceUs: 0,
      devices: 3,
      devicesStreaming: 2,
      events: 17,
      decodingErrors: 1,
      reconnects: 4,
      lastEventUs: 60_500_000,
      lastError: null,
    }],
    tags: {
      total: 10,
      good: 5,
      uncertain: 3,
      bad: 1,
      waiting: 1,
      samplesLive: 40,
      samplesBackfill: 2,
      samplesPerSecond: 1.5,
    },
    opcua: {
      endpoints: [],
      securityPolicies: [],
      sessions: 2,
      maxSessions: 100,
      subscriptions: 3,
      monitoredItems: 44,
      variables: 12,
      rejectedLogins: 1,
      certificateNotAfterUs: 2_000_000_000_000_000,
    },
    history: {
      path: "",
      fileBytes: 4096,
      series: 10,
      rowsWritten: 42,
      rowsPending: 1,
      rowsPruned: 7,
      lastWriteUs: 60_000_000,
      lastBackupUs: null,
      integrity: "ok",
    },
    process: { rssBytes: 1000, heapUsedBytes: 500 },
    ...change,
  };
}

async function scrape(status: () => GatewayStatus): Promise<string[]> {
  const metrics = createMetrics(status);
  try {
    return (await metrics.registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  } finally {
    metrics.stop();
  }
}

Deno.test("A scrape shows the gateway's status", async () => {
  const lines = await scrape(() => gatewayStatus());
  for (
    const line of [
      'edgekeep_info{id="abc",name="Pump \\"A\\"",site="",version="0.1.0"} 1',
      'edgekeep_up_verdict{verdict="failed"} 1',
      'edgekeep_up_verdict{verdict="ok"} 0',
      "edgekeep_uptime_seconds 60",
      "edgekeep_process_resident_memory_bytes 1000",
      'edgekeep_faults{code="device_decoding",severity="warning"} 2',
      'edgekeep_faults{code="source_unreachable",severity="error"} 1',
      'edgekeep_tags{severity="uncertain"} 3',
      'edgekeep_samples_total{kind="live"} 40',
      'edgekeep_source_connected{source="chirpstack"} 1',
      'edgekeep_source_devices_streaming{source="chirpstack"} 2',
      'edgekeep_source_last_event_timestamp_seconds{source="chirpstack"} 60.5',
      "edgekeep_opcua_sessions 2",
      "edgekeep_opcua_certificate_expiry_timestamp_seconds 2000000000",
      "edgekeep_history_rows_written_total 42",
      "edgekeep_history_file_bytes 4096",
      "edgekeep_history_integrity_ok 1",
      "edgekeep_commands_open 5",
      "edgekeep_commands_unknown 1",
    ]
  ) assert.ok(lines.includes(line), `${line}\nin\n${lines.join("\n")}`);
  assert.ok(lines.some((line) => line.startsWith("edgekeep_event_loop_stall_seconds ")));
  assert.ok(!lines.some((line) => line.startsWith("edgekeep_history_last_backup")), "what is unknown is not shown");
});

Deno.test("One scrape looks at the status once, the next one again", async () => {
  let looks = 0;
  const metrics = createMetrics(() => {
    looks++;
    return gatewayStatus({ faults: [], tags: { ...gatewayStatus().tags, samplesLive: looks } });
  });
  try {
    await metrics.registry.metrics();
    assert.equal(looks, 1);
    const second = await metrics.registry.metrics();
    assert.equal(looks, 2);
    assert.ok(second.includes('edgekeep_samples_total{kind="live"} 2\n'), "a counter is set, not added up");
    assert.ok(!second.includes("edgekeep_faults{"));
  } finally {
    metrics.stop();
  }
});

Deno.test("A gateway without an OPC UA server shows none of its metrics", async () => {
  const lines = await scrape(() => gatewayStatus({ opcua: null }));
  assert.ok(!lines.some((line) => line.startsWith("edgekeep_opcua_")));
});
