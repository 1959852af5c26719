import { severityOf } from "../../tags/quality.ts";
import type { DeviceDefinition } from "../../config/topology.ts";
import { matchesGlob } from "../../tags/glob.ts";
import { type Tag, type TagId, tagId } from "../../tags/tag.ts";
import type { TagStore } from "../../tags/tag_store.ts";
import { requirePrincipal } from "../asker.ts";
import { answers, streams } from "../define.ts";
import { type Operation, OperationError } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";
import { viewChange, viewTag } from "../views.ts";
import { takeChanges } from "../take_changes.ts";
import { Wake } from "../wake.ts";

/** Changes that come within this time go out together, ms. */
const GATHER_MS = 50;

/** Live values, and forcing them. */
export function tagOperations(parts: OperationParts): Operation[] {
  const { tags } = parts;
  const view = (tag: Tag, devices = deviceMap(parts)) => viewTag(tag, tags, devices.get(tag.definition.group));
  return [
    answers("tags.list", ({ pattern, forced, limit, cursor }) => {
      const matching = [...tags.list()].filter(({ id }) =>
        (pattern === undefined || matchesGlob(pattern, id)) &&
        (forced === undefined || tags.isForced(id) === forced)
      ).sort((a, b) => (a.id < b.id ? -1 : 1));
      const behind = cursor === undefined ? matching : matching.filter(({ id }) => id > cursor);
      const page = behind.slice(0, limit);
      const devices = deviceMap(parts);
      return {
        items: page.map((tag) => view(tag, devices)),
        total: matching.length,
        next: behind.length > limit ? page.at(-1)?.id ?? null : null,
      };
    }),
    answers("tags.read", ({ ids }) => {
      const devices = deviceMap(parts);
      const found = ids.map((id) => tags.get(idOf(id)));
      return {
        items: found.filter((tag) => tag !== undefined).map((tag) => view(tag, devices)),
        unknown: ids.filter((_, i) => found[i] === undefined),
      };
    }),
    streams("tags.subscribe", (params, { signal }) => subscribe(tags, params, signal)),
    answers("tags.force", ({ id, value }, context) => {
      const tag = requireTag(tags, id);
      context.note("value", value);
      context.note("before", String(tag.value).slice(0, 256));
      try {
        tags.force(tag.id, value, requirePrincipal(context).name);
      } catch (error) {
        if (error instanceof RangeError) throw new OperationError("bad_params", error.message, { field: "value" });
        throw error;
      }
      return view(tag);
    }),
    answers("tags.unforce", ({ id }) => {
      const tag = requireTag(tags, id);
      if (!tags.isForced(tag.id)) {
        throw new OperationError("conflict", `Cannot unforce '${tag.id}' as it is not forced`, { field: "id" });
      }
      tags.unforce(tag.id);
      return view(tag);
    }),
  ];
}

/** The tag with this id. */
export function findTag(tags: TagStore, id: string): Tag | undefined {
  return tags.get(idOf(id));
}

/** The tag with this id. Throws `not_found` when there is none. */
export function requireTag(tags: TagStore, id: string, field = "id"): Tag {
  const tag = findTag(tags, id);
  if (tag !== undefined) return tag;
  throw new OperationError("not_found", `There is no tag '${id}'`, {
    field,
    fix: "tags.list names the tags that there are",
  });
}

/** Raises and clears the fault of each forced tag, for as long as the store lives. */
export function reportForces({ tags, faults, feed }: OperationParts): void {
  tags.onForced(({ id, value, by }, active) => {
    const what = typeof value === "string" ? `'${value.slice(0, 64)}'` : String(value);
    if (active) {
      faults.raise("tag_forced", `${by} forced ${id} to ${what}`, id);
      feed.add("warning", "tag_forced", id, `${by} forced the value ${what}`);
    } else {
      faults.clear("tag_forced", id);
      feed.add("info", "tag_unforced", id, "The field's value is served again");
    }
  });
}

/** Whether the device of a tag is heard: some value of it is still usable. */
export function isHeard(tags: TagStore, group: string): boolean {
  for (const tag of tags.list()) {
    if (tag.definition.group !== group || tag.sourceTimeUs === 0 || tags.isForced(tag.id)) continue;
    if (severityOf(tag.quality) !== "bad") return true;
  }
  return false;
}

function idOf(id: string): TagId {
  const slash = id.indexOf("/");
  return tagId(id.slice(0, Math.max(0, slash)), id.slice(slash + 1));
}

function deviceMap({ devices }: OperationParts): ReadonlyMap<string, DeviceDefinition> {
  return new Map(devices().map((device) => [device.devEui, device]));
}

async function* subscribe(
  tags: TagStore,
  { pattern, ids }: { readonly pattern?: string | undefined; readonly ids?: readonly string[] | undefined },
  signal: AbortSignal,
) {
  const named = ids === undefined ? null : new Set<string>(ids);
  const wants = (id: string) =>
    (named === null || named.has(id)) && (pattern === undefined || matchesGlob(pattern, id));
  // a tag that changes twice before it is sent is sent once: memory is bounded by the number of tags
  const changed = new Set<Tag>([...tags.list()].filter(({ id }) => wants(id)));
  const removed = new Set<string>();
  const wake = new Wake();
  const note = (list: Iterable<Tag>) => {
    for (const tag of list) if (wants(tag.id)) changed.add(tag);
    if (changed.size > 0) wake.ring();
  };
  const leave = [
    tags.subscribe((batch) =>
      note(batch.filter(({ kind }) => kind === "live" || kind === "status").map(({ tag }) => tag))
    ),
    tags.onDefinitions((change) => {
      for (const tag of change.removed) {
        changed.delete(tag);
        if (wants(tag.id)) removed.add(tag.id);
      }
      for (const tag of change.added) removed.delete(tag.id);
      note([...change.added, ...change.changed]);
      wake.ring();
    }),
  ];
  try {
    for await (const { some, gone } of takeChanges({ changed, removed }, wake, signal, gather)) {
      yield { changes: some.map(viewChange), removed: gone };
    }
  } finally {
    for (const one of leave) one();
  }
}

function gather(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, GATHER_MS);
    signal.addEventListener("abort", done, { once: true });
  });
}
