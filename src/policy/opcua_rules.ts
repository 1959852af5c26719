import { listenersOf } from "./listeners.ts";
import type { PolicyRule } from "./rules.ts";
import { isWellKnown } from "./token_strength.ts";

const REMOTE_PASSWORD_CHARACTERS = 12;

/** The configured user's password, and how OPC UA knows its clients. */
export const opcuaRules: readonly PolicyRule[] = [
  {
    id: "password_well_known",
    *check(config) {
      const password = config.opcua?.user_password;
      if (password === undefined || !isWellKnown(password)) return;
      const remote = triedRemotely(config);
      const text = "user_password is one that everybody tries first" +
        (remote ? ", and other machines can try it: its user is an admin on web and OPC UA" : "");
      yield { severity: remote ? "error" : "warning", at: ["opcua", "user_password"], text, fix: MAKE_PASSWORD };
    },
  },
  {
    id: "opcua_weak_password",
    *check(config) {
      const { user_name: user, user_password: password } = config.opcua ?? {};
      if (password === undefined || !triedRemotely(config) || isWellKnown(password)) return;
      if (password.length >= REMOTE_PASSWORD_CHARACTERS && password !== user) return;
      const text = "Other machines can try the password, and it is short or equals the user's name";
      yield { severity: "warning", at: ["opcua", "user_password"], text, fix: MAKE_PASSWORD };
    },
  },
  {
    id: "opcua_trusts_everyone",
    *check({ opcua }) {
      if (opcua?.enabled !== true || opcua.trust_client_cert !== true) return;
      const text = "Every client certificate is trusted: only the password guards OPC UA";
      const fix = "Write false and trust known clients: edgekeep ctl pki.list, pki.trust";
      yield { severity: "warning", at: ["opcua", "trust_client_cert"], text, fix };
    },
  },
];

const MAKE_PASSWORD = `Use at least ${REMOTE_PASSWORD_CHARACTERS} characters: openssl rand -base64 18`;

/** Whether other machines reach a place that takes the configured user's password. */
function triedRemotely(config: Parameters<typeof listenersOf>[0]): boolean {
  return listenersOf(config).some(({ listener, remote }) => remote && listener !== "control");
}
