import { parse, stringify, TomlError } from "smol-toml";
import { z } from "zod";
import type { HubPolicy, HubRule } from "../../mesh/hub_admin.ts";

/** A file does not hold a policy. The message says where and why. */
export class PolicyFileError extends Error {
  override readonly name = "PolicyFileError";
}

/** A policy as a file holds it. */
export interface PolicyFile {
  /** The one that the file was made from; `null` where it does not say. */
  readonly version: number | null;
  readonly rules: HubRule[];
}

const port = z.int().min(1).max(65_535);
const range = z.union([
  port.transform((one): [number, number] => [one, one]),
  z.string().regex(/^\d{1,5}-\d{1,5}$/, 'must be a port, or "low-high"').transform((text): [number, number] => {
    const [low = 0, high = 0] = text.split("-").map(Number);
    return [low, high];
  }).pipe(z.tuple([port, port])),
  z.tuple([port, port]),
], { error: 'must be a port from 1 to 65535, or a range "8000-8010"' });
const side = z.union([z.string().min(1).transform((one) => [one]), z.array(z.string().min(1)).min(1)], {
  error: 'must be a list of names, as ["group:plc", "pump-house"], or ["*"]',
});
const rule = z.strictObject({
  id: z.string().min(1).max(64),
  from: side,
  to: side,
  protocol: z.enum(["tcp", "udp", "icmp"]),
  ports: z.array(range).default([]),
  log: z.boolean().default(false),
  comment: z.string().max(256).default(""),
});
const file = z.strictObject({
  version: z.int().min(0).optional(),
  rule: z.array(rule).optional(),
  rules: z.array(rule).optional(),
}).refine(({ rule, rules }) => rule === undefined || rules === undefined, "has both rule and rules");

/**
 * Reads a policy: TOML with a `[[rule]]` each, or JSON with `rules` or as a bare list. Ports are numbers or `"low-high"`.
 *
 * @throws {PolicyFileError}
 */
export function readPolicyFile(text: string): PolicyFile {
  const json = /^\s*[[{]/.test(text) && !/^\s*\[\[?\w/.test(text);
  let parsed: unknown;
  try {
    parsed = json ? JSON.parse(text) : parse(text);
  } catch (error) {
    const place = error instanceof TomlError ? `line ${error.line}: ` : "";
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw new PolicyFileError(`It is not ${json ? "JSON" : "TOML"}: ${place}${reason}`);
  }
  const checked = file.safeParse(Array.isArray(parsed) ? { rules: parsed } : parsed);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const at = issue?.path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("").slice(1);
    throw new PolicyFileError(`${at === undefined || at === "" ? "The file" : at}: ${issue?.message ?? "Invalid"}`);
  }
  const { version, rule = [], rules = rule } = checked.data;
  return { version: version ?? null, rules };
}

/** A policy as TOML that {@link readPolicyFile} reads again. */
export function writePolicyFile({ version, rules }: HubPolicy): string {
  const head = `# Policy of the mesh, version ${version}. Rules allow; all else is denied.
# version: "set" refuses this file once the policy was changed by somebody else; without the line it does not look.
# from and to: names of nodes, groups as "group:plc", or "*"; ports: numbers or "low-high".
`;
  return head + stringify({
    version,
    rule: rules.map(({ id, from, to, protocol, ports, log, comment }) => ({
      id,
      from: [...from],
      to: [...to],
      protocol,
      ...ports.length === 0 ? {} : { ports: ports.map(([low, high]) => low === high ? low : `${low}-${high}`) },
      ...log ? { log } : {},
      ...comment === "" ? {} : { comment },
    })),
  });
}
