import type { Registry } from "prom-client";
import { type Reading, roleMetrics } from "./role_metrics.ts";
import type { GatewayStatus, OpcUaStatus, SourceStatus } from "./status.ts";

/** The gateway's metrics for Prometheus. */
export interface Metrics {
  readonly registry: Registry;
  /** Ends the measuring of the event loop. */
  stop(): void;
}

/** The gateway's metrics, read from `status` when they are scraped. */
export function createMetrics(status: () => GatewayStatus): Metrics {
  const { registry, gauge, counter, stop } = roleMetrics(status);
  const perSource = (read: (source: SourceStatus) => number) => (now: GatewayStatus): Reading[] =>
    now.sources.map((source) => [{ source: source.name }, read(source)]);
  const ofOpcUa = (read: (opcua: OpcUaStatus) => number) => (now: GatewayStatus): Reading[] =>
    now.opcua === null ? [] : [[{}, read(now.opcua)]];
  const one = (read: (now: GatewayStatus) => number) => (now: GatewayStatus): Reading[] => [[{}, read(now)]];

  gauge("tags", "Tags by the severity of their status; waiting ones never had a value", ["severity"], ({ tags }) => [
    [{ severity: "good" }, tags.good],
    [{ severity: "uncertain" }, tags.uncertain],
    [{ severity: "bad" }, tags.bad],
    [{ severity: "waiting" }, tags.waiting],
  ]);
  counter("samples", "Samples taken in", ["kind"], ({ tags }) => [
    [{ kind: "live" }, tags.samplesLive],
    [{ kind: "backfill" }, tags.samplesBackfill],
  ]);
  gauge("samples_per_second", "Samples taken in a second, lately", [], one((now) => now.tags.samplesPerSecond));

  gauge(
    "source_connected",
    "1 while the source is connected",
    ["source"],
    perSource((source) => source.state === "connected" ? 1 : 0),
  );
  gauge("source_devices", "Devices configured at the source", ["source"], perSource((source) => source.devices));
  gauge(
    "source_devices_streaming",
    "Devices whose event stream is open",
    ["source"],
    perSource((source) => source.devicesStreaming),
  );
  counter("source_events", "Events received", ["source"], perSource((source) => source.events));
  counter(
    "source_decoding_errors",
    "Values that did not fit their tag",
    ["source"],
    perSource((source) => source.decodingErrors),
  );
  counter(
    "source_reconnects",
    "Times the source was connected again",
    ["source"],
    perSource((source) => source.reconnects),
  );
  gauge(
    "source_last_event_timestamp_seconds",
    "When the newest event came",
    ["source"],
    (now) =>
      now.sources.flatMap((source) =>
        source.lastEventUs === null ? [] : [[{ source: source.name }, seconds(source.lastEventUs)]]
      ),
  );

  gauge("opcua_sessions", "OPC UA sessions open", [], ofOpcUa((opcua) => opcua.sessions));
  gauge("opcua_sessions_max", "OPC UA sessions allowed", [], ofOpcUa((opcua) => opcua.maxSessions));
  gauge("opcua_subscriptions", "OPC UA subscriptions", [], ofOpcUa((opcua) => opcua.subscriptions));
  gauge("opcua_monitored_items", "OPC UA monitored items", [], ofOpcUa((opcua) => opcua.monitoredItems));
  gauge("opcua_variables", "OPC UA variables of tags", [], ofOpcUa((opcua) => opcua.variables));
  counter("opcua_rejected_logins", "OPC UA logins refused", [], ofOpcUa((opcua) => opcua.rejectedLogins));
  gauge(
    "opcua_certificate_expiry_timestamp_seconds",
    "End of the server certificate",
    [],
    ofOpcUa((opcua) => seconds(opcua.certificateNotAfterUs)),
  );

  gauge("commands_open", "Commands that have not ended", [], one(({ commands }) => commands.open));
  gauge(
    "commands_unknown",
    "Commands that ended within a day without anybody knowing whether they were sent",
    [],
    one(({ commands }) => commands.unknown),
  );
  gauge("alarms", "Alarms by state; one may be in several, total are all", ["state"], ({ alarms }) => [
    [{ state: "total" }, alarms.total],
    [{ state: "active" }, alarms.active],
    [{ state: "unacknowledged" }, alarms.unacknowledged],
    [{ state: "shelved" }, alarms.shelved],
  ]);

  gauge("history_file_bytes", "Size of the history file", [], one(({ history }) => history.fileBytes));
  gauge("history_series", "Series in the history", [], one(({ history }) => history.series));
  gauge("history_rows_pending", "Rows that wait to be committed", [], one(({ history }) => history.rowsPending));
  counter("history_rows_written", "Rows committed", [], one(({ history }) => history.rowsWritten));
  counter("history_rows_pruned", "Rows deleted by retention", [], one(({ history }) => history.rowsPruned));
  gauge(
    "history_last_write_timestamp_seconds",
    "When rows were last committed",
    [],
    ({ history }) => maybe(history.lastWriteUs),
  );
  gauge(
    "history_last_backup_timestamp_seconds",
    "When the last backup was made",
    [],
    ({ history }) => maybe(history.lastBackupUs),
  );
  gauge(
    "history_integrity_ok",
    "1 when the last integrity check found no damage, 0 when it did",
    [],
    ({ history }) => history.integrity === "unknown" ? [] : [[{}, history.integrity === "ok" ? 1 : 0]],
  );

  return { registry, stop };
}

const seconds = (timeUs: number) => timeUs / 1_000_000;
const maybe = (timeUs: number | null): Reading[] => timeUs === null ? [] : [[{}, seconds(timeUs)]];
