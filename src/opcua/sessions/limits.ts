import { MessageSecurityMode, type OPCUAServerOptions, SecurityPolicy } from "node-opcua";
import type { OpcUaConfig } from "../../config/schema.ts";
import type { EndpointSecurity } from "../security/endpoints.ts";

/** TCP connections beyond the sessions: discovery, and the one that must be told `BadTooManySessions`. */
export const SPARE_CONNECTIONS = 10;
/** Nodes of one HistoryRead of values. */
const MAX_NODES_PER_HISTORY_READ = 1000;
/** History continuation points that one session may hold: one for each node of a request. */
export const MAX_HISTORY_CONTINUATION_POINTS = MAX_NODES_PER_HISTORY_READ;

const MAX_NODES_PER_CALL = 10_000;
const MAX_BUFFER_BYTES = 65_535;
const MIN_BUFFER_BYTES = 8192;

type Transport = NonNullable<OPCUAServerOptions["transportSettings"]>;

/** The configured caps as the library's server capabilities. */
export function serverCapabilities(
  config: OpcUaConfig,
  security: EndpointSecurity,
): NonNullable<OPCUAServerOptions["serverCapabilities"]> {
  return {
    maxSessions: config.max_connections,
    maxSubscriptionsPerSession: config.max_subscriptions_per_session,
    maxSubscriptions: config.max_connections * config.max_subscriptions_per_session,
    maxMonitoredItemsPerSubscription: config.max_monitored_items_per_sub,
    maxMonitoredItems: 1_000_000,
    maxHistoryContinuationPoints: MAX_HISTORY_CONTINUATION_POINTS,
    minSupportedSampleRate: 0,
    localeIdArray: ["en"],
    serverProfileArray: profiles(security),
    operationLimits: {
      maxNodesPerRead: MAX_NODES_PER_CALL,
      maxNodesPerBrowse: MAX_NODES_PER_CALL,
      maxNodesPerRegisterNodes: MAX_NODES_PER_CALL,
      maxNodesPerTranslateBrowsePathsToNodeIds: MAX_NODES_PER_CALL,
      maxMonitoredItemsPerCall: MAX_NODES_PER_CALL,
      maxNodesPerHistoryReadData: MAX_NODES_PER_HISTORY_READ,
    },
  };
}

/** The conformance profiles that this server fulfils (https://profiles.opcfoundation.org). */
function profiles(security: EndpointSecurity): string[] {
  const names: Partial<Record<SecurityPolicy, string>> = {
    [SecurityPolicy.None]: "None",
    [SecurityPolicy.Basic256Sha256]: "Basic256Sha256",
    [SecurityPolicy.Aes128_Sha256_RsaOaep]: "Aes128-Sha256-RsaOaep",
    [SecurityPolicy.Aes256_Sha256_RsaPss]: "Aes256-Sha256-RsaPss",
  };
  const secured = security.modes.some((mode) => mode !== MessageSecurityMode.None);
  return [
    // one unit of both is offered with limits: docs/opcua-conformance.md
    "http://opcfoundation.org/UA-Profile/Server/StandardUA2017",
    "http://opcfoundation.org/UA-Profile/Server/EmbeddedUA2017",
    "http://opcfoundation.org/UA-Profile/Server/EnhancedDataChangeSubscription2017",
    "http://opcfoundation.org/UA-Profile/Server/StandardEventSubscription",
    "http://opcfoundation.org/UA-Profile/Server/Methods",
    "http://opcfoundation.org/UA-Profile/Server/DataAccess",
    "http://opcfoundation.org/UA-Profile/Server/HistoricalRawData",
    "http://opcfoundation.org/UA-Profile/Server/HistoricalDataAtTime",
    "http://opcfoundation.org/UA-Profile/Server/AggregateHistorical",
    "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary",
    "http://opcfoundation.org/UA-Profile/Security/UserToken/Server/UserNamePassword",
    "http://opcfoundation.org/UA-Profile/Security/UserToken/Server/X509Certificate",
    ...security.policies.filter((policy) => secured || policy === SecurityPolicy.None)
      .map((policy) => `http://opcfoundation.org/UA-Profile/SecurityPolicy#${names[policy] ?? policy}`),
  ];
}

/**
 * Answers a client's Hello (OPC 10000-6 §7.1.2.3): what the client asks for, never above the configured caps. 0 from the
 * client means "no limit of mine".
 */
export function transportSettings(config: OpcUaConfig): Transport {
  return {
    adjustTransportLimits: (hello) => ({
      maxMessageSize: atMost(hello.maxMessageSize, config.max_message_size),
      maxChunkCount: atMost(hello.maxChunkCount, config.max_chunk_count),
      receiveBufferSize: clamp(hello.receiveBufferSize || MAX_BUFFER_BYTES),
      sendBufferSize: clamp(hello.sendBufferSize || MAX_BUFFER_BYTES),
    }),
  };
}

function atMost(asked: number, cap: number): number {
  return asked === 0 ? cap : Math.min(asked, cap);
}

function clamp(bytes: number): number {
  return Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, bytes));
}

/** The resolved caps as the fields of the event `opcua_limits_configured`. */
export function limitFields(config: OpcUaConfig): Record<string, number> {
  return {
    max_sessions: config.max_connections,
    max_connections_per_address: config.max_connections_per_address,
    max_subscriptions_per_session: config.max_subscriptions_per_session,
    max_monitored_items_per_sub: config.max_monitored_items_per_sub,
    max_queued_notifications: config.max_queued_notifications,
    max_pending_publish_requests: config.max_pending_publish_requests,
    min_sampling_interval_ms: config.min_sampling_interval_ms,
    max_keep_alive_count: config.max_keep_alive_count,
    max_message_size: config.max_message_size,
    max_chunk_count: config.max_chunk_count,
    max_history_data_results_per_node: config.max_history_data_results_per_node,
  };
}
