import { getLogger } from "@logtape/logtape";
import type { Audit } from "../../audit/audit.ts";
import { LogBudget } from "../../http/log_budget.ts";
import type { NodeId } from "../../mesh/ids.ts";
import type { ApiProblem } from "./api_problem.ts";

const log = getLogger(["edgekeep", "hub"]);

/** A request that was refused, as far as it is known. */
export interface RefusedRequest {
  readonly method: string;
  /** As sent. */
  readonly path: string;
  readonly address: string;
  /** The node that proved itself; null before that. */
  readonly node: NodeId | null;
}

/**
 * Keeps count of refusals, and writes them down: the audit bounds how many records of denied requests one address or
 * node may cause in a minute, the log has a budget of its own.
 */
export class RefusalRecord {
  readonly #audit: Audit;
  readonly #budget: LogBudget;
  readonly #counts = new Map<string, number>();

  constructor(audit: Audit, budget = new LogBudget()) {
    this.#audit = audit;
    this.#budget = budget;
  }

  /** Refusals by code. Codes are the program's own, so their number is bounded. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Counts what is on record elsewhere, or never became a request: a connection that is no TLS, bytes that are no HTTP. */
  count(code: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }

  /** Counts a refusal and writes it down. */
  note({ status, code }: ApiProblem, { method, path, address, node }: RefusedRequest): void {
    this.count(code);
    const shown = shownPath(path);
    this.#audit.record({
      event: "hub_request_refused",
      principal: node,
      role: null,
      credential: node === null ? null : `node:${node}`,
      address,
      transport: "https",
      operation: `${method.slice(0, 16)} ${shown}`,
      target: null,
      decision: "denied",
      rule: status === 429 ? "rate_limit" : status === 401 ? "signature" : null,
      outcome: code,
      fields: { source_ip: address, path: shown, status },
    });
    const suppressed = this.#budget.take();
    if (suppressed === null) return;
    log.warn("A request from {source_ip} was refused: {code} ({method} {path})", {
      event: "hub_request_refused",
      source_ip: address,
      code,
      method: method.slice(0, 16),
      path: shown,
      node: node ?? "",
      suppressed,
    });
  }
}

/** The path without its query, fit for a record: short, printable ASCII. */
function shownPath(path: string): string {
  const end = path.indexOf("?");
  return (end < 0 ? path : path.slice(0, end)).slice(0, 200).replace(/[^\x21-\x7e]/g, "?");
}
