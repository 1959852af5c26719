import { getLogger } from "@logtape/logtape";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import {
  type Access,
  AccessError,
  type AccessSettings,
  type Authentication,
  type NewToken,
  type PairingInfo,
  type PresentedCertificate,
  type SessionInfo,
  type TokenGrant,
  type TokenInfo,
  type UserInfo,
} from "./access.ts";
import { ConfiguredCredentials } from "./configured_credentials.ts";
import { CredentialSignals } from "./credential_signals.ts";
import { Doorkeeper, hasEnded } from "./doorkeeper.ts";
import { KnownPlaces } from "./known_places.ts";
import { notDurable } from "./not_durable.ts";
import { PairingDesk } from "./pairing_desk.ts";
import type { HashCost } from "./password_hash.ts";
import { PasswordLogin } from "./password_login.ts";
import type { Origin, Principal } from "./principal.ts";
import { SessionBook } from "./session_book.ts";
import { removeStaleSetupCode, SetupCode } from "./setup_code.ts";
import type { AccessStore, StoredToken, StoredUser } from "./store.ts";
import { Throttle } from "./throttle.ts";
import { checkGrant, endOf, TokenBook, tokenInfo } from "./token_book.ts";
import { UserBook } from "./user_book.ts";
import { UserChanges } from "./user_changes.ts";

const log = getLogger(["edgekeep", "access"]);

/** When something was last used is stored at most so often, µs: a memory card wears out. */
const STORE_USE_EVERY_US = 5 * 60 * 1_000_000;
/** The longest time between two looks at what is over, ms. */
const LOOK_EVERY_MS = 60_000;

/** What the service is made of. */
export interface AccessParts {
  readonly dataDir: string;
  readonly settings: AccessSettings;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly hashCost: HashCost;
  readonly store: AccessStore;
  /** Of the store: digests of codes and marks are worth nothing without it. */
  readonly key: Uint8Array;
  /** See `OpenedStore.damage`. */
  readonly damage: string | null;
}

/** {@link Access} over the store: memory decides, the file follows. */
export class AccessService implements Access {
  readonly #parts: AccessParts;
  readonly #store: AccessStore;
  readonly #configured: ConfiguredCredentials;
  readonly #signals = new CredentialSignals();
  readonly #throttle: Throttle;
  readonly #places: KnownPlaces;
  readonly #users: UserBook;
  readonly #tokens: TokenBook;
  readonly #sessions: SessionBook;
  readonly #pairing: PairingDesk;
  readonly #changes: UserChanges;
  readonly #door: Doorkeeper;
  #damage: string | null;
  #setup: SetupCode | null = null;
  #claiming = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #useStoredUs: number;
  #stopped = false;

  private constructor(parts: AccessParts, configured: ConfiguredCredentials) {
    const { store, nowUs, random, settings } = parts;
    const state = store.load();
    this.#parts = parts;
    this.#store = store;
    this.#configured = configured;
    this.#damage = parts.damage;
    this.#useStoredUs = nowUs();
    this.#throttle = new Throttle(nowUs);
    this.#places = new KnownPlaces(this.#throttle, nowUs, state.places);
    const login = new PasswordLogin(nowUs, parts.hashCost);
    this.#users = new UserBook(store, state.users);
    this.#tokens = new TokenBook(store, random, state.tokens);
    this.#sessions = new SessionBook({
      store,
      random,
      nowUs,
      idleMs: settings.sessionIdleMs,
      onEnd: (id) => this.#signals.end(`session:${id}`),
      deviceEndUs: (owner) => this.#tokens.deviceEndUs(owner),
    }, state.sessions);
    this.#pairing = new PairingDesk({ ...parts, throttle: this.#throttle, tokens: this.#tokens }, state.pairings);
    this.#changes = new UserChanges({
      store,
      nowUs,
      configured,
      users: this.#users,
      sessions: this.#sessions,
      pairing: this.#pairing,
      signals: this.#signals,
      login,
      places: this.#places,
    });
    this.#door = new Doorkeeper({
      nowUs,
      throttle: this.#throttle,
      places: this.#places,
      login,
      configured,
      signals: this.#signals,
      users: this.#users,
      tokens: this.#tokens,
      sessions: this.#sessions,
      changes: this.#changes,
    });
  }

  /** Makes the service; sessions of configured credentials that changed while it was not running are ended first. */
  static async start(parts: AccessParts): Promise<AccessService> {
    const configured = new ConfiguredCredentials(parts.settings, parts.key, parts.hashCost);
    const service = new AccessService(parts, configured);
    const waiting = service.#sessions.list().filter(({ ownerMark }) => ownerMark !== null);
    if (waiting.length > 0) await configured.makeMarks();
    for (const { id, owner, ownerMark } of waiting) {
      if (!configured.markFits(owner, ownerMark)) service.#sessions.close(id);
    }
    if (waiting.length === 0) service.#makeMarks();
    for (const { id, owner } of service.#sessions.list()) {
      if (service.#door.owner(owner) === null) service.#sessions.close(id);
    }
    service.#settle();
    if (service.#setup === null) removeStaleSetupCode(parts.dataDir);
    service.#arm();
    return service;
  }

  get state(): Access["state"] {
    if (this.#damage !== null) return "damaged";
    return this.#setup === null ? "open" : "unclaimed";
  }

  password(name: string, password: string, origin: Origin): Promise<Authentication> {
    return this.#door.password(name, password, origin);
  }

  token(token: string, origin: Origin): Authentication {
    return this.#door.token(token, origin);
  }

  certificate(fingerprint: string, origin: Origin): Authentication {
    return this.#door.certificate(fingerprint, origin);
  }

  presented(fingerprint: string, origin: Origin): PresentedCertificate {
    return this.#door.presented(fingerprint, origin);
  }

  session(cookie: string, origin: Origin): Authentication {
    return this.#door.session(cookie, origin);
  }

  openSession(principal: Principal, origin: Origin, userAgent: string): { cookie: string; info: SessionInfo } {
    const opened = this.#door.openSession(principal, origin, userAgent);
    this.#arm();
    return opened;
  }

  closeSession(id: string): boolean {
    return this.#sessions.close(id);
  }

  sessions(): SessionInfo[] {
    return this.#door.sessionList();
  }

  revoked(principal: Principal): AbortSignal {
    return this.#signals.of(principal);
  }

  users(): UserInfo[] {
    const configured: UserInfo[] = this.#configured.userName === null ? [] : [{
      name: this.#configured.userName,
      role: "admin",
      disabled: false,
      source: "config",
      createdUs: null,
      lastUsedUs: this.#door.configUserUsedUs,
      passwordChangedUs: null,
      certificates: [],
    }];
    return [...configured, ...this.#users.list().filter(({ name }) => !this.#configured.isUser(name)).map(userInfo)];
  }

  async addUser(user: { readonly name: string; readonly password: string; readonly role: UserInfo["role"] }) {
    this.#refuseStopped();
    const added = await this.#changes.add(user);
    this.#settle();
    return userInfo(added);
  }

  async setUser(name: string, change: Parameters<Access["setUser"]>[1]): Promise<UserInfo> {
    this.#refuseStopped();
    return userInfo(await this.#changes.set(name, change));
  }

  removeUser(name: string): void {
    this.#refuseStopped();
    try {
      this.#changes.remove(name);
    } finally {
      this.#settle();
    }
  }

  async changePassword(name: string, old: string, next: string, origin: Origin, keep?: string): Promise<void> {
    this.#refuseStopped();
    this.#changes.refuseConfigured(name);
    const proof = await this.password(name, old, origin);
    if (!proof.ok) {
      if (proof.reason === "throttled") throw throttled(proof.retryAfterMs);
      throw new AccessError("permission_denied", "Cannot change the password as the old one is not right", {
        field: "old",
      });
    }
    await this.#changes.set(name, { password: next }, keep?.replace(/^session:/, ""));
  }

  tokens(): TokenInfo[] {
    return this.#tokens.list();
  }

  createToken(grant: TokenGrant, by: string): NewToken {
    this.#refuseStopped();
    checkGrant(grant);
    const { secret, row } = this.#tokens.make("api", grant, by, this.#parts.nowUs());
    this.#tokens.put("make a token", row);
    this.#settle();
    this.#arm();
    return { token: secret, info: tokenInfo(row) };
  }

  renewToken(id: string, lifetimeSeconds: number | null): TokenInfo {
    this.#refuseStopped();
    const expiresUs = endOf(lifetimeSeconds, this.#parts.nowUs());
    const row = { ...this.#storedToken(id, "renew"), expiresUs };
    this.#tokens.put("renew the token", row);
    this.#arm();
    return tokenInfo(row);
  }

  revokeToken(id: string): TokenInfo {
    this.#refuseStopped();
    const row = this.#storedToken(id, "revoke");
    this.#tokens.drop(id);
    this.#endToken(id);
    this.#pairing.revokeOf(row.label);
    const durable = this.#store.writeOrKeep((writer) => writer.deleteToken(id));
    this.#settle();
    if (!durable) throw notDurable("The token is revoked");
    return tokenInfo(row);
  }

  pairings(): PairingInfo[] {
    return this.#pairing.list();
  }

  startPairing(grant: TokenGrant, by: string): { code: string; info: PairingInfo } {
    this.#refuseStopped();
    const started = this.#pairing.start(grant, by);
    this.#arm();
    return started;
  }

  revokePairing(id: string): PairingInfo {
    this.#refuseStopped();
    return this.#pairing.revoke(id);
  }

  claimPairing(code: string, origin: Origin): NewToken {
    this.#refuseStopped();
    const claimed = this.#pairing.claim(code, origin);
    this.#settle();
    this.#arm();
    return claimed;
  }

  async claimSetup(code: string, user: { readonly name: string; readonly password: string }, origin: Origin) {
    this.#refuseStopped();
    const setup = this.#setup;
    if (setup === null || this.#claiming) throw alreadyClaimed();
    const attempt = this.#throttle.begin(origin.address, null);
    if (!attempt.ok) throw throttled(attempt.waitMs);
    if (!setup.fits(code)) {
      throw new AccessError("permission_denied", "Cannot make the first admin as the set-up code is not valid", {
        field: "code",
        fix: "The code is in the gateway's log and in the file setup-code in data_dir",
      });
    }
    attempt.succeeded();
    this.#claiming = true;
    try {
      const added = await this.#changes.add({ ...user, role: "admin" }, () => {
        if (this.#setup !== setup) throw alreadyClaimed();
      });
      this.#settle();
      return userInfo(added);
    } finally {
      this.#claiming = false;
    }
  }

  configure(settings: AccessSettings): void {
    this.#refuseStopped();
    const nameBefore = this.#configured.userName;
    const changed = this.#configured.replace(settings);
    this.#sessions.idleMs = settings.sessionIdleMs;
    if (changed.user) {
      this.#door.forgetConfigUser();
      for (const name of new Set([nameBefore, this.#configured.userName])) {
        if (name === null) continue;
        // a stored user of that name is shadowed from now on
        this.#changes.endUser(name);
        this.#sessions.closeOf(`config:${name}`);
        this.#places.forget(name);
        this.#pairing.revokeOf(name);
      }
    }
    if (changed.controlToken) {
      this.#pairing.revokeOf("control-token");
      this.#signals.end("control-token");
      this.#sessions.closeOf("control-token");
      this.#places.forget("control-token");
    }
    if (changed.user || changed.controlToken) this.#makeMarks();
    this.#settle();
    this.#arm();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#door.close();
    clearTimeout(this.#timer);
    this.#storeUse();
    this.#store.catchUp();
    this.#store.close();
  }

  /** Ends what is over and stores what was used. Runs by itself; also whenever somebody wants it to be now. */
  sweep(): void {
    if (this.#stopped) return;
    const nowUs = this.#parts.nowUs();
    this.#sessions.expire();
    this.#pairing.expire();
    for (const { id, expiresUs } of this.#tokens.ends()) if (hasEnded(expiresUs, nowUs)) this.#endToken(id);
    this.#store.catchUp();
    if (Math.abs(nowUs - this.#useStoredUs) >= STORE_USE_EVERY_US) this.#storeUse();
    this.#arm();
  }

  #storedToken(id: string, what: string): StoredToken {
    const row = this.#tokens.get(id);
    if (row === undefined) throw new AccessError("not_found", `Cannot ${what} the token '${id}' as there is none`);
    return row;
  }

  #endToken(id: string): void {
    this.#signals.end(`token:${id}`);
    this.#sessions.closeOf(`token:${id}`);
  }

  /** Sees after a change whether anybody can get in now. */
  #settle(): void {
    const { faults, feed, dataDir, random } = this.#parts;
    const stored = this.#users.size > 0 || this.#tokens.size > 0;
    if (this.#damage !== null && stored) {
      this.#damage = null;
      this.#store.writeOrKeep((writer) => writer.deleteMeta("damaged"));
      faults.clear("access_store_damaged");
      feed.add("info", "access_store_renewed", "gateway", "Users or tokens were made anew after the store was lost");
    }
    const closed = this.#damage === null && !stored && !this.#configured.any;
    if (closed && this.#setup === null) this.#setup = new SetupCode(dataDir, random);
    if (!closed && this.#setup !== null) {
      this.#setup.remove();
      this.#setup = null;
    }
    const shadowed = this.#configured.userName !== null && this.#users.get(this.#configured.userName) !== undefined;
    if (shadowed) {
      faults.raise("config_user_shadows_stored", `'${this.#configured.userName}' is stored, and configured as well`);
    } else {
      faults.clear("config_user_shadows_stored");
    }
  }

  #makeMarks(): void {
    this.#configured.makeMarks().then(
      (marks) => {
        if (this.#stopped) return;
        for (const [owner, mark] of marks) this.#sessions.store(owner, mark);
      },
      (error) => log.error("Cannot mark the configured credentials: {error}", { event: "access_mark_failed", error }),
    );
  }

  #storeUse(): void {
    this.#useStoredUs = this.#parts.nowUs();
    const users: StoredUser[] = this.#users.takeUsed();
    const tokens = this.#tokens.takeUsed();
    const sessions = this.#sessions.takeUsed();
    const places = this.#places.takeUsed();
    if (users.length + tokens.length + sessions.length + places.length === 0) return;
    try {
      this.#store.write("store when credentials were used", (writer) => {
        for (const user of users) writer.putUser(user);
        for (const token of tokens) writer.putToken(token);
        for (const session of sessions) writer.putSession(session);
        for (const place of places) writer.putPlace(place);
        writer.deletePlacesBefore(this.#places.oldestUs());
      });
    } catch {
      // the fault says it; the times of use alone are lost
    }
  }

  /** Looks again when the next thing is over. */
  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const nowUs = this.#parts.nowUs();
    let nextUs = Math.min(nowUs + LOOK_EVERY_MS * 1000, this.#pairing.nextEndUs());
    for (const { expiresUs } of this.#tokens.ends()) if (expiresUs > nowUs) nextUs = Math.min(nextUs, expiresUs);
    for (const session of this.#sessions.list()) nextUs = Math.min(nextUs, this.#sessions.endOf(session));
    this.#timer = setTimeout(() => this.sweep(), Math.max(10, Math.ceil((nextUs - nowUs) / 1000)));
  }

  #refuseStopped(): void {
    if (this.#stopped) {
      throw new AccessError("unavailable", "Cannot change users and tokens as the gateway is stopping");
    }
  }
}

function throttled(retryAfterMs = 1000): AccessError {
  return new AccessError("throttled", "Cannot check the credential now as too many were wrong", { retryAfterMs });
}

function alreadyClaimed(): AccessError {
  return new AccessError("conflict", "Cannot make the first admin as somebody can get in already");
}

function userInfo(user: StoredUser): UserInfo {
  const { hash: _, ...info } = user;
  return { ...info, source: "store" };
}
