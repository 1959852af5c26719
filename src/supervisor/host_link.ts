import { type Host, type HostAnswer, type HostCallName, type HostCalls, HostRefusal } from "./role_protocol.ts";

/** The worker's end of the calls to the supervisor: each waits for the answer with its number. */
export class HostLink implements Host {
  readonly #post: (id: number, name: HostCallName, request: unknown) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  constructor(post: (id: number, name: HostCallName, request: unknown) => void) {
    this.#post = post;
  }

  /** Rejects with a {@link HostRefusal}. */
  async call<K extends HostCallName>(name: K, request: HostCalls[K]["request"]): Promise<HostCalls[K]["answer"]> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#post(id, name, request);
    return await waiting.promise as HostCalls[K]["answer"];
  }

  /** Takes the answer to a call; one that nobody waits for is dropped. */
  settle(id: number, answer: HostAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new HostRefusal(answer.code, answer.message));
  }
}
