import { roleIncludes } from "../policy/roles.ts";
import { type Access, AccessError, type UserInfo } from "./access.ts";
import type { ConfiguredCredentials } from "./configured_credentials.ts";
import type { CredentialSignals } from "./credential_signals.ts";
import { HashGateFullError } from "./hash_gate.ts";
import type { KnownPlaces } from "./known_places.ts";
import { notDurable } from "./not_durable.ts";
import type { PairingDesk } from "./pairing_desk.ts";
import type { PasswordLogin } from "./password_login.ts";
import { checkPassword, checkUserName } from "./password_rules.ts";
import type { SessionBook } from "./session_book.ts";
import type { AccessStore, StoredUser, StoreWriter } from "./store.ts";
import { checkRole, type UserBook } from "./user_book.ts";

/** What a change of a user touches. */
export interface UserChangeParts {
  readonly store: AccessStore;
  readonly nowUs: () => number;
  readonly configured: ConfiguredCredentials;
  readonly users: UserBook;
  readonly sessions: SessionBook;
  readonly pairing: PairingDesk;
  readonly signals: CredentialSignals;
  readonly login: PasswordLogin;
  readonly places: KnownPlaces;
}

/**
 * Changes of stored users. What takes something away is in force at once, whatever the disk says; what gives something
 * is in force once it is stored.
 */
export class UserChanges {
  readonly #parts: UserChangeParts;

  constructor(parts: UserChangeParts) {
    this.#parts = parts;
  }

  /** Adds a user. `last` is asked once more right before. @throws {AccessError} */
  async add(
    { name, password, role }: { readonly name: string; readonly password: string; readonly role: UserInfo["role"] },
    last: () => void = () => {},
  ): Promise<StoredUser> {
    const { users, nowUs } = this.#parts;
    checkUserName(name);
    checkRole(role);
    checkPassword(password, name);
    const check = () => {
      this.#refuseConfiguredName(name);
      users.checkFree(name);
      last();
    };
    check();
    const hash = await this.#hash(password);
    check();
    const createdUs = nowUs();
    const user: StoredUser = {
      name,
      role,
      disabled: false,
      hash,
      createdUs,
      passwordChangedUs: createdUs,
      lastUsedUs: null,
      certificates: [],
    };
    users.put("add the user", user);
    return user;
  }

  /**
   * Changes what is given.
   *
   * @param keep id of a session that goes on although the password changes
   * @throws {AccessError}
   */
  async set(name: string, change: Parameters<Access["setUser"]>[1], keep?: string): Promise<StoredUser> {
    const { users, nowUs } = this.#parts;
    this.refuseConfigured(name);
    this.#stored(name, "change");
    if (change.role !== undefined) checkRole(change.role);
    if (change.password !== undefined) checkPassword(change.password, name);
    const hash = change.password === undefined ? null : await this.#hash(change.password);
    const before = this.#stored(name, "change");
    const after: StoredUser = {
      ...before,
      role: change.role ?? before.role,
      disabled: change.disabled ?? before.disabled,
      hash: hash ?? before.hash,
      passwordChangedUs: hash === null ? before.passwordChangedUs : nowUs(),
      certificates: change.certificates === undefined
        ? before.certificates
        : users.checkCertificates(change.certificates, name),
    };
    if (isActiveAdmin(before) && !isActiveAdmin(after)) this.#refuseLastAdmin(name);
    const lost = {
      role: !roleIncludes(after.role, before.role),
      access: (after.disabled && !before.disabled) || hash !== null,
      certificate: before.certificates.some((fingerprint) => !after.certificates.includes(fingerprint)),
    };
    const write = (writer: StoreWriter) => {
      writer.putUser(after);
      if (hash !== null) writer.deletePlaces(name);
    };
    const takes = lost.role || lost.access || lost.certificate;
    if (!takes) this.#parts.store.write("change the user", write);
    users.keep(after);
    if (lost.access) this.endUser(name, keep);
    else if (lost.certificate || after.role !== before.role) this.#endConnections(name);
    if (hash !== null) this.#parts.places.forget(name);
    if (lost.role || lost.access || after.disabled) this.#parts.pairing.revokeOf(name);
    if (takes && !this.#parts.store.writeOrKeep(write)) throw notDurable("The user is changed");
    return after;
  }

  /** Removes a user and ends what the user has open. @throws {AccessError} */
  remove(name: string): void {
    const { users, store, configured, places, pairing } = this.#parts;
    if (users.get(name) === undefined) this.refuseConfigured(name);
    const user = this.#stored(name, "remove");
    if (isActiveAdmin(user) && !configured.isUser(name)) this.#refuseLastAdmin(name);
    users.drop(name);
    if (!configured.isUser(name)) {
      this.endUser(name);
      places.forget(name);
      pairing.revokeOf(name);
    }
    const durable = store.writeOrKeep((writer) => {
      writer.deleteUser(name);
      writer.deletePlaces(name);
    });
    if (!durable) throw notDurable("The user is removed");
  }

  /** Ends everything that the user has open, but perhaps one session. */
  endUser(name: string, keep?: string): void {
    const { login, signals, sessions } = this.#parts;
    login.forget(name);
    sessions.closeOf(`user:${name}`, keep);
    signals.end(`user:${name}`);
  }

  /** Stores a stronger hash of the same password, when there is one; a disk that refuses is no reason to keep the user out. */
  rehash(user: StoredUser, hash: string | null): StoredUser {
    if (hash === null) return user;
    const { store, users } = this.#parts;
    const present = users.get(user.name) ?? user;
    const next = { ...present, hash };
    users.keep(next);
    store.writeOrKeep((writer) => writer.putUser(next));
    return next;
  }

  /** Refuses to change the user that the configuration names. @throws {AccessError} `conflict` */
  refuseConfigured(name: string): void {
    if (!this.#parts.configured.isUser(name)) return;
    throw new AccessError("conflict", `Cannot change '${name}' here as the configuration names this user`, {
      field: "name",
      fix: "Change [opcua].user_name and user_password in the configuration",
    });
  }

  /** Streams and connections begin anew with what the user may now; browser sessions stay logged in. */
  #endConnections(name: string): void {
    const { sessions, signals } = this.#parts;
    for (const { id, owner } of sessions.list()) if (owner === `user:${name}`) signals.end(`session:${id}`);
    signals.end(`user:${name}`);
  }

  #stored(name: string, what: string): StoredUser {
    const user = this.#parts.users.get(name);
    if (user === undefined) throw new AccessError("not_found", `Cannot ${what} the user '${name}' as there is none`);
    return user;
  }

  #refuseConfiguredName(name: string): void {
    if (this.#parts.configured.userName?.toLowerCase() !== name.toLowerCase()) return;
    throw new AccessError("conflict", `Cannot add the user '${name}' as the configuration names this user`, {
      field: "name",
    });
  }

  /** Somebody must be left who can undo a mistake. */
  #refuseLastAdmin(name: string): void {
    const { configured, users } = this.#parts;
    if (configured.any || users.list().some((user) => user.name !== name && isActiveAdmin(user))) return;
    throw new AccessError("conflict", `Cannot take the rights of '${name}' away as this is the last admin`, {
      fix: "Make another admin first",
    });
  }

  async #hash(password: string): Promise<string> {
    try {
      return await this.#parts.login.hash(password);
    } catch (error) {
      if (!(error instanceof HashGateFullError)) throw error;
      throw new AccessError("throttled", error.message, { retryAfterMs: error.retryAfterMs });
    }
  }
}

function isActiveAdmin({ role, disabled }: StoredUser): boolean {
  return role === "admin" && !disabled;
}
