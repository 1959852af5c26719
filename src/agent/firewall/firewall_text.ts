import type { EffectiveRule } from "./effective_rules.ts";

/** What a table is made of. */
export interface FirewallPlan {
  readonly interface: string;
  /** As `10.100.0.0/16`. */
  readonly meshCidr: string;
  readonly rules: readonly EffectiveRule[];
}

/** Comments of the rules that count what is dropped; the counters are read by them. */
export const dropComments = ["ipv6", "foreign", "spoofed", "invalid", "denied", "forwarded", "leaked"] as const;
/** What was dropped: see {@link firewallText}. */
export type DropKind = typeof dropComments[number];

/** Name of the table of an interface. */
export function tableName(interfaceName: string): string {
  return `edgekeep_${interfaceName}`;
}

/**
 * The table as input of `nft -f`: replaces the one of before in one transaction.
 *
 * What belongs to the mesh and comes or goes elsewhere than through the tunnel is dropped before anything else sees it
 * (`spoofed`, `leaked`); so are IPv6 and foreign addresses inside the tunnel. Of what comes out of the tunnel, answers
 * and the ICMP errors of known connections pass (path-MTU discovery, RFC 1191, needs them); every packet of a connection
 * that a peer opened has to match a rule, so that a withdrawn rule ends it. Nothing is forwarded.
 *
 * No text from the network is in it: rules are named by their position, sources are addresses, ports are numbers.
 */
export function firewallText({ interface: name, meshCidr, rules }: FirewallPlan): string {
  const table = tableName(name);
  const sets = sourceSets(rules);
  const elsewhere = (direction: "iifname" | "oifname") => `${direction} != { "lo", "${name}" }`;
  return `add table inet ${table}
delete table inet ${table}
table inet ${table} {
${
    [...sets].map(([addresses, set]) => `  set ${set} {\n    type ipv4_addr\n    elements = { ${addresses} }\n  }\n`)
      .join("")
  }\
  chain from_mesh {
    meta nfproto ipv6 counter drop comment "ipv6"
    ip saddr != ${meshCidr} counter drop comment "foreign"
    ip daddr != ${meshCidr} counter drop comment "foreign"
  }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "${name}" jump from_mesh
    ${elsewhere("iifname")} ip saddr ${meshCidr} counter drop comment "spoofed"
    ${elsewhere("iifname")} ip daddr ${meshCidr} counter drop comment "spoofed"
  }
  chain mesh_input {
    ct state invalid counter drop comment "invalid"
    ct direction reply ct state established,related accept
    ct state related icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
${rules.flatMap((rule, index) => ruleLines(rule, index, name, sets)).map((line) => `    ${line}\n`).join("")}\
    limit rate 10/minute burst 10 packets log prefix "edgekeep ${name} denied: " level info
    counter drop comment "denied"
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "${name}" jump mesh_input
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${name}" counter drop comment "forwarded"
    oifname "${name}" counter drop comment "forwarded"
  }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname "${name}" meta nfproto ipv6 counter drop comment "ipv6"
    ${elsewhere("oifname")} ip daddr ${meshCidr} counter reject comment "leaked"
    ${elsewhere("oifname")} ip saddr ${meshCidr} counter drop comment "leaked"
  }
}
`;
}

/** The comment of a rule's counter. */
export function ruleComment(index: number): string {
  return `rule ${index}`;
}

/** One set for all rules with the same sources: names by the list of addresses. */
function sourceSets(rules: readonly EffectiveRule[]): Map<string, string> {
  const sets = new Map<string, string>();
  for (const { sources } of rules) {
    if (sources === "any") continue;
    const addresses = sources.join(", ");
    if (!sets.has(addresses)) sets.set(addresses, `sources_${sets.size}`);
  }
  return sets;
}

function ruleLines(
  { protocol, sources, ports, log }: EffectiveRule,
  index: number,
  name: string,
  sets: ReadonlyMap<string, string>,
): string[] {
  const from = sources === "any" ? "" : `ip saddr @${sets.get(sources.join(", "))} `;
  const what = protocol === "icmp"
    ? "icmp type echo-request"
    : `${protocol} dport { ${ports.map(([low, high]) => low === high ? low : `${low}-${high}`).join(", ")} }`;
  const allow = `${from}${what} counter accept comment "${ruleComment(index)}"`;
  if (!log) return [allow];
  return [
    `${from}${what} ct state new limit rate 30/minute burst 10 packets ` +
    `log prefix "edgekeep ${name} rule ${index}: " level info`,
    allow,
  ];
}
