import type { NodeState } from "../../mesh/state.ts";
import { type AcceptedRevocation, type AdminTrust, newerRevocation, openRevocation } from "./admin_word.ts";
import type { PeerPins, StoredValue } from "./peer_files.ts";

/** What the hub tried to take back. */
export type TakenBack = "downgrade" | "revocation_invalid" | "revocation_old" | "revocation_forked";

/** What the hub said once and may not take back: keys that it does not know, and an admin's revocations. */
export class KeptPins {
  readonly #stored: StoredValue<PeerPins>;
  readonly #trust: AdminTrust;
  #pins: PeerPins | null = null;
  #isStored = true;
  #revocation: AcceptedRevocation | null = null;

  constructor(stored: StoredValue<PeerPins>, trust: AdminTrust) {
    this.#stored = stored;
    this.#trust = trust;
  }

  /** Reads what is on disk. Rejects when that cannot be read. */
  async load(): Promise<void> {
    this.#pins = await this.#stored.read();
    const { adminKey, hub } = this.#trust;
    if (this.#pins === null || this.#pins.revocation === null || adminKey === null) return;
    try {
      this.#revocation = openRevocation(this.#pins.revocation, hub, adminKey);
    } catch {
      // of an admin key that root replaced since
    }
  }

  get mode(): "end-to-end" | "hub" {
    return this.#pins?.psk_mode ?? "end-to-end";
  }

  get revocation(): AcceptedRevocation | null {
    return this.#revocation;
  }

  /** Takes a state over; answers what it tried to take back. The stricter word counts at once, stored or not. */
  take(state: NodeState): readonly TakenBack[] {
    const mode = this.#pins?.psk_mode === "end-to-end" ? "end-to-end" : state.psk_mode;
    const { revocation, problem } = newerRevocation(this.#revocation, state.revocation, this.#trust);
    const next: PeerPins = { psk_mode: mode, revocation: revocation?.text ?? null };
    if (this.#pins?.psk_mode !== next.psk_mode || this.#pins.revocation !== next.revocation) this.#isStored = false;
    this.#pins = next;
    this.#revocation = revocation;
    return [...mode === state.psk_mode ? [] : ["downgrade" as const], ...problem === null ? [] : [problem]];
  }

  /** Stores what is not stored yet. Rejects when that failed. */
  async store(): Promise<void> {
    if (this.#isStored || this.#pins === null) return;
    await this.#stored.write(this.#pins);
    this.#isStored = true;
  }
}
