import { z } from "zod";
import { isOrigin, parseEndpoint, parseListen, parseOpcTcpUrl } from "./address.ts";
import { agentSchema, hubSchema } from "./mesh_schema.ts";
import { count, host, label, name, port, seconds } from "./schema_fields.ts";

/**
 * The shape of `edgekeep.toml`: every key with its meaning, default and range. Unknown keys are refused at every level.
 * The parsed result is what the whole program trusts; the reference and the shipped file are made from this description.
 *
 * Metadata of a field: `description` is its meaning, `expected` replaces the derived words for what it takes, `secret`
 * marks a value that is never shown and can come from `<field>_file`, `unset` says what happens without a value, and
 * `example` is what files show where there is no default.
 */

const severity = (preset: string) =>
  z.int().min(1).max(1000).optional().meta({ description: "Severity, 1 to 1000.", unset: preset, example: 500 });
const limit = (which: string, example: number) =>
  z.number().optional().meta({ description: `Value ${which}.`, unset: "no such limit", example });

export const alarmSchema = z.strictObject({
  lolo: limit("at or below which the alarm is LowLow", 5),
  lo: limit("at or below which the alarm is Low", 10),
  hi: limit("at or above which the alarm is High", 80),
  hihi: limit("at or above which the alarm is HighHigh", 90),
  normal: z.boolean().optional().meta({
    description: "Bool values alone: the state that is normal; the other one is an alarm.",
    unset: "no alarm on the state",
    example: false,
  }),
  deadband: z.number().min(0).default(0).describe("How far the value must come back before a limit is left."),
  delay_seconds: seconds(0, 86_400, 0).describe("How long a state must last before the alarm is active."),
  severity: severity("800 for lolo and hihi, 500 for lo, hi and normal"),
  message: label(256).optional().meta({
    description: "What people read when it is active.",
    unset: "made from the name, the value and the limit",
    example: "Tank nearly empty",
  }),
});

export const metricSchema = z.strictObject({
  metric_name: name().meta({
    description: "Name of the value in OPC UA, web and history; unique in its device.",
    example: "Temperature",
  }),
  chirpstack_metric_name: z.string().min(1).max(256).meta({
    description:
      'Path into the decoded object: temperature, channels[2].value, ["Battery Status"]; or one of $rssi $snr $dr ' +
      "$fcnt $fport $battery $margin $lastSeen.",
    example: "temperature",
  }),
  metric_type: z.enum(["Bool", "Int", "Float", "String"]).meta({
    description: "What the device sends.",
    example: "Float",
  }),
  data_type: z.enum(["Boolean", "Int16", "UInt16", "Int32", "UInt32", "Int64", "Float", "Double", "String"]).optional()
    .meta({
      description: "OPC UA data type that clients see.",
      unset: "Boolean for Bool, Int64 for Int, Double for Float, String for String",
      example: "Double",
    }),
  metric_unit: z.string().max(32).optional().meta({
    description: "Unit: a UNECE code (CEL, P1) or any text.",
    unset: "no unit",
    example: "CEL",
  }),
  range: z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, "must be [low, high] with low < high")
    .optional().meta({
      description: "Engineering range; a value outside is served as UncertainEngineeringUnitsExceeded.",
      unset: "any value",
      example: [-40, 85],
    }),
  stale_after_seconds: z.number().min(1).max(31_536_000).optional().meta({
    description: "Age at which the value becomes UncertainLastUsableValue.",
    unset: "three times the device's observed interval, at least opcua.stale_threshold_seconds",
    example: 3600,
  }),
  bad_after_seconds: seconds(1, 31_536_000, 86_400).describe("Age at which the value becomes BadNoCommunication."),
  deadband: z.number().min(0).default(0).describe("History: least change that is stored; 0 stores every sample."),
  change_only: z.boolean().default(false).describe(
    "History: store changes of value or quality only, and one sample each max_interval_seconds.",
  ),
  max_interval_seconds: seconds(1, 86_400, 900).describe(
    "History: longest gap that deadband and change_only may leave while samples arrive.",
  ),
  counter: z.boolean().default(false).describe(
    "The value only counts up: where it falls, the meter was reset or replaced, and history marks the sample so.",
  ),
  retention_days: z.int().min(7).max(3650).optional().meta({
    description: "Days of history kept for this metric.",
    unset: "storage.retention_days",
    example: 365,
  }),
  scale: z.number().refine((value) => value !== 0, "must not be 0").default(1).describe(
    "Factor applied to the decoded value.",
  ),
  offset: z.number().default(0).describe("Added after the factor: value × scale + offset."),
  alarm: alarmSchema.optional().describe("An alarm on the value."),
  alias: label(128).optional().meta({
    description: "Name by which OPC UA clients find the value (FindAlias) whichever device it comes from; unique.",
    unset: "no alias",
    example: "Tank1.Level",
  }),
  enabled: z.boolean().default(true).describe("false serves BadOutOfService and stores nothing."),
});

const argumentType = z.enum(["Bool", "Int", "Float", "String"]);
const allowedValues = z.array(z.union([z.number(), z.string().max(256)])).min(1).max(256).optional();

export const argumentSchema = z.strictObject({
  name: name(32).meta({ description: "Name of the argument; unique in its command.", example: "position" }),
  type: argumentType.default("Int").describe("What it takes."),
  min: z.number().optional().meta({
    description: "Least value; for String the least length in bytes.",
    unset: "what the payload can hold",
    example: 0,
  }),
  max: z.number().optional().meta({
    description: "Largest value; for String the largest length in bytes.",
    unset: "what the payload can hold",
    example: 100,
  }),
  enum: allowedValues.meta({
    description: "The only values that are accepted.",
    expected: "a list of numbers or texts",
    unset: "any",
    example: [0, 50, 100],
  }),
  unit: z.string().max(32).default("").describe("Unit for people."),
});

export const commandSchema = z.strictObject({
  command_id: z.int().min(0).max(65_535).meta({
    description: "Number of the command; unique in its device.",
    example: 1,
  }),
  command_name: name().meta({ description: "Name of the command; unique in its device.", example: "Valve" }),
  command_port: z.int().min(1).max(223).meta({ description: "LoRaWAN FPort it is sent to.", example: 10 }),
  command_confirmed: z.boolean().default(false).describe("true asks the device to acknowledge it."),
  class: z.enum(["byte", "valve"]).optional().meta({
    description:
      "A payload of one byte: byte sends the value 0 to 255, valve 1 for true (open) and 0 for false (close).",
    unset: "byte, where payload says nothing else",
    example: "valve",
  }),
  payload: z.strictObject({
    bytes: z.string().min(2).max(2048).optional().meta({
      description: "Hexadecimal bytes with placeholders for the arguments, as 01 {position:u8} {seconds:u16be}.",
      unset: "the object or the class says it",
      example: "01 {value:u8}",
    }),
    object: z.record(z.string(), z.unknown()).optional().meta({
      description: 'Object that the codec in ChirpStack encodes, with "{position}" in place of an argument.',
      expected: "a table",
      unset: "the bytes or the class say it",
      example: { valve: "{value}" },
    }),
  }).optional().describe("What is sent; without it the class decides."),
  type: argumentType.optional().meta({
    description: "What the command takes, where it takes one value and has no argument list.",
    unset: "Bool for class valve, Int otherwise",
    example: "Int",
  }),
  min: z.number().optional().meta({
    description: "Least value of that.",
    unset: "what the payload can hold",
    example: 0,
  }),
  max: z.number().optional().meta({
    description: "Largest value of that.",
    unset: "what the payload can hold",
    example: 100,
  }),
  enum: allowedValues.meta({
    description: "The only values of that.",
    expected: "a list of numbers or texts",
    unset: "any",
    example: [0, 1],
  }),
  argument: z.array(argumentSchema).max(16).optional().meta({
    description: "What the command takes, where it is not one value named value; an empty list takes nothing.",
    unset: "one value",
  }),
  deadline_seconds: count(1, 604_800, 86_400).describe(
    "Seconds until a command that has not ended is given up; a class A device fetches it with its next uplink.",
  ),
  enabled: z.boolean().default(true).describe("false refuses the command."),
});

export const deviceSchema = z.strictObject({
  device_id: z.string().regex(/^[0-9a-fA-F]{16}$/, "must be a DevEUI: 16 hexadecimal digits").transform((eui) =>
    eui.toLowerCase()
  ).meta({
    description: "DevEUI as ChirpStack shows it.",
    expected: "a DevEUI: 16 hexadecimal digits",
    example: "0011223344556677",
  }),
  device_name: label().meta({ description: "Name of the device's folder in OPC UA.", example: "Probe 1" }),
  source_timestamp_server: z.boolean().default(false).describe(
    "Stamp values with their arrival time, for SCADA systems that judge slow devices by age.",
  ),
  enabled: z.boolean().default(true).describe("false serves BadOutOfService for the whole device."),
  read_metric: z.array(metricSchema).default([]).describe("One value of the device."),
  command: z.array(commandSchema).default([]).describe("One command to the device."),
});

export const applicationSchema = z.strictObject({
  application_name: label().meta({ description: "Name of the application's folder in OPC UA.", example: "Greenhouse" }),
  application_id: name().meta({
    description: "Id of the application in ChirpStack.",
    example: "00000000-0000-0000-0000-000000000001",
  }),
  device: z.array(deviceSchema).default([]).describe("A device of the application."),
});

export const gatewaySchema = z.strictObject({
  name: label().default("edgekeep").describe("Name of this gateway on every surface."),
  site: z.string().max(128).default("").describe("Where it stands; shown beside the name."),
  data_dir: z.string().min(1).default("./data").describe(
    "Folder of everything the gateway writes: history, keys, backups.",
  ),
});

export const chirpstackSchema = z.strictObject({
  server_address: z.url({ protocol: /^https?$/ }).meta({
    description: "gRPC address of ChirpStack v4.",
    expected: "an http:// or https:// address",
    example: "http://127.0.0.1:8080",
  }),
  api_token: z.string().min(1).max(4096).meta({
    description: "API key made in ChirpStack.",
    secret: true,
    example: "chirpstack-token",
  }),
  tenant_id: z.uuid().or(z.literal("")).default("").meta({
    description: "Tenant whose devices the inventory lists; empty lists every tenant that the API key may see.",
    expected: "a UUID, or empty",
  }),
  ca_path: z.string().min(1).optional().meta({
    description: "PEM file of the CA that signed ChirpStack's certificate; needs https.",
    unset: "the system's CA store",
    example: "chirpstack-ca.pem",
  }),
  mode: z.enum(["stream", "poll"]).default("stream").describe(
    "stream: each uplink as it happens; poll: ChirpStack's hourly aggregates.",
  ),
  polling_frequency: seconds(1, 86_400, 10).describe(
    "Seconds between two poll cycles, and in stream mode between two looks at the devices' last-seen times.",
  ),
  timeout: seconds(1, 120, 10).describe("Seconds that one call may take."),
  concurrency: count(1, 64, 16).describe("Poll mode: calls under way at once."),
  list_page_size: count(1, 1000, 100).describe("Entries asked for in one page of a list."),
  max_backoff: seconds(1, 300, 30).describe("Longest wait in seconds between two connection attempts; starts at 1."),
});

export const securityPolicies = ["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] as const;

export const opcuaSchema = z.strictObject({
  enabled: z.boolean().default(true).describe("false starts no OPC UA server."),
  application_name: label(128).default("Edgekeep").describe("Name that clients see for this server."),
  application_uri: z.string().min(1).max(256).optional().meta({
    description: "Application URI; also in the server's certificate.",
    unset: "urn:edgekeep:<gateway id>",
    example: "urn:edgekeep:plant-1",
  }),
  product_uri: z.string().min(1).max(256).default("urn:edgekeep:gateway").describe("Product URI in ServerStatus."),
  host_ip_address: host.default("127.0.0.1").describe(
    "Address to listen on: 127.0.0.1 is this machine alone, 0.0.0.0 every network it has.",
  ),
  host_port: port(4840).describe("TCP port to listen on."),
  advertised_hosts: z.array(host).default([]).describe(
    "More host names or addresses under which clients reach the server, as behind NAT.",
  ),
  discovery_server_url: z.string().max(512).refine(
    (text) => parseOpcTcpUrl(text) !== null,
    "must be opc.tcp://host:port",
  ).optional().meta({
    description: "Local discovery server that this server registers with; each must trust the other's certificate.",
    expected: "opc.tcp://host:port",
    unset: "no registration",
    example: "opc.tcp://scada.plant.example:4840",
  }),
  discovery_register_seconds: seconds(5, 600, 60).describe("Seconds from one registration there to the next."),
  security_policies: z.array(z.enum(securityPolicies)).min(1).default(["Basic256Sha256", "Aes256_Sha256_RsaPss"])
    .describe("Security policies offered; None is offered only when named here."),
  security_modes: z.array(z.enum(["Sign", "SignAndEncrypt"])).min(1).default(["SignAndEncrypt"]).describe(
    "Message security modes offered with each policy but None.",
  ),
  user_name: z.string().min(1).max(64).optional().meta({
    description:
      "A user of OPC UA and the web page, an admin for as long as it stands here; anonymous login is never offered.",
    unset: "only stored users log in",
    example: "scada",
  }),
  user_password: z.string().min(1).max(256).optional().meta({
    description: "Password of that user.",
    secret: true,
    unset: "only stored users log in",
    example: "opcua-password",
  }),
  trust_client_cert: z.boolean().default(false).describe(
    "false refuses an unknown client certificate and files it in rejected/; true trusts every client.",
  ),
  require_crl: z.boolean().default(true).describe(
    "true refuses a certificate made by a CA whose revocation list is missing from the PKI directory.",
  ),
  pki_dir: z.string().min(1).optional().meta({
    description: "Folder of keys and certificates; relative to data_dir unless it starts with ./ or ../.",
    unset: "pki in data_dir",
    example: "pki",
  }),
  diagnostics_enabled: z.boolean().default(true).describe("Serve the standard ServerDiagnostics nodes."),
  stale_threshold_seconds: seconds(1, 86_400, 120).describe(
    "Least age at which a value becomes stale where its metric sets none.",
  ),
  max_connections: count(1, 4096, 100).describe("Sessions open at once."),
  max_connections_per_address: count(1, 4096, 20).describe("Connections open at once from one address."),
  max_subscriptions_per_session: count(1, 1000, 20).describe("Subscriptions of one session."),
  max_monitored_items_per_sub: count(1, 100_000, 10_000).describe("Monitored items of one subscription."),
  max_queued_notifications: count(1, 5000, 1000).describe(
    "Values that wait for one monitored item; a client that asks for more is given this.",
  ),
  max_pending_publish_requests: count(1, 1000, 100).describe("Publish requests of one session that may wait."),
  min_sampling_interval_ms: count(10, 60_000, 50).describe(
    "Shortest sampling interval; items that ask for 0 get every change of a value all the same.",
  ),
  max_keep_alive_count: count(10, 12_000, 12_000).describe("Most publishing intervals without a message."),
  max_message_size: count(8192, 268_431_360, 16_777_216).describe("Largest message in bytes."),
  max_chunk_count: count(1, 4096, 256).describe("Most chunks of one message."),
  max_history_data_results_per_node: count(1, 1_000_000, 10_000).describe("Values in one page of HistoryRead."),
});

export const storageSchema = z.strictObject({
  database_path: z.string().min(1).default("history.db").describe(
    "History file; relative to data_dir unless it starts with ./ or ../.",
  ),
  retention_days: count(7, 3650, 365).describe("Days that every sample is kept."),
  rollup_retention_days: count(7, 36_500, 3650).describe("Days that hourly and daily summaries are kept."),
  synchronous: z.enum(["NORMAL", "FULL"]).default("NORMAL").describe(
    "FULL waits for the disk at each commit: a power cut loses nothing committed, at the cost of wear.",
  ),
  flush_ms: count(10, 10_000, 250).describe("Longest time in ms that a sample waits in memory before it is committed."),
  backup_interval_hours: z.number().min(0).max(8760).default(24).describe(
    "Hours between two backups into data_dir/backup; 0 makes none.",
  ),
  backup_keep: count(1, 365, 7).describe("Backups kept."),
});

export const alarmsSchema = z.strictObject({
  stale_devices: z.boolean().default(true).describe("An alarm for each device that falls silent."),
  stale_device_severity: count(1, 1000, 500).describe("Severity of those."),
  journal_retention_days: count(7, 3650, 365).describe("Days that the journal keeps events."),
});

export const commandsSchema = z.strictObject({
  max_pending_per_device: count(1, 1000, 16).describe("Commands of one device that may wait at once."),
  max_per_minute: count(1, 10_000, 60).describe("Commands that one user may send in a minute."),
  retention_days: count(7, 3650, 365).describe("Days that commands which ended are kept."),
});

export const loggingSchema = z.strictObject({
  level: z.enum(["trace", "debug", "info", "warning", "error"]).default("info").describe("Least severity written."),
  format: z.enum(["text", "json"]).default("text").describe("json writes one object a line."),
  dir: z.string().min(1).optional().meta({
    description: "Folder of the log files.",
    unset: "standard error alone",
    example: "log",
  }),
  max_file_bytes: count(65_536, 1_073_741_824, 10_485_760).describe("Size at which a new log file is begun."),
  max_files: count(1, 100, 5).describe("Log files kept."),
});

export const controlSchema = z.strictObject({
  enabled: z.boolean().default(true).describe("false starts no control endpoint."),
  endpoint: z.string().refine((text) => parseEndpoint(text) !== null, "must be unix://path or tcp://host:port")
    .default("unix://control.sock").meta({
      description:
        "Where `edgekeep ctl` and `edgekeep ui` reach the gateway. A unix socket is for this machine alone; its " +
        "path is relative to data_dir unless it starts with / or ./. tcp needs auth_token.",
      expected: "unix://path or tcp://host:port",
    }),
  group: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/i, "must be the name of a group").optional().meta({
    description: "Group whose members may use the unix socket too (mode 0660).",
    unset: "the gateway's own user alone (mode 0600)",
    example: "edgekeep",
  }),
  auth_token: z.string().min(1).max(512).optional().meta({
    description: "Token of the principal control-token, an admin; for scripts and commissioning.",
    secret: true,
    unset: "only issued tokens are accepted",
    example: "control-token",
  }),
  require_token: z.boolean().default(false).describe("true asks for a token on the unix socket too."),
  mode: z.enum(["production", "debug"]).default("production").describe(
    "production closes debug operations, such as forcing values, until an admin unlocks them for a while.",
  ),
  debug_enabled: z.boolean().default(false).describe("true opens debug operations in mode debug."),
  max_connections: count(1, 1024, 32).describe("Connections open at once."),
  idle_timeout_seconds: count(1, 3600, 60).describe("Seconds of silence after which a connection is closed."),
});

const origin = z.string().refine(
  (text) => isOrigin(text),
  "must be scheme://host or scheme://host:port, without a path",
)
  .meta({ expected: "an origin, as https://gateway.plant.example:8443" });

export const webSchema = z.strictObject({
  enabled: z.boolean().default(true).describe("false starts no web server."),
  listen: z.string().refine((text) => parseListen(text) !== null, "must be host:port, as 127.0.0.1:8080 or [::1]:8080")
    .default("127.0.0.1:8080").meta({
      description:
        "Address and port to listen on: 127.0.0.1 is this machine alone, 0.0.0.0 every network it has. Port 0 " +
        "takes a free one.",
      expected: "host:port, as 127.0.0.1:8080 or [::1]:8080",
    }),
  auth: z.enum(["local", "token"]).default("local").describe(
    "local: whoever sits at this machine may look without logging in, everybody else logs in; token: everybody logs in.",
  ),
  tls: z.boolean().default(false).describe("true serves HTTPS with the certificate of [runtime.tls]."),
  allowed_hosts: z.array(host).default([]).describe(
    "More host names or addresses under which browsers reach the page; its own addresses and names are always allowed.",
  ),
  allowed_origins: z.array(origin).default([]).describe(
    "More origins whose pages may change something here, as behind a reverse proxy.",
  ),
  auth_realm: z.string().regex(/^(?! )[\x20-\x7e]{1,64}(?<! )$/, "must be 1 to 64 ASCII characters")
    .refine((text) => !/["\\]/.test(text), "must not contain a quote or a backslash").default("edgekeep").describe(
      "Realm that scripts see when they are asked for a password.",
    ),
  session_idle_minutes: count(1, 10_080, 480).describe("Minutes without a request after which a login ends."),
  health_remote: z.boolean().default(false).describe(
    "true answers /healthz and /readyz to other machines without login.",
  ),
  requests_per_minute: count(60, 100_000, 1200).describe("Requests that one address may make in a minute."),
});

export const tlsSchema = z.strictObject({
  mode: z.enum(["disabled", "self-managed", "provisioned"]).default("disabled").describe(
    "self-managed: the gateway's own certificate, made with `edgekeep pki new-server-cert`; provisioned: one that your CA " +
      "issued.",
  ),
  cert_path: z.string().min(1).optional().meta({
    description: "PEM file of the server certificate, with its chain; relative to the folder of this file.",
    unset: "no certificate",
    example: "security/server-cert.pem",
  }),
  key_path: z.string().min(1).optional().meta({
    description: "PEM file of its private key, readable by the gateway alone (mode 0600).",
    unset: "no key",
    example: "security/server-key.pem",
  }),
  ca_path: z.string().min(1).optional().meta({
    description: "PEM file of the CA that issued the certificate and, with client_auth, the clients'.",
    unset: "no CA",
    example: "security/ca.pem",
  }),
  require_remote: z.boolean().default(false).describe(
    "true refuses to start while the network can reach a listener that is not protected by TLS.",
  ),
  client_auth: z.enum(["none", "optional", "require"]).default("none").describe(
    "Client certificates from ca_path: optional accepts them in place of a login, require refuses everybody without one.",
  ),
});

export const remoteSchema = z.strictObject({
  profile: z.enum(["dev", "plant", "wan"]).default("dev").describe(
    "plant and wan need TLS and login for everybody from other machines; wan also denies changes from there.",
  ),
  allow_write: z.array(
    z.string().regex(/^[a-z_*]+(\.[a-z_*]+)*:.{1,256}$/, "must be operation:target, as tags.force:a84041*/valve"),
  ).default([]).describe(
    "Changes that profile wan allows from other machines, as operation:target; * stands for any characters, ? for one.",
  ),
});

export const configSchema = z.strictObject({
  gateway: gatewaySchema.prefault({}).describe("The gateway itself."),
  chirpstack: chirpstackSchema.optional().describe(
    "The LoRaWAN network server that data comes from. Without this section the gateway starts and says 'not set up'.",
  ),
  opcua: opcuaSchema.prefault({}).describe("The OPC UA server for SCADA."),
  storage: storageSchema.prefault({}).describe("The history file."),
  alarms: alarmsSchema.prefault({}).describe("Alarms and their journal."),
  commands: commandsSchema.prefault({}).describe("Commands to devices."),
  logging: loggingSchema.prefault({}).describe("The gateway's own log."),
  runtime: z.strictObject({
    control: controlSchema.prefault({}).describe("The control endpoint of `edgekeep ctl`."),
    web: webSchema.prefault({}).describe("The web page and its API."),
    tls: tlsSchema.prefault({}).describe("The certificate of web and control."),
    remote: remoteSchema.prefault({}).describe("What other machines may do."),
  }).prefault({}),
  application: z.array(applicationSchema).default([]).describe(
    "Applications, devices and values that the gateway serves; what is not listed is neither served nor stored.",
  ),
  hub: hubSchema.optional().describe("The hub of a mesh, for `edgekeep hub run`."),
  agent: agentSchema.optional().describe("This machine's place in a mesh, for `edgekeep agent run`."),
});

/** A whole configuration, checked, with defaults in place and paths absolute. */
export type Config = z.output<typeof configSchema>;
export type ChirpStackConfig = z.output<typeof chirpstackSchema>;
export type OpcUaConfig = z.output<typeof opcuaSchema>;
export type StorageConfig = z.output<typeof storageSchema>;
export type ControlConfig = z.output<typeof controlSchema>;
export type WebConfig = z.output<typeof webSchema>;
export type TlsConfig = z.output<typeof tlsSchema>;
export type RemoteConfig = z.output<typeof remoteSchema>;
export type ApplicationConfig = z.output<typeof applicationSchema>;
export type DeviceConfig = z.output<typeof deviceSchema>;
export type CommandConfig = z.output<typeof commandSchema>;
export type AlarmConfig = z.output<typeof alarmSchema>;
export type AlarmsConfig = z.output<typeof alarmsSchema>;
export type CommandsConfig = z.output<typeof commandsSchema>;
export type MetricConfig = z.output<typeof metricSchema>;
export type HubConfig = z.output<typeof hubSchema>;
export type AgentConfig = z.output<typeof agentSchema>;
