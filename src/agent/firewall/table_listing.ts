import { z } from "zod";
import { sha256Hex } from "../../mesh/encoding.ts";

const listingSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const ruleSchema = z.object({
  comment: z.string(),
  expr: z.array(z.object({ counter: z.object({ packets: z.number(), bytes: z.number() }).optional() })),
});

/** Packets that a rule has seen. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** A table as `nft -j list table` shows it. */
export interface TableListing {
  /** The same text for the same rules, whatever they have counted. */
  readonly form: string;
  /** Sum of the counters by the comment of their rules. */
  readonly counts: ReadonlyMap<string, Count>;
}

/**
 * What changes by itself: handles, which count up, and what was counted. A quote inside of a string has a backslash
 * before it, so no comment looks like these.
 */
const passing = /"(?:handle|packets|bytes)": ?\d+/g;

/**
 * Reads a listing. nft tells elements of sets in order, so equal tables have equal listings.
 *
 * @throws SyntaxError or ZodError for whatever is no listing
 */
export function readTableListing(json: string): TableListing {
  const { nftables } = listingSchema.parse(JSON.parse(json));
  const counts = new Map<string, Count>();
  for (const { rule } of nftables) {
    const { data } = ruleSchema.safeParse(rule);
    const counter = data?.expr.find(({ counter }) => counter !== undefined)?.counter;
    if (data === undefined || counter === undefined) continue;
    const before = counts.get(data.comment) ?? { packets: 0, bytes: 0 };
    counts.set(data.comment, {
      packets: before.packets + counter.packets,
      bytes: before.bytes + counter.bytes,
    });
  }
  return { form: sha256Hex(json.replace(passing, "")), counts };
}
