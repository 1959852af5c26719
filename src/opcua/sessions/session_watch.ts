import {
  ActivateSessionRequest,
  ActivateSessionResponse,
  AnonymousIdentityToken,
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
import { engineOf, sessionsOf } from "../library/library_internals.ts";
import { peerAddress } from "../../config/address.ts";
import { sanitiseUserName } from "./sanitise.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** How often the number of sessions is looked at, and the longest time between two gauge events, ms. */
const GAUGE_EVERY_MS = 5000;
const GAUGE_AT_LEAST_MS = 60_000;

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

/** What a watch tells and asks. */
export interface SessionWatchParts {
  /** Told of each session that ended. */
  readonly onClosed: (session: ServerSession) => void;
  /** Why the session's last password was refused. */
  readonly refusalOf: (session: ServerSession) => string | null;
  /** Told of each refused login. */
  readonly onRefused: (refusal: LoginRefusal) => void;
}

/** Watches who comes and goes. */
export interface SessionWatch {
  readonly rejectedLogins: number;
  /** Tells that a connection was refused before it could ask for a session. */
  refused(address: string | undefined, why: "max_connections" | "max_connections_per_address"): void;
  stop(): void;
}

interface Channel {
  readonly remoteAddress: string;
}

/**
 * Reports logins, refusals and the number of sessions, and makes room at the cap by closing the oldest session whose
 * connection is gone.
 */
export function watchSessions(
  server: OPCUAServer,
  config: OpcUaConfig,
  { onClosed, refusalOf, onRefused }: SessionWatchParts,
): SessionWatch {
  const limit = config.max_connections;
  /** Logins under way, by channel and request, because a refusal carries neither name nor session. */
  const asking = new WeakMap<object, Map<number, { user: string; session: ServerSession | null }>>();
  const lost = new Map<ServerSession, number>();
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

  server.on("create_session", (session) => {
    session.on("channel_aborted", () => lost.set(session, Date.now()));
  });
  server.on("session_activated", (session) => {
    const moved = lost.delete(session);
    const channel = session.channel as (Channel & { securityPolicy?: string }) | undefined;
    log.info("OPC UA session of {user} from {source_ip} {what}", {
      event: "opcua_session_opened",
      user: userOf(session.userIdentityToken),
      source_ip: peerAddress(channel?.remoteAddress),
      security_policy: channel?.securityPolicy?.split("#")[1] ?? "None",
      what: moved ? "resumed" : "opened",
    });
  });
  server.on("session_closed", (session) => {
    lost.delete(session);
    log.info("OPC UA session of {user} closed", {
      event: "opcua_session_closed",
      user: userOf(session.userIdentityToken),
    });
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
    }
  });
  server.on("connectionRefused", (socket) => reportLimit(socket.remoteAddress, "max_connections", limit));
  server.on("openSecureChannelFailure", (socket, channel) => {
    const address = peerAddress(socket.remoteAddress);
    log.debug("OPC UA channel from {source_ip} not opened", {
      event: "opcua_channel_failed",
      source_ip: address,
      with_certificate: channel.clientCertificate !== null,
    });
  });

  let told = -1;
  let toldMs = 0;
  const gauge = setInterval(() => {
    const current = server.currentSessionCount;
    if (current === told && Date.now() - toldMs < GAUGE_AT_LEAST_MS) return;
    told = current;
    toldMs = Date.now();
    log.info("OPC UA sessions: {current} of {limit}", { event: "opcua_session_count", current, limit });
  }, GAUGE_EVERY_MS);

  return {
    get rejectedLogins() {
      return rejectedLogins;
    },
    refused(address, why) {
      reportLimit(address, why, config[why]);
    },
    stop() {
      clearInterval(gauge);
      denials.stop();
      atLimit.stop();
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

  /** Closes the session that lost its connection the longest ago; its subscriptions stay for the client to transfer. */
  function makeRoom(): void {
    let oldest: ServerSession | undefined;
    for (const session of sessionsOf(server)) {
      const since = lost.get(session);
      if (since !== undefined && (oldest === undefined || since < (lost.get(oldest) ?? 0))) oldest = session;
    }
    if (oldest === undefined) return;
    log.info("OPC UA session of {user} closed to make room: its connection is gone", {
      event: "opcua_session_evicted",
      user: userOf(oldest.userIdentityToken),
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
