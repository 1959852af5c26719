import { timingSafeEqual } from "node:crypto";
import type { AccessSettings } from "./access.ts";
import { type HashCost, secretMark } from "./password_hash.ts";
import { sameSecret } from "./same_secret.ts";

/** Which configured credentials are other ones than before. */
export interface CredentialChange {
  readonly user: boolean;
  readonly controlToken: boolean;
}

/** The credentials that the configuration names: never stored, known by a mark across restarts. */
export class ConfiguredCredentials {
  readonly #salt: Uint8Array;
  readonly #cost: HashCost;
  #settings: AccessSettings;
  #marks = new Map<string, Uint8Array>();
  #generation = 0;

  /** @param salt of the marks: the store's own */
  constructor(settings: AccessSettings, salt: Uint8Array, cost: HashCost) {
    this.#settings = settings;
    this.#salt = salt;
    this.#cost = cost;
  }

  /** Name of the configured user, `null` without one. */
  get userName(): string | null {
    return this.#settings.configUser?.name ?? null;
  }

  /** Whether there is any. */
  get any(): boolean {
    return this.#settings.configUser !== null || this.#settings.controlToken !== null;
  }

  get controlToken(): string | null {
    return this.#settings.controlToken;
  }

  isUser(name: string): boolean {
    return this.#settings.configUser?.name === name;
  }

  /** Whether the password is the configured user's. */
  passwordFits(password: string): boolean {
    return this.#settings.configUser !== null && sameSecret(password, this.#settings.configUser.password);
  }

  tokenFits(token: string): boolean {
    return this.#settings.controlToken !== null && sameSecret(token, this.#settings.controlToken);
  }

  /** Takes other settings; their marks must be made anew. */
  replace(settings: AccessSettings): CredentialChange {
    const before = this.#settings;
    this.#settings = settings;
    const change = {
      user: before.configUser?.name !== settings.configUser?.name ||
        before.configUser?.password !== settings.configUser?.password,
      controlToken: before.controlToken !== settings.controlToken,
    };
    if (change.user || change.controlToken) {
      this.#marks = new Map();
      this.#generation++;
    }
    return change;
  }

  /** Makes the marks of the present credentials; answers them by owner. */
  async makeMarks(): Promise<ReadonlyMap<string, Uint8Array>> {
    const { configUser, controlToken } = this.#settings;
    const generation = this.#generation;
    const made = new Map<string, Uint8Array>();
    if (configUser !== null) {
      const text = JSON.stringify(["user", configUser.name, configUser.password]);
      made.set(`config:${configUser.name}`, await secretMark(text, this.#salt, this.#cost));
    }
    if (controlToken !== null) {
      made.set("control-token", await secretMark(JSON.stringify(["token", controlToken]), this.#salt, this.#cost));
    }
    if (generation !== this.#generation) return new Map();
    this.#marks = made;
    return made;
  }

  /** The mark of an owner; `undefined` while it is not made. */
  mark(owner: string): Uint8Array | undefined {
    return this.#marks.get(owner);
  }

  /** Whether a stored mark is that of the present credential. */
  markFits(owner: string, mark: Uint8Array | null): boolean {
    const present = this.#marks.get(owner);
    return present !== undefined && mark !== null && mark.length === present.length && timingSafeEqual(mark, present);
  }
}
