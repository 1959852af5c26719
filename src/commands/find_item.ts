import type { DownlinkEvent, QueuedDownlink } from "./commands.ts";
import type { StoredCommand } from "./command_store.ts";

/** What can be said of a command that was perhaps handed to the network server. */
export type FoundItem =
  /** It is this one. */
  | { readonly kind: "queued"; readonly item: QueuedDownlink }
  /** It left the queue, and this is what was told of it. */
  | { readonly kind: "heard"; readonly id: string }
  /** Nothing of it was seen: it may still come. */
  | { readonly kind: "nothing" }
  /** Several could be it. */
  | { readonly kind: "several" };

/**
 * Looks for the item of a command whose id got lost between handing it over and noting it. The network server makes the
 * ids itself, so that items are told apart by what they hold and by when they came: it must be the only one that was not
 * there before, that no other command of ours is known by, and that holds the same.
 *
 * @param heard what was told of downlinks of the device
 * @param isOurs whether an id is known as that of another command
 */
export function findItem(
  { command, payload, intention }: StoredCommand,
  queue: readonly QueuedDownlink[],
  heard: readonly DownlinkEvent[],
  isOurs: (queueItemId: string) => boolean,
): FoundItem {
  const before = new Set(intention?.before);
  const strange = queue.filter(({ id }) => !before.has(id) && !isOurs(id));
  const fitting = strange.filter(({ fPort, confirmed, dataHex }) =>
    fPort === command.fPort && confirmed === command.confirmed &&
    // what ChirpStack's codec makes of an object is not known here
    ("object" in payload || dataHex.toLowerCase() === payload.data.toHex())
  );
  const told = new Set(
    heard.filter(({ queueItemId, timeUs, kind }) =>
      timeUs >= (intention?.timeUs ?? 0) && !before.has(queueItemId) && !isOurs(queueItemId) &&
      (command.confirmed || (kind !== "ack" && kind !== "nack"))
    ).map(({ queueItemId }) => queueItemId),
  );
  const [only] = fitting;
  if (only !== undefined) {
    // what was told of another id may have been ours as well
    const others = [...told].some((id) => id !== only.id);
    return fitting.length === 1 && !others ? { kind: "queued", item: only } : { kind: "several" };
  }
  const [id] = told;
  if (id === undefined) return { kind: "nothing" };
  // others use this device, too: which of them was told of cannot be known
  return told.size === 1 && strange.length === 0 && before.size === 0 ? { kind: "heard", id } : { kind: "several" };
}
