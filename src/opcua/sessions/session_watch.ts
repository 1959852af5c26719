import {
  ActivateSessionRequest,
  ActivateSessionResponse,
  AnonymousIdentityToken,
  CreateMonitoredItemsResponse,
  CreateSessionRequest,
  type OPCUAServer,
  type ServerSession,
  type StatusCode,
  StatusCodes,
  UserNameIdentityToken,
  X509IdentityToken,
} from "node-opcua";
import { getLogger } from "@logtape/logtape";
import type { OpcUaConfig } from "../../config/schema.ts";
import { aggregatedEvents } from "./aggregated_event.ts";
import { type ChannelFailure, onChannelFailure } from "../library/channel_failures.ts";
import { channelsOf, engineOf, monitoredItemsOf, sessionsOf } from "../library/library_internals.ts";
import { peerAddress } from "../../config/address.ts";
import { sanitiseText, sanitiseUserName } from "./sanitise.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** How often the number of sessions is looked at, and the longest time between two gauge events, ms. */
const GAUGE_EVERY_MS = 5000;
const GAUGE_AT_LEAST_MS = 15 * 60_000;

/** A login that was refused. Never holds the password. */
export interface LoginRefusal {
  /** As the client sent it, fit for a log line. */
  readonly user: string;
  /** The peer's IP address without port. */
  readonly address: string;
  /** URL of the endpoint that the client asked for; empty before it has a session. */
  readonly endpoint: string;
  /** The reason of `access/`, or the name of an OPC UA status code. */
  readonly reason: string;
}

/** A session that somebody opened, took over on another connection, or that ended. */
export interface SessionNews {
  readonly what: "opened" | "resumed" | "closed";
  readonly user: string;
  /** The peer's IP address without port. */
  readonly address: string;
}

/** What a watch tells and asks. */
export interface SessionWatchParts {
  /** Told of each session that ended. */
  readonly onClosed: (session: ServerSession) => void;
  /** Why the session's last password was refused. */
  readonly refusalOf: (session: ServerSession) => string | null;
  /** Told of each session that was opened or ended. */
  readonly onSession: (news: SessionNews, session: ServerSession) => void;
  /** Told of each refused login. */
  readonly onRefused: (refusal: LoginRefusal) => void;
}

/** Watches who comes and goes. */
export interface SessionWatch {
  readonly rejectedLogins: number;
  /** Tells which connection gives way to the one that is being accepted, when there are too many. */
  accepting(): void;
  /** Tells that a connection was refused before it could ask for a session. */
  refused(address: string | undefined, why: "max_connections" | "max_connections_per_address"): void;
  stop(): void;
}

interface Channel {
  readonly remoteAddress: string;
}

/** Caps that a client can run into after it has a connection. */
type CapName =
  | "max_subscriptions_per_session"
  | "max_monitored_items_per_sub"
  | "max_pending_publish_requests"
  | "max_message_size"
  | "max_chunk_count";

interface LimitReached {
  readonly sourceIp: string;
  readonly which: CapName;
  readonly cap: number;
}

/**
 * Reports logins, refusals and the number of sessions, and makes room at the cap by closing the oldest session whose
 * connection is gone.
 */
export function watchSessions(
  server: OPCUAServer,
  config: OpcUaConfig,
  { onClosed, onSession, refusalOf, onRefused }: SessionWatchParts,
): SessionWatch {
  const limit = config.max_connections;
  /** Logins under way, by channel and request, because a refusal carries neither name nor session. */
  const asking = new WeakMap<object, Map<number, { user: string; session: ServerSession | null }>>();
  const lost = new Map<ServerSession, number>();
  /** Where a session was last seen: one that lost its connection has none to ask. */
  const addresses = new WeakMap<ServerSession, string>();
  let rejectedLogins = 0;

  const denials = aggregatedEvents<LoginRefusal>(({ user, address, endpoint, reason }, count) =>
    log.warning("OPC UA login of {user} from {source_ip} refused: {reason}", {
      event: "opcua_auth_failed",
      user,
      source_ip: address,
      endpoint,
      reason,
      count,
    })
  );
  const atLimit = aggregatedEvents<{ sourceIp: string; which: string; cap: number }>((detail, count) =>
    log.warning("OPC UA connection from {source_ip} refused at the limit {which} = {limit}", {
      event: "opcua_session_count_at_limit",
      source_ip: detail.sourceIp,
      which: detail.which,
      limit: detail.cap,
      current: server.currentSessionCount,
      count,
    })
  );

  const limits = aggregatedEvents<LimitReached>(({ sourceIp, which, cap }, count) =>
    log.warning("OPC UA client at {source_ip} reached the limit {which} = {limit}", {
      event: "opcua_limit_reached",
      source_ip: sourceIp,
      which,
      limit: cap,
      count,
    })
  );
  const evictions = aggregatedEvents<string>((sourceIp, count) =>
    log.info("OPC UA connection from {source_ip} closed to make room: it has no session", {
      event: "opcua_channel_evicted",
      source_ip: sourceIp,
      count,
    })
  );
  const failures = aggregatedEvents<{ sourceIp: string; reason: string; detail: string }>((failure, count) =>
    log.info("OPC UA connection from {source_ip} failed: {reason}", {
      event: "opcua_channel_failed",
      source_ip: failure.sourceIp,
      reason: failure.reason,
      detail: failure.detail,
      count,
    })
  );

  server.on("create_session", (session) => {
    addresses.set(session, addressOf(session));
    session.on("channel_aborted", () => lost.set(session, Date.now()));
  });
  server.on("session_activated", (session) => {
    const moved = lost.delete(session);
    addresses.set(session, addressOf(session));
    const { securityPolicy } = (session.channel ?? {}) as { securityPolicy?: string };
    const news = {
      what: moved ? "resumed" as const : "opened" as const,
      user: userOf(session.userIdentityToken),
      address: addressOf(session),
    };
    log.info("OPC UA session of {user} from {source_ip} {what}", {
      event: "opcua_session_opened",
      user: news.user,
      source_ip: news.address,
      security_policy: securityPolicy?.split("#")[1] ?? "None",
      what: news.what,
    });
    onSession(news, session);
  });
  server.on("session_closed", (session) => {
    lost.delete(session);
    log.info("OPC UA session of {user} from {source_ip} closed", {
      event: "opcua_session_closed",
      user: userOf(session.userIdentityToken),
      source_ip: addresses.get(session) ?? "",
    });
    // one that nobody logged in to is nobody's
    if (session.userIdentityToken) {
      onSession({
        what: "closed",
        user: userOf(session.userIdentityToken),
        address: addresses.get(session) ?? "",
      }, session);
    }
    onClosed(session);
  });

  server.on("request", (request, channel) => {
    if (request instanceof CreateSessionRequest) {
      if (server.currentSessionCount >= limit) makeRoom();
    } else if (request instanceof ActivateSessionRequest) {
      // a missing token means anonymous (OPC 10000-4 §5.7.3.2): the library looks for an anonymous policy and, finding
      // none, answers with an internal error
      if (!request.userIdentityToken) request.userIdentityToken = new AnonymousIdentityToken({ policyId: "anonymous" });
      let users = asking.get(channel);
      if (users === undefined) asking.set(channel, users = new Map());
      const { requestHandle, authenticationToken } = request.requestHeader;
      users.set(requestHandle, {
        user: userOf(request.userIdentityToken),
        session: server.getSession(authenticationToken),
      });
    }
  });
  server.on("response", (response, channel) => {
    const status: StatusCode = response.responseHeader.serviceResult;
    if (response instanceof ActivateSessionResponse) {
      const users = asking.get(channel);
      const handle = response.responseHeader.requestHandle;
      const { user, session } = users?.get(handle) ?? { user: "", session: null };
      users?.delete(handle);
      if (status.isNotGood()) {
        denied({
          user,
          address: peerAddress((channel as unknown as Channel).remoteAddress),
          endpoint: session?.getEndpointDescription().endpointUrl ?? "",
          reason: (session === null ? null : refusalOf(session)) ?? status.name,
        });
      }
    } else if (status === StatusCodes.BadTooManySessions) {
      reportLimit((channel as unknown as Channel).remoteAddress, "max_connections", limit);
    } else if (status === StatusCodes.BadTooManySubscriptions) {
      reached((channel as unknown as Channel).remoteAddress, "max_subscriptions_per_session");
    } else if (status === StatusCodes.BadTooManyPublishRequests) {
      reached((channel as unknown as Channel).remoteAddress, "max_pending_publish_requests");
    } else if (response instanceof CreateMonitoredItemsResponse) {
      const full = response.results?.some(({ statusCode }) => statusCode === StatusCodes.BadTooManyMonitoredItems);
      if (full) reached((channel as unknown as Channel).remoteAddress, "max_monitored_items_per_sub");
    }
  });
  server.on("connectionRefused", (socket) => reportLimit(socket.remoteAddress, "max_connections", limit));
  server.on("openSecureChannelFailure", (socket) => {
    channelFailed({ address: socket.remoteAddress, reason: "BadConnectionClosed", detail: "no Hello in time or form" });
  });
  const unhook = onChannelFailure(server, channelFailed);

  let told = "";
  let toldMs = 0;
  const gauge = setInterval(() => {
    const counts = {
      current: server.currentSessionCount,
      limit,
      channels: server.currentChannelCount,
      subscriptions: server.currentSubscriptionCount,
      monitored_items: monitoredItemsOf(server),
    };
    const key = Object.values(counts).join();
    if (key === told && Date.now() - toldMs < GAUGE_AT_LEAST_MS) return;
    told = key;
    toldMs = Date.now();
    log.info("OPC UA sessions: {current} of {limit}", { event: "opcua_session_count", ...counts });
  }, GAUGE_EVERY_MS);

  return {
    get rejectedLogins() {
      return rejectedLogins;
    },
    accepting() {
      const { open, most } = channelsOf(server);
      if (open.length < most) return;
      // the library closes it: the oldest without a session
      const idle = open.find(({ hasSession }) => !hasSession);
      if (idle !== undefined) evictions.report(peerAddress(idle.remoteAddress), peerAddress(idle.remoteAddress));
    },
    refused(address, why) {
      reportLimit(address, why, config[why]);
    },
    stop() {
      clearInterval(gauge);
      unhook();
      for (const events of [denials, atLimit, limits, evictions, failures]) events.stop();
    },
  };

  function denied(refusal: LoginRefusal): void {
    const { address, user, reason } = refusal;
    rejectedLogins++;
    denials.report(`${address}\n${user}\n${reason}`, refusal);
    // a client that goes on with a session from before a restart: no login was tried
    if (reason !== StatusCodes.BadSessionIdInvalid.name) onRefused(refusal);
  }

  function reportLimit(address: string | undefined, which: string, cap: number): void {
    const sourceIp = peerAddress(address);
    atLimit.report(`${sourceIp}\n${which}`, { sourceIp, which, cap });
  }

  function reached(address: string | undefined, which: CapName): void {
    const sourceIp = peerAddress(address);
    limits.report(`${sourceIp}\n${which}`, { sourceIp, which, cap: config[which] });
  }

  function channelFailed({ address, reason, detail }: ChannelFailure): void {
    if (reason === "BadTcpMessageTooLarge") {
      reached(address, /chunk/.test(detail) ? "max_chunk_count" : "max_message_size");
    }
    const sourceIp = peerAddress(address);
    failures.report(`${sourceIp}\n${reason}`, { sourceIp, reason, detail: sanitiseText(detail) });
  }

  /** Closes the session that lost its connection the longest ago; its subscriptions stay for the client to transfer. */
  function makeRoom(): void {
    let oldest: ServerSession | undefined;
    for (const session of sessionsOf(server)) {
      const since = lost.get(session);
      if (since !== undefined && (oldest === undefined || since < (lost.get(oldest) ?? 0))) oldest = session;
    }
    if (oldest === undefined) return;
    log.info("OPC UA session of {user} from {source_ip} closed to make room: its connection is gone", {
      event: "opcua_session_evicted",
      user: userOf(oldest.userIdentityToken),
      source_ip: addresses.get(oldest) ?? "",
    });
    engineOf(server).closeSession(oldest.authenticationToken, false, "Forcing");
  }
}

/** Who a token says it is, fit for a log line. */
function userOf(token: unknown): string {
  if (token instanceof UserNameIdentityToken) return sanitiseUserName(token.userName ?? "");
  if (token instanceof X509IdentityToken) return "(certificate)";
  return token instanceof AnonymousIdentityToken ? "(anonymous)" : "";
}

function addressOf(session: ServerSession): string {
  return peerAddress((session.channel as unknown as Channel | undefined)?.remoteAddress);
}
