import type { Principal } from "./principal.ts";

/** Never aborted: these end with the process. */
const standing = new AbortController().signal;
const ended = AbortSignal.abort();

/**
 * One AbortSignal for each credential, aborted when it ends. A principal is bound to the signal of the moment it was let
 * in: one that was let in just before the end does not get the signal of what comes after.
 */
export class CredentialSignals {
  readonly #controllers = new Map<string, AbortController>();
  readonly #issued = new WeakMap<Principal, AbortSignal>();

  /** Binds the principal to its credential's signal and gives it back. */
  issue(principal: Principal): Principal {
    let controller = this.#controllers.get(principal.credential);
    if (controller === undefined) this.#controllers.set(principal.credential, controller = new AbortController());
    this.#issued.set(principal, controller.signal);
    return principal;
  }

  /**
   * The signal of a principal. One that was not issued here (the peer of the unix socket, a loopback client, a copy) has
   * the signal of its credential, and an ended one when that credential is not in use.
   */
  of(principal: Principal): AbortSignal {
    const issued = this.#issued.get(principal);
    if (issued !== undefined) return issued;
    if (principal.kind === "local" || principal.kind === "loopback") return standing;
    return this.#controllers.get(principal.credential)?.signal ?? ended;
  }

  /** Ends a credential; who is let in afterwards has a new signal. */
  end(credential: string): void {
    const controller = this.#controllers.get(credential);
    if (controller === undefined) return;
    this.#controllers.delete(credential);
    controller.abort(new DOMException("The credential has ended", "AbortError"));
  }
}
