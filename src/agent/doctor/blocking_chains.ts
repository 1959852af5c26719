import { z } from "zod";

/** A base chain of somebody else's that drops traffic of the mesh. */
export interface BlockingChain {
  /** Family and name, as `ip filter`. */
  readonly table: string;
  readonly chain: string;
  readonly hook: "input" | "output";
  /** Who keeps the table, as far as its names tell. */
  readonly manager: "ufw" | "firewalld" | "none";
  /** Drops what goes through the tunnel interface. */
  readonly tunnel: boolean;
  /** Drops the tunnel's own packets that nobody here asked for. */
  readonly port: boolean;
}

const ruleSchema = z.looseObject({
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  expr: z.array(z.record(z.string(), z.unknown())),
});
const chainSchema = z.looseObject({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string().optional(),
  policy: z.string().optional(),
});
const listingSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });

type Chain = z.infer<typeof chainSchema>;
type Rule = z.infer<typeof ruleSchema>;

/** What chains are judged for. */
export interface MeshTraffic {
  /** Name of the mesh's own table, which is left out. */
  readonly ours: string;
  readonly interface: string;
  readonly listenPort: number;
}

/**
 * The tables of a listing, and the base chains of others that end in a drop or reject without any rule of their table that
 * accepts the tunnel interface or the tunnels' port by name. An estimate: rules are looked at by what they name, they are
 * not evaluated.
 *
 * @param listing what `nft -j list ruleset` prints
 * @throws SyntaxError or ZodError when it is no such text
 */
export function blockingChains(
  listing: string,
  { ours, interface: name, listenPort }: MeshTraffic,
): { readonly tables: readonly string[]; readonly chains: readonly BlockingChain[] } {
  const { nftables } = listingSchema.parse(JSON.parse(listing));
  const all = <T>(key: string, schema: z.ZodType<T>) =>
    nftables.flatMap((one) => {
      const { data } = schema.safeParse(one[key]);
      return data === undefined ? [] : [data];
    });
  const tables = all("table", z.looseObject({ family: z.string(), name: z.string() }));
  const chains = all("chain", chainSchema).filter(({ table }) => table !== ours);
  const rules = all("rule", ruleSchema);
  const found = chains.flatMap((chain): BlockingChain[] => {
    const { hook } = chain;
    if ((hook !== "input" && hook !== "output") || !["ip", "inet"].includes(chain.family)) return [];
    const own = rules.filter((rule) => rule.family === chain.family && rule.table === chain.table);
    if (!dropsTheRest(chain, own)) return [];
    const accepts = own.filter(({ expr }) => expr.some((one) => "accept" in one || "jump" in one || "goto" in one));
    const tunnel = !accepts.some(({ expr }) =>
      names(expr, hook === "input" ? /"iif(?:name)?"/ : /"oif(?:name)?"/, name)
    );
    const port = hook === "input" && !accepts.some(({ expr }) => names(expr, /"dport"/, listenPort));
    if (!tunnel && !port) return [];
    return [{
      table: `${chain.family} ${chain.table}`,
      chain: chain.name,
      hook,
      manager: managerOf(chain, chains),
      tunnel,
      port,
    }];
  });
  return { tables: tables.map((table) => `${table.family} ${table.name}`), chains: found };
}

/** By its policy, or by a last rule without any condition. */
function dropsTheRest(chain: Chain, rules: readonly Rule[]): boolean {
  if (chain.policy === "drop") return true;
  const last = rules.filter((rule) => rule.chain === chain.name).at(-1);
  return last !== undefined && last.expr.some((one) => "drop" in one || "reject" in one) &&
    !last.expr.some((one) => "match" in one);
}

/** Whether a rule matches a field with a value: the value alone, in a set, in a range, or by a pattern `wg*`. */
function names(expr: Rule["expr"], field: RegExp, value: string | number): boolean {
  return expr.some((one) => {
    const match = z.looseObject({ op: z.string(), left: z.unknown(), right: z.unknown() }).safeParse(one["match"]).data;
    return match !== undefined && match.op !== "!=" && field.test(JSON.stringify(match.left)) &&
      holds(match.right, value);
  });
}

function holds(right: unknown, value: string | number): boolean {
  if (right === value) return true;
  if (typeof right === "string" && right.endsWith("*")) return String(value).startsWith(right.slice(0, -1));
  if (Array.isArray(right)) return right.some((one) => holds(one, value));
  const { set, range } =
    z.looseObject({ set: z.unknown().optional(), range: z.tuple([z.number(), z.number()]).optional() })
      .safeParse(right).data ?? {};
  if (range !== undefined && typeof value === "number") return range[0] <= value && value <= range[1];
  return set !== undefined && holds(set, value);
}

function managerOf({ table, family }: Chain, chains: readonly Chain[]): BlockingChain["manager"] {
  if (table === "firewalld") return "firewalld";
  const names = chains.filter((one) => one.table === table && one.family === family).map(({ name }) => name);
  return names.some((name) => /^ufw6?-/.test(name)) ? "ufw" : "none";
}
