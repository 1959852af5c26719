import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import { ActivateSessionRequest, type OPCUAServer, type ServerSession, type StatusCode, StatusCodes } from "node-opcua";
import { getLogger } from "@logtape/logtape";
import type { Access } from "../../access/access.ts";
import type { Caller, Origin, Principal } from "../../access/principal.ts";
import type { SessionEntry, SessionSource } from "../../operations/session_source.ts";
import { engineOf, sessionsOf } from "../library/library_internals.ts";
import { type CheckProof, judgeUserCertificates } from "../library/user_certificates.ts";
import { peerAddress } from "../../config/address.ts";
import { setSessionRole } from "../security/node_roles.ts";
import { sanitiseUserName } from "./sanitise.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** What logins are judged by. */
export type LoginAccess = Pick<Access, "password" | "certificate" | "presented" | "revoked">;

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
  /** Whose session it is, also while it is ending; `null` before a login. */
  principalOf(session: ServerSession): Principal | null;
  /** Who calls on a session and from where, for `operations`. */
  callerOf(session: ServerSession): Caller;
  /** Why the last password or certificate of the session was refused; `null` when none was. */
  refusalOf(session: ServerSession): string | null;
  /** All sessions, in the order of their creation. */
  sessions(): readonly ServerSession[];
  /** Ends a session with its subscriptions, for a reason that the log gets. */
  end(session: ServerSession, why: string): void;
  stop(): void;
}

/**
 * Lets users in by their password or their certificate, from any role on: everybody who is known may read. A session ends
 * at once when the user it belongs to is removed, switched off or changed. A certificate must be trusted by the PKI
 * directory and stand for a stored user: trust says that it is genuine, the user says what may be done with it.
 *
 * @param whyNot what the PKI directory has against a certificate of a person, as the name of an OPC UA status code
 */
export function sessionLogins(
  access: LoginAccess,
  whyNot: (certificate: Uint8Array) => Promise<string>,
): SessionLogins {
  /** Where the login under way comes from: a session that moves to another connection still knows its old one. */
  const askingFrom = new WeakMap<ServerSession, string>();
  /** Where the last login that was let in came from: one that fails elsewhere changes nothing for the session. */
  const admittedFrom = new WeakMap<ServerSession, string>();
  const proved = new WeakMap<ServerSession, Principal>();
  const refusals = new WeakMap<ServerSession, string>();
  const logins = new Map<ServerSession, Login>();
  const owners = new WeakMap<ServerSession, Principal>();
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
    const principal = proved.get(session);
    proved.delete(session);
    admittedFrom.set(session, addressOf(session));
    setSessionRole(session, principal?.role ?? null);
    if (principal === undefined) return;
    const signal = access.revoked(principal);
    const onEnd = () => end(session, "the credential has ended");
    owners.set(session, principal);
    logins.set(session, { principal, release: () => signal.removeEventListener("abort", onEnd) });
    if (signal.aborted) endSoon(session, "the credential has ended");
    else signal.addEventListener("abort", onEnd, { once: true });
  }

  /** Puts the throttle before and the reason behind the library's check of a certificate. */
  async function prove(session: ServerSession, certificate: Uint8Array, check: CheckProof): Promise<StatusCode> {
    refusals.delete(session);
    proved.delete(session);
    const presented = access.presented(fingerprintOf(certificate), originOf(session));
    if (presented.waitMs > 0) {
      refusals.set(session, "throttled");
      return StatusCodes.BadUserAccessDenied;
    }
    const status = await check();
    if (status.isGood()) presented.proved();
    else if (status === StatusCodes.BadIdentityTokenRejected) refusals.set(session, await whyNot(certificate));
    return status;
  }

  function admit(session: ServerSession, certificate: Uint8Array): boolean {
    const answer = access.certificate(fingerprintOf(certificate), originOf(session));
    if (answer.ok) proved.set(session, answer.principal);
    else refusals.set(session, answer.reason);
    return answer.ok;
  }

  function originOf(session: ServerSession): Origin {
    return { transport: "opcua", address: askingFrom.get(session) ?? addressOf(session) };
  }

  function nameOf(session: ServerSession): string | null {
    return logins.get(session)?.principal.name ?? null;
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
      judgeUserCertificates(followed, { prove, admit });
      followed.on("session_activated", activated);
      followed.on("session_closed", (session) => {
        logins.get(session)?.release();
        logins.delete(session);
      });
    },
    callerOf: (session) => ({
      transport: "opcua",
      address: admittedFrom.get(session) ?? addressOf(session),
      principal: logins.get(session)?.principal ?? null,
    }),
    principalOf: (session) => logins.get(session)?.principal ?? owners.get(session) ?? null,
    refusalOf: (session) => refusals.get(session) ?? null,
    sessions: () => server === null ? [] : sessionsOf(server),
    end,
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

function fingerprintOf(certificate: Uint8Array): string {
  return createHash("sha256").update(certificate).digest("hex");
}

/** The session's public id, as its node in the address space has it: not the token that it is used with. */
function idOf(session: ServerSession): string {
  return String(session.nodeId.value).toLowerCase();
}

function addressOf(session: ServerSession): string {
  const { channel } = session as unknown as { channel?: { remoteAddress?: string } };
  return peerAddress(channel?.remoteAddress);
}
