import {
  AnonymousIdentityToken,
  type OPCUAServer,
  type ServerSession,
  type StatusCode,
  StatusCodes,
  X509IdentityToken,
} from "node-opcua";

/** The library's own check: the signature, then trust, time and revocation. */
export type CheckProof = () => Promise<StatusCode>;

/** Decides about people who log in with a certificate. */
export interface UserCertificateJudge {
  /** Called before the check, which it runs; what it answers other than Good refuses the login. */
  prove(session: ServerSession, certificate: Uint8Array, check: CheckProof): Promise<StatusCode>;
  /** Whether the owner of a certificate that passed is let in. */
  admit(session: ServerSession, certificate: Uint8Array): boolean;
}

type Done = (error: Error | null, status?: StatusCode) => void;
type Authorised = (error: Error | null, authorised?: boolean, status?: StatusCode) => void;
type Checked = [unknown, ServerSession, unknown, X509IdentityToken, unknown, Done];

interface Channel {
  readonly channelId: number;
  getCertificate(): Uint8Array;
}

interface ActivateMessage {
  readonly request: {
    userIdentityToken: unknown;
    readonly requestHeader: { readonly authenticationToken: Parameters<OPCUAServer["getSession"]>[0] };
  };
}

interface Internals {
  isValidX509IdentityToken(...parameters: Checked): void;
  isUserAuthorized(channel: unknown, session: ServerSession, token: unknown, done: Authorised): void;
  _on_ActivateSessionRequest(message: ActivateMessage, channel: Channel): void;
  _on_CreateSessionRequest(message: unknown, channel: Channel): Promise<void>;
  getCertificate(): Uint8Array;
  getCertificateChain(): Uint8Array[];
}

/**
 * Lets `judge` decide about logins by certificate: the library takes everybody whose certificate is trusted, and offers no
 * place to ask before or after.
 */
export function judgeUserCertificates(server: OPCUAServer, judge: UserCertificateJudge): void {
  const inner = server as unknown as Internals;
  const checkByLibrary = inner.isValidX509IdentityToken.bind(server);
  inner.isValidX509IdentityToken = (channel, session, policy, token, signature, done) => {
    const check: CheckProof = () =>
      new Promise((resolve) => {
        // what cannot even be parsed makes it throw
        try {
          checkByLibrary(channel, session, policy, token, signature, (error, status) => {
            resolve(error || status === undefined ? StatusCodes.BadIdentityTokenInvalid : status);
          });
        } catch {
          resolve(StatusCodes.BadIdentityTokenInvalid);
        }
      });
    if (!token.certificateData || token.certificateData.length === 0) {
      done(null, StatusCodes.BadIdentityTokenInvalid);
      return;
    }
    judge.prove(session, token.certificateData, check).then(
      (status) => done(null, status),
      () => done(null, StatusCodes.BadIdentityTokenInvalid),
    );
  };
  const authoriseByLibrary = inner.isUserAuthorized.bind(server);
  inner.isUserAuthorized = (channel, session, token, done) => {
    if (token instanceof X509IdentityToken) done(null, judge.admit(session, token.certificateData));
    else authoriseByLibrary(channel, session, token, done);
  };
  letCertificateSessionsMove(server);
  keepChannelCertificate(server);
}

/**
 * Lets a session that was opened with a user's certificate move to another channel, as after a lost connection
 * (OPC 10000-4 §5.7.3): the library compares the tokens of both channels, but stops with an assertion for certificates.
 * Here the comparison is made, and its outcome given in terms that the library knows.
 */
function letCertificateSessionsMove(server: OPCUAServer): void {
  const inner = server as unknown as Internals;
  const activate = inner._on_ActivateSessionRequest.bind(server);
  inner._on_ActivateSessionRequest = (message, channel) => {
    const { request } = message;
    const session = server.getSession(request.requestHeader.authenticationToken);
    const before = session?.userIdentityToken;
    const moves = session?.status === "active" && session.channelId !== channel.channelId;
    if (session === null || !moves || !(before instanceof X509IdentityToken)) {
      activate(message, channel);
      return;
    }
    const after = request.userIdentityToken;
    const same = after instanceof X509IdentityToken && sameBytes(before.certificateData, after.certificateData);
    // two absent tokens are the same to the library, and an anonymous one is the same as no other
    session.userIdentityToken = same ? undefined : new AnonymousIdentityToken({ policyId: "" });
    let asked = !same;
    Object.defineProperty(request, "userIdentityToken", {
      configurable: true,
      enumerable: true,
      get: () => {
        const first = !asked;
        asked = true;
        return first ? undefined : after;
      },
      set: () => {},
    });
    try {
      activate(message, channel);
    } finally {
      Object.defineProperty(request, "userIdentityToken", {
        configurable: true,
        enumerable: true,
        writable: true,
        value: after,
      });
      session.userIdentityToken = before;
    }
  };
}

/**
 * A channel keeps the certificate that it was opened with, but the library verifies what a client signs for its session
 * with the server's newest one. After a renewal every login on an open channel would fail; here both are the channel's.
 */
function keepChannelCertificate(server: OPCUAServer): void {
  const inner = server as unknown as Internals & { getCertificateChain(): Uint8Array[] };
  const chainOfServer = inner.getCertificateChain.bind(server);
  let channel: (Channel & { getCertificateChain?(): Uint8Array[] }) | null = null;
  inner.getCertificateChain = () => channel?.getCertificateChain?.() ?? chainOfServer();
  inner.getCertificate = () => inner.getCertificateChain()[0] ?? new Uint8Array();
  // both use the certificate before they wait for anything
  const within = <M, R>(serve: (message: M, on: Channel) => R) => (message: M, on: Channel): R => {
    channel = on;
    try {
      return serve(message, on);
    } finally {
      channel = null;
    }
  };
  inner._on_ActivateSessionRequest = within(inner._on_ActivateSessionRequest.bind(server));
  inner._on_CreateSessionRequest = within(inner._on_CreateSessionRequest.bind(server));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
