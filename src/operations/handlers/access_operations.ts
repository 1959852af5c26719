import { AccessError } from "../../access/access.ts";
import { formatTime } from "../../telemetry/time_text.ts";
import { requirePrincipal } from "../asker.ts";
import { answers } from "../define.ts";
import { type Operation, OperationError } from "../operation.ts";
import type { RoleParts } from "../operation_parts.ts";
import { viewPairing, viewToken, viewUser } from "../views.ts";

/** Users, tokens, pairing and the first admin. */
export function accessOperations({ access, pageUrls }: Pick<RoleParts, "access" | "pageUrls">): Operation[] {
  return [
    answers("users.list", () => ({ users: access.users().map(viewUser) })),
    answers("users.add", async (user, { note }) => {
      note("new_role", user.role);
      return viewUser(await access.addUser(user));
    }),
    answers("users.set", async ({ name, ...change }, { note }) => {
      note("changed", Object.keys(change));
      if (change.role !== undefined) note("new_role", change.role);
      if (change.disabled !== undefined) note("disabled", change.disabled);
      if (change.certificates !== undefined) note("certificates", change.certificates);
      return viewUser(await access.setUser(name, change));
    }),
    answers("users.remove", ({ name }) => {
      access.removeUser(name);
      return {};
    }),
    answers("users.password", async ({ old, next }, context) => {
      const { user, credential } = requirePrincipal(context);
      if (user === null) {
        throw new OperationError("conflict", "Only a stored user has a password to change", {
          fix: "Log in as a user; what the configuration names is changed there",
        });
      }
      await access.changePassword(user, old, next, context.caller, credential);
      return {};
    }),
    answers("tokens.list", () => ({ tokens: access.tokens().map(viewToken) })),
    answers("tokens.create", ({ label, role, days }, context) => {
      context.note("new_role", role);
      const { token, info } = access.createToken(
        { label, role, lifetimeSeconds: secondsOf(days) },
        requirePrincipal(context).name,
      );
      context.note("issued", info.id);
      return { token, info: viewToken(info) };
    }),
    answers("tokens.renew", ({ id, days }, { note }) => {
      const info = access.renewToken(id, secondsOf(days));
      note("expires", info.expiresUs === null ? "never" : formatTime(info.expiresUs));
      return viewToken(info);
    }),
    answers("tokens.revoke", ({ id }) => viewToken(access.revokeToken(id))),
    answers("pair.start", ({ label, role, days }, context) => {
      context.note("new_role", role);
      const { code, info } = access.startPairing(
        { label, role, lifetimeSeconds: secondsOf(days) },
        requirePrincipal(context).name,
      );
      context.note("issued", info.id);
      const url = pageUrls()[0] ?? null;
      const inUrl = encodeURIComponent(code);
      return {
        code,
        link: url === null ? null : `${url}/#/pair?code=${inUrl}`,
        uri: url === null ? null : `edgekeep://pair?url=${encodeURIComponent(url)}&code=${inUrl}`,
        info: viewPairing(info),
      };
    }),
    answers("pair.claim", ({ code }, { caller, note, target }) => {
      const { token, info } = access.claimPairing(code, caller);
      target(info.label);
      note("issued", info.id);
      note("new_role", info.role);
      return { token, info: viewToken(info) };
    }),
    answers("pair.list", () => ({ pairings: access.pairings().map(viewPairing) })),
    answers("pair.revoke", ({ id }) => viewPairing(access.revokePairing(id))),
    answers("setup.claim", async ({ code, user, password }, { caller }) => {
      try {
        return viewUser(await access.claimSetup(code, { name: user, password }, caller));
      } catch (error) {
        // the room calls the user's name `name`
        if (!(error instanceof AccessError) || error.more.field !== "name") throw error;
        throw new AccessError(error.code, error.message, { ...error.more, field: "user" });
      }
    }),
  ];
}

function secondsOf(days: number | null): number | null {
  return days === null ? null : Math.max(1, Math.round(days * 86_400));
}
