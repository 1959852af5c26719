import { z } from "zod";

/**
 * The shape of `edgekeep.toml`, with every default and range. Unknown keys are refused at every level. Durations and
 * names follow the keys of the files that integrators know; the parsed result is what the whole program trusts.
 */

const name = (max = 64) =>
  z.string().min(1).max(max).refine(
    (text) => !text.includes("$"),
    "must not contain '$', which marks the gateway's own names",
  )
    .refine((text) => !text.includes("/"), "must not contain '/', which separates device and metric");
const seconds = (low: number, high: number, preset: number) => z.number().min(low).max(high).default(preset);
const count = (low: number, high: number, preset: number) => z.int().min(low).max(high).default(preset);
const host = z.string().min(1).max(253);
const port = (preset: number) => z.int().min(1).max(65535).default(preset);

export const metricSchema = z.strictObject({
  metric_name: name(),
  chirpstack_metric_name: z.string().min(1).max(256),
  metric_type: z.enum(["Bool", "Int", "Float", "String"]),
  data_type: z.enum(["Boolean", "Int16", "UInt16", "Int32", "UInt32", "Int64", "Float", "Double", "String"]).optional(),
  metric_unit: z.string().max(32).optional(),
  range: z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, "must be [low, high] with low < high")
    .optional(),
  stale_after_seconds: z.number().min(1).max(31_536_000).optional(),
  bad_after_seconds: seconds(1, 31_536_000, 86_400),
  deadband: z.number().min(0).default(0),
  change_only: z.boolean().default(false),
  max_interval_seconds: seconds(1, 86_400, 900),
  retention_days: z.int().min(7).max(3650).optional(),
  scale: z.number().refine((value) => value !== 0, "must not be 0").default(1),
  offset: z.number().default(0),
  enabled: z.boolean().default(true),
});

export const deviceSchema = z.strictObject({
  device_id: z.string().regex(/^[0-9a-fA-F]{16}$/, "must be a DevEUI: 16 hexadecimal digits").transform((eui) =>
    eui.toLowerCase()
  ),
  device_name: name(),
  source_timestamp_server: z.boolean().default(false),
  enabled: z.boolean().default(true),
  read_metric: z.array(metricSchema).default([]),
});

export const applicationSchema = z.strictObject({
  application_name: name(),
  application_id: name(),
  device: z.array(deviceSchema).default([]),
});

export const gatewaySchema = z.strictObject({
  name: name().default("edgekeep"),
  site: z.string().max(128).default(""),
  data_dir: z.string().min(1).default("./data"),
});

export const chirpstackSchema = z.strictObject({
  server_address: z.url({ protocol: /^https?$/ }),
  api_token: z.string().min(1),
  tenant_id: z.uuid().or(z.literal("")).default(""),
  ca_path: z.string().min(1).optional(),
  mode: z.enum(["stream", "poll"]).default("stream"),
  /** Seconds between two poll cycles, and between two inventory look-ups in stream mode. */
  polling_frequency: seconds(1, 86_400, 10),
  /** Deadline of one unary call, s. */
  timeout: seconds(1, 120, 10),
  /** Poll mode: calls under way at once. */
  concurrency: count(1, 64, 16),
  list_page_size: count(1, 1000, 100),
  /** Longest wait between two connection attempts, s; the first waits 1 s. */
  max_backoff: seconds(1, 300, 30),
});

export const securityPolicies = ["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] as const;

export const opcuaSchema = z.strictObject({
  enabled: z.boolean().default(true),
  application_name: name(128).default("Edgekeep"),
  application_uri: z.string().min(1).max(256).optional(),
  product_uri: z.string().min(1).max(256).default("urn:edgekeep:gateway"),
  host_ip_address: host.default("127.0.0.1"),
  host_port: port(4840),
  advertised_hosts: z.array(host).default([]),
  security_policies: z.array(z.enum(securityPolicies)).min(1).default(["Basic256Sha256", "Aes256_Sha256_RsaPss"]),
  security_modes: z.array(z.enum(["Sign", "SignAndEncrypt"])).min(1).default(["SignAndEncrypt"]),
  user_name: z.string().min(1).max(64).optional(),
  user_password: z.string().min(1).max(256).optional(),
  /** false (default): an unknown client certificate lands in `rejected/` and is refused. */
  trust_client_cert: z.boolean().default(false),
  pki_dir: z.string().min(1).optional(),
  diagnostics_enabled: z.boolean().default(true),
  stale_threshold_seconds: seconds(1, 86_400, 120),
  max_connections: count(1, 4096, 100),
  max_connections_per_address: count(1, 4096, 20),
  max_subscriptions_per_session: count(1, 1000, 20),
  max_monitored_items_per_sub: count(1, 100_000, 10_000),
  max_message_size: count(8192, 268_431_360, 16_777_216),
  max_chunk_count: count(1, 4096, 256),
  max_history_data_results_per_node: count(1, 1_000_000, 10_000),
});

export const storageSchema = z.strictObject({
  database_path: z.string().min(1).default("history.db"),
  retention_days: count(7, 3650, 365),
  rollup_retention_days: count(7, 36_500, 3650),
  synchronous: z.enum(["NORMAL", "FULL"]).default("NORMAL"),
  /** Longest time a sample waits in memory before it is committed, ms. */
  flush_ms: count(10, 10_000, 250),
  /** Hours between two backups into data_dir/backup; 0 makes none. */
  backup_interval_hours: z.number().min(0).max(8760).default(24),
  backup_keep: count(1, 365, 7),
});

export const loggingSchema = z.strictObject({
  level: z.enum(["trace", "debug", "info", "warning", "error"]).default("info"),
  format: z.enum(["text", "json"]).default("text"),
  /** Folder of the log files; without it the log goes to standard error alone. */
  dir: z.string().min(1).optional(),
  max_file_bytes: count(65_536, 1_073_741_824, 10_485_760),
  max_files: count(1, 100, 5),
});

export const webSchema = z.strictObject({
  enabled: z.boolean().default(true),
  listen: z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, "must be host:port").default("127.0.0.1:8080"),
});

export const configSchema = z.strictObject({
  gateway: gatewaySchema.prefault({}),
  chirpstack: chirpstackSchema.optional(),
  opcua: opcuaSchema.prefault({}),
  storage: storageSchema.prefault({}),
  logging: loggingSchema.prefault({}),
  runtime: z.strictObject({ web: webSchema.prefault({}) }).prefault({}),
  application: z.array(applicationSchema).default([]),
});

/** A whole configuration, checked, with defaults in place and paths absolute. */
export type Config = z.output<typeof configSchema>;
export type ChirpStackConfig = z.output<typeof chirpstackSchema>;
export type OpcUaConfig = z.output<typeof opcuaSchema>;
export type StorageConfig = z.output<typeof storageSchema>;
export type LoggingConfig = z.output<typeof loggingSchema>;
export type WebConfig = z.output<typeof webSchema>;
export type ApplicationConfig = z.output<typeof applicationSchema>;
export type DeviceConfig = z.output<typeof deviceSchema>;
export type MetricConfig = z.output<typeof metricSchema>;
