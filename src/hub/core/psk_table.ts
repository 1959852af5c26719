import { toBase64 } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { hubPsk, pskBytes } from "../../mesh/psk.ts";

/** One end of a pair. */
export interface PairEnd {
  readonly id: NodeId;
  readonly slot: number;
}

/**
 * The hub's parts of the pairs' keys. Deriving one takes 10 µs and a state of 1,000 peers needs 999: they are kept, 32
 * bytes a pair, in the row of the higher slot.
 */
export class PskTable {
  readonly #master: Uint8Array;
  readonly #rows: { readonly keys: Buffer; readonly ids: Float64Array }[] = [];

  /** @param master the hub's secret, 32 bytes */
  constructor(master: Uint8Array) {
    this.#master = master;
  }

  /** base64 of the pair's part with this id. */
  text(a: PairEnd, b: PairEnd, pskId: number): string {
    const [low, high] = a.slot < b.slot ? [a.slot, b.slot] : [b.slot, a.slot];
    const row = this.#rows[high] ??= {
      keys: Buffer.alloc(high * pskBytes),
      ids: new Float64Array(high).fill(-1),
    };
    const at = low * pskBytes;
    if (row.ids[low] !== pskId) {
      row.keys.set(hubPsk(this.#master, a.id, b.id, pskId), at);
      row.ids[low] = pskId;
    }
    return row.keys.toString("base64", at, at + pskBytes);
  }

  /** As {@link text}, for a pair or an id that will not be asked for again. */
  once(a: NodeId, b: NodeId, pskId: number): string {
    return toBase64(hubPsk(this.#master, a, b, pskId));
  }

  /** Another node gets the slot. */
  forget(slot: number): void {
    delete this.#rows[slot];
    for (const row of this.#rows) if (row !== undefined && slot < row.ids.length) row.ids[slot] = -1;
  }
}
