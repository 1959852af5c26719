import { sha256Hex } from "../../mesh/encoding.ts";
import type { HubId, NodeId } from "../../mesh/ids.ts";
import { type OpenStatement, openStatement } from "../../mesh/statements.ts";
import type { PeerRecord } from "./peer_record.ts";
import type { Refusal } from "./refusal.ts";

/** A fetched statement that may take the place of the one that is held, or why not. */
export type StatementVerdict =
  | { readonly statement: OpenStatement; readonly refusal: null }
  | { readonly statement: null; readonly refusal: Extract<Refusal, `statement_${string}` | "key_taken"> };

/**
 * Whether a statement is the peer's next one. Each generation is accepted once: a lower one is a replay of keys that the
 * peer has given up, and a second one of the same generation comes from a copy of the peer or from a liar.
 *
 * @param text as it was fetched
 * @param sha256 the hash that it was asked by
 * @param record what is known of the peer; `null`: nothing
 * @param keyTaken whether a WireGuard key (base64) is somebody else's
 */
export function judgeStatement(
  text: string,
  sha256: string,
  peer: NodeId,
  hub: HubId,
  record: PeerRecord | null,
  keyTaken: (wireguardKey: string) => boolean,
): StatementVerdict {
  if (sha256Hex(text) !== sha256) return { statement: null, refusal: "statement_invalid" };
  let statement: OpenStatement;
  try {
    statement = openStatement(text, hub);
  } catch {
    return { statement: null, refusal: "statement_invalid" };
  }
  if (statement.node_id !== peer) return { statement: null, refusal: "statement_of_other" };
  if (record !== null) {
    const { generation } = statement;
    if (generation < record.generation) return { statement: null, refusal: "statement_old" };
    const same = generation === record.generation;
    if (same && sha256 !== record.statement_sha256) return { statement: null, refusal: "statement_forked" };
    const prepared = record.prepared === null ? null : openStatement(record.prepared, hub);
    if (prepared?.generation === generation && prepared.sha256 !== sha256) {
      return { statement: null, refusal: "statement_forked" };
    }
  }
  if (keyTaken(statement.wireguard_key)) return { statement: null, refusal: "key_taken" };
  return { statement, refusal: null };
}
