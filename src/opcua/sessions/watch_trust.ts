import { X509IdentityToken } from "node-opcua";
import { chainOf } from "../library/client_chains.ts";
import type { Pki } from "../security/open_pki.ts";
import type { SessionLogins } from "./session_logins.ts";

/** How often the files of the certificate stores are looked at, ms. */
const LOOK_EVERY_MS = 5000;

/** Follows the trust lists under open sessions. */
export interface TrustWatch {
  /** Looks at every session now. */
  check(): Promise<void>;
  stop(): void;
}

/**
 * Ends sessions whose application or user is not trusted any more: the library asks at the start of a channel and at its
 * renewal alone, which is too late for a certificate that was revoked.
 *
 * @param ignoreClients every client application is trusted (`trust_client_cert`), so only users are looked at
 */
export function watchTrust(
  { application, users }: Pki,
  logins: Pick<SessionLogins, "sessions" | "end">,
  { ignoreClients }: { readonly ignoreClients: boolean },
): TrustWatch {
  let stopped = false;

  async function check(): Promise<void> {
    // a hundred sessions of one client are one question
    const verdicts = new Map<string, Promise<string>>();
    const verdict = (kind: "application" | "users", certificate: Uint8Array): Promise<string> => {
      const key = `${kind} ${certificate.toHex()}`;
      let known = verdicts.get(key);
      if (known === undefined) {
        known = (kind === "users" ? users : application).judge.verdict(certificate);
        verdicts.set(key, known);
      }
      return known;
    };
    for (const session of logins.sessions()) {
      const token = session.userIdentityToken;
      const person = token instanceof X509IdentityToken ? await verdict("users", token.certificateData) : "Good";
      const certificate = ignoreClients ? null : session.channel?.clientCertificate;
      const client = certificate ? await verdict("application", chainOf(certificate)) : "Good";
      if (stopped) return;
      if (person !== "Good") logins.end(session, `the user's certificate is not accepted any more: ${person}`);
      else if (client !== "Good") logins.end(session, `the client's certificate is not accepted any more: ${client}`);
    }
  }

  const timer = setInterval(() => {
    if (application.judge.hasChanged() || users.judge.hasChanged()) void check();
  }, LOOK_EVERY_MS);
  return {
    check,
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}
