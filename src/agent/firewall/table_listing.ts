import { z } from "zod";

const listingSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const counterSchema = z.object({ counter: z.object({ packets: z.number(), bytes: z.number() }) });
const ruleSchema = z.looseObject({ comment: z.string().optional(), expr: z.array(z.unknown()) });

/** Packets that a rule has seen. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** A table as `nft -j list table` shows it. */
export interface TableListing {
  /** The same text for the same rules, whatever they have counted and in which order sets are told. */
  readonly form: string;
  /** Sum of the counters by the comment of their rules. */
  readonly counts: ReadonlyMap<string, Count>;
}

/** @throws SyntaxError or ZodError for whatever is no listing */
export function readTableListing(json: string): TableListing {
  const { nftables } = listingSchema.parse(JSON.parse(json));
  const counts = new Map<string, Count>();
  const parts: unknown[] = [];
  for (const part of nftables) {
    if ("metainfo" in part) continue;
    parts.push(part);
    const rule = ruleSchema.safeParse(part["rule"]).data;
    const counter = rule?.expr.map((expr) => counterSchema.safeParse(expr).data?.counter).find((one) => one);
    if (rule?.comment === undefined || counter === undefined) continue;
    const before = counts.get(rule.comment) ?? { packets: 0, bytes: 0 };
    counts.set(rule.comment, {
      packets: before.packets + counter.packets,
      bytes: before.bytes + counter.bytes,
    });
  }
  return { form: JSON.stringify(parts, plain), counts };
}

/** Leaves out what changes by itself: handles, which count up, and what was counted. */
function plain(key: string, value: unknown): unknown {
  if (key === "handle") return undefined;
  if (key === "counter") return null;
  if (key === "set" && Array.isArray(value)) return value.map((one) => JSON.stringify(one)).toSorted();
  return value;
}
