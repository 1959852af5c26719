import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import { ActivateSessionRequest, type OPCUAServer, type ServerSession, X509IdentityToken } from "node-opcua";
import { getLogger } from "@logtape/logtape";
import type { Access, AuthFailure } from "../../access/access.ts";
import type { Caller, Origin, Principal } from "../../access/principal.ts";
import type { SessionEntry, SessionSource } from "../../operations/session_source.ts";
import { engineOf, sessionsOf } from "../library/library_internals.ts";
import { peerAddress } from "../../config/address.ts";
import { setSessionRole } from "../security/node_roles.ts";
import { sanitiseUserName } from "./sanitise.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** What logins are judged by. */
export type LoginAccess = Pick<Access, "password" | "certificate" | "revoked">;

/** Who is behind a session, and what ends it. */
interface Login {
  readonly principal: Principal;
  readonly release: () => void;
}

/** Sessions of the OPC UA server, who is behind each, and how they got in. */
export interface SessionLogins extends SessionSource {
  /** Answers node-opcua whether the password is the user's. Never rejects. */
  check(session: ServerSession, userName: string, password: string): Promise<boolean>;
  /** Follows the sessions of the server. */
  follow(server: OPCUAServer): void;
  /** Who calls on a session and from where, for `operations`. */
  callerOf(session: ServerSession): Caller;
  /** Why the last password of the session was refused; `null` when none was. */
  refusalOf(session: ServerSession): AuthFailure | null;
  stop(): void;
}

/**
 * Lets users in by their password, from any role on: everybody who is known may read. A session ends at once when the
 * user it belongs to is removed, switched off or changed. Certificates of people are trusted by the PKI directory; one that
 * also stands for a stored user shares that user's fate.
 */
export function sessionLogins(access: LoginAccess): SessionLogins {
  /** Where the login under way comes from: a session that moves to another connection still knows its old one. */
  const askingFrom = new WeakMap<ServerSession, string>();
  const proved = new WeakMap<ServerSession, Principal>();
  const refusals = new WeakMap<ServerSession, AuthFailure>();
  const logins = new Map<ServerSession, Login>();
  let server: OPCUAServer | null = null;

  function end(session: ServerSession, why: string): void {
    // the library throws for a session that is gone
    if (server === null || !sessionsOf(server).includes(session)) return;
    log.info("OPC UA session of {user} from {source_ip} ended: {reason}", {
      event: "opcua_session_ended",
      user: nameOf(session),
      source_ip: addressOf(session),
      reason: why,
    });
    // with its subscriptions: nobody may take them over
    engineOf(server).closeSession(session.authenticationToken, true, "Forcing");
  }

  /** Not within the library's own event: it goes on with the session. */
  function endSoon(session: ServerSession, why: string): void {
    setImmediate(() => end(session, why));
  }

  function activated(session: ServerSession): void {
    logins.get(session)?.release();
    logins.delete(session);
    const token = session.userIdentityToken;
    if (token instanceof X509IdentityToken) identify(session, token);
    const principal = proved.get(session);
    proved.delete(session);
    setSessionRole(session, principal?.role ?? null);
    if (principal === undefined) return;
    const signal = access.revoked(principal);
    const onEnd = () => end(session, "the credential has ended");
    logins.set(session, { principal, release: () => signal.removeEventListener("abort", onEnd) });
    if (signal.aborted) endSoon(session, "the credential has ended");
    else signal.addEventListener("abort", onEnd, { once: true });
  }

  function identify(session: ServerSession, { certificateData }: X509IdentityToken): void {
    const fingerprint = createHash("sha256").update(certificateData).digest("hex");
    const answer = access.certificate(fingerprint, originOf(session));
    if (answer.ok) proved.set(session, answer.principal);
    else if (answer.reason === "user_disabled") endSoon(session, "the user is switched off");
  }

  function originOf(session: ServerSession): Origin {
    return { transport: "opcua", address: askingFrom.get(session) ?? addressOf(session) };
  }

  function nameOf(session: ServerSession): string | null {
    const login = logins.get(session);
    if (login !== undefined) return login.principal.name;
    return session.userIdentityToken instanceof X509IdentityToken ? "(certificate)" : null;
  }

  function entry(session: ServerSession): SessionEntry {
    const heardMs = session.clientLastContactTime;
    return {
      id: idOf(session),
      kind: "opcua",
      name: nameOf(session),
      role: logins.get(session)?.principal.role ?? null,
      address: addressOf(session),
      client: sanitiseUserName(session.clientDescription?.applicationName.text ?? session.sessionName ?? ""),
      createdUs: session.creationDate.getTime() * 1000,
      lastUsedUs: heardMs > 0 ? heardMs * 1000 : null,
      expiresUs: null,
    };
  }

  return {
    async check(session, userName, password) {
      refusals.delete(session);
      proved.delete(session);
      try {
        const answer = await access.password(userName, password, originOf(session));
        if (answer.ok) proved.set(session, answer.principal);
        else refusals.set(session, answer.reason);
        return answer.ok;
      } catch (error) {
        log.error("Cannot check an OPC UA login: {error}", { event: "opcua_login_failed", error });
        refusals.set(session, "closed");
        return false;
      }
    },
    follow(followed) {
      server = followed;
      followed.on("request", (request, channel) => {
        if (!(request instanceof ActivateSessionRequest)) return;
        const session = followed.getSession(request.requestHeader.authenticationToken);
        if (session === null) return;
        // what came of an earlier login on this session says nothing about this one
        refusals.delete(session);
        const { remoteAddress } = channel as unknown as { remoteAddress?: string };
        askingFrom.set(session, peerAddress(remoteAddress));
      });
      followed.on("session_activated", activated);
      followed.on("session_closed", (session) => {
        logins.get(session)?.release();
        logins.delete(session);
      });
    },
    callerOf: (session) => ({ ...originOf(session), principal: logins.get(session)?.principal ?? null }),
    refusalOf: (session) => refusals.get(session) ?? null,
    list: () => server === null ? [] : sessionsOf(server).map(entry),
    close(id) {
      const session = server === null ? undefined : sessionsOf(server).find((candidate) => idOf(candidate) === id);
      if (session === undefined) return false;
      end(session, "closed by an admin");
      return true;
    },
    stop() {
      for (const { release } of logins.values()) release();
      logins.clear();
    },
  };
}

/** The session's public id, as its node in the address space has it: not the token that it is used with. */
function idOf(session: ServerSession): string {
  return String(session.nodeId.value).toLowerCase();
}

function addressOf(session: ServerSession): string {
  const { channel } = session as unknown as { channel?: { remoteAddress?: string } };
  return peerAddress(channel?.remoteAddress);
}
