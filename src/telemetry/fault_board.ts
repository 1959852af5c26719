import { faultCatalogue, type FaultCode, type FaultSeverity } from "./fault_catalogue.ts";

/** A fault that is present now. */
export interface ActiveFault {
  readonly code: FaultCode;
  /** What it concerns: a DevEUI, a path, an address; empty when the whole gateway. */
  readonly subject: string;
  readonly title: string;
  readonly severity: FaultSeverity;
  /** What happened, to what, in words; never a secret. */
  readonly detail: string;
  readonly cause: string;
  readonly remedy: string;
  /** When it was raised, µs since the epoch. */
  readonly sinceUs: number;
}

/** Told of each fault that appears, changes its detail, or goes. */
export type FaultListener = (fault: ActiveFault, active: boolean) => void;

/**
 * The faults that are present now. Rooms raise and clear them by code and subject; health, logs, web and OPC UA show
 * them with the words of the one catalogue.
 */
export class FaultBoard {
  readonly #active = new Map<string, ActiveFault>();
  readonly #listeners = new Set<FaultListener>();
  readonly #nowUs: () => number;

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  /** Raises a fault. Raising it again keeps `sinceUs`, and tells listeners only when the detail changed. */
  raise(code: FaultCode, detail: string, subject = ""): void {
    const key = `${code}\n${subject}`;
    const known = this.#active.get(key);
    if (known?.detail === detail) return;
    const { title, severity, cause, remedy } = faultCatalogue[code];
    const sinceUs = known?.sinceUs ?? this.#nowUs();
    const fault: ActiveFault = { code, subject, title, severity, detail, cause, remedy, sinceUs };
    this.#active.set(key, fault);
    for (const listener of this.#listeners) listener(fault, true);
  }

  /** Takes a fault off the board. Does nothing when it is not there. */
  clear(code: FaultCode, subject = ""): void {
    const key = `${code}\n${subject}`;
    const fault = this.#active.get(key);
    if (fault === undefined) return;
    this.#active.delete(key);
    for (const listener of this.#listeners) listener(fault, false);
  }

  /** Present faults, the most severe first, then the oldest. */
  list(): ActiveFault[] {
    const rank = { error: 0, warning: 1, note: 2 };
    return [...this.#active.values()].toSorted((a, b) => rank[a.severity] - rank[b.severity] || a.sinceUs - b.sinceUs);
  }

  /** Calls `listener` for every change until the returned function is called. */
  subscribe(listener: FaultListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
