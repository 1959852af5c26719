import { isRole } from "../policy/roles.ts";
import { AccessError } from "./access.ts";
import type { AccessStore, StoredUser, StoreWriter } from "./store.ts";

/** More users than any appliance has. */
const MAX_USERS = 500;
const MAX_CERTIFICATES = 16;

/** The stored users. */
export class UserBook {
  readonly #store: AccessStore;
  readonly #users = new Map<string, StoredUser>();
  readonly #byCertificate = new Map<string, string>();
  readonly #used = new Set<string>();

  constructor(store: AccessStore, users: readonly StoredUser[]) {
    this.#store = store;
    for (const user of users) this.#keep(user);
  }

  get size(): number {
    return this.#users.size;
  }

  /** The user with exactly this name. */
  get(name: string): StoredUser | undefined {
    const user = this.#users.get(name.toLowerCase());
    return user?.name === name ? user : undefined;
  }

  /** Whom the certificate with this fingerprint stands for. */
  byCertificate(fingerprint: string): StoredUser | undefined {
    return this.get(this.#byCertificate.get(normaliseFingerprint(fingerprint) ?? "") ?? "");
  }

  /** All, by name. */
  list(): StoredUser[] {
    return [...this.#users.values()].toSorted((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Refuses a name that is taken, also in other case, or one more user than there may be. @throws {AccessError} `conflict` */
  checkFree(name: string): void {
    const taken = this.#users.get(name.toLowerCase());
    if (taken !== undefined) {
      throw new AccessError("conflict", `Cannot add the user '${name}' as '${taken.name}' is there already`, {
        field: "name",
      });
    }
    if (this.#users.size >= MAX_USERS) {
      throw new AccessError("conflict", `Cannot add a user as there are ${MAX_USERS} already`);
    }
  }

  /** Fingerprints as they are stored, each once and of nobody else. @throws {AccessError} `bad_params` or `conflict` */
  checkCertificates(fingerprints: readonly string[], owner: string): string[] {
    if (fingerprints.length > MAX_CERTIFICATES) {
      throw new AccessError("bad_params", `Cannot give a user more than ${MAX_CERTIFICATES} certificates`, {
        field: "certificates",
      });
    }
    return [
      ...new Set(fingerprints.map((text) => {
        const fingerprint = normaliseFingerprint(text);
        if (fingerprint === null) {
          throw new AccessError(
            "bad_params",
            "Cannot use the certificate as it must be a SHA-256 fingerprint: AB:CD:…",
            {
              field: "certificates",
            },
          );
        }
        const other = this.#byCertificate.get(fingerprint);
        if (other !== undefined && other !== owner) {
          throw new AccessError("conflict", `Cannot give the certificate to '${owner}' as it stands for '${other}'`, {
            field: "certificates",
          });
        }
        return fingerprint;
      })),
    ];
  }

  /** Stores a new or changed user, and `also` with it. @throws {AccessError} `unavailable` */
  put(what: string, user: StoredUser, also: (writer: StoreWriter) => void = () => {}): void {
    this.#store.write(what, (writer) => {
      writer.putUser(user);
      also(writer);
    });
    this.#keep(user);
  }

  /** Takes a user or a change of one into memory alone; the caller stores it. */
  keep(user: StoredUser): void {
    this.#keep(user);
  }

  /** Forgets a user in memory; the caller stores it. */
  drop(name: string): void {
    const user = this.get(name);
    if (user === undefined) return;
    this.#users.delete(name.toLowerCase());
    this.#used.delete(name);
    for (const fingerprint of user.certificates) this.#byCertificate.delete(fingerprint);
  }

  /** Notes that the user was here; stored with the next {@link takeUsed}. */
  touch(name: string, nowUs: number): void {
    const user = this.get(name);
    if (user === undefined) return;
    this.#users.set(name.toLowerCase(), { ...user, lastUsedUs: nowUs });
    this.#used.add(name);
  }

  /** Users that were here since the last call. */
  takeUsed(): StoredUser[] {
    const used = [...this.#used].flatMap((name) => this.get(name) ?? []);
    this.#used.clear();
    return used;
  }

  #keep(user: StoredUser): void {
    this.drop(user.name);
    this.#users.set(user.name.toLowerCase(), user);
    for (const fingerprint of user.certificates) this.#byCertificate.set(fingerprint, user.name);
  }
}

/** Upper-case hex pairs with colons, or `null` when the text is no SHA-256 fingerprint. */
export function normaliseFingerprint(text: string): string | null {
  const hex = text.slice(0, 128).replaceAll(":", "").toUpperCase();
  return /^[0-9A-F]{64}$/.test(hex) ? (hex.match(/../g) ?? []).join(":") : null;
}

/** Refuses what is no role. @throws {AccessError} `bad_params` */
export function checkRole(role: string): void {
  if (!isRole(role)) {
    throw new AccessError("bad_params", `Cannot use the role as it must be viewer, operator, engineer or admin`, {
      field: "role",
    });
  }
}
