import { SerialRunner } from "../../commands/serial_runner.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { parseCidr } from "../../mesh/ipv4.ts";
import type { PolicyRule } from "../../mesh/state.ts";
import { complaintOf } from "../network/complaint_of.ts";
import { ProgramError, type RunProgram, runProgram } from "../network/run_program.ts";
import { type EffectiveRule, effectiveRules, type PolicyPeer } from "./effective_rules.ts";
import { dropComments, type DropKind, firewallText, ruleComment, tableName } from "./firewall_text.ts";
import { type Count, readTableListing, type TableListing } from "./table_listing.ts";

/** What a firewall is made with. */
export interface FirewallOptions {
  /** Name of the tunnel interface; it need not exist yet. */
  readonly interface: string;
  /** As `10.100.0.0/16`. */
  readonly meshCidr: string;
  readonly signal: AbortSignal;
  readonly faults: Pick<FaultBoard, "raise" | "clear">;
  /** Unless told: {@link runProgram}. */
  readonly run?: RunProgram;
}

/** What passed and what was dropped since the agent started, through replacements of the table. */
export interface FirewallCounters {
  /** Of the present rules, by the hub's name of each. */
  readonly rules: ReadonlyMap<string, Count>;
  readonly drops: Readonly<Record<DropKind, Count>>;
}

/** The firewall of the mesh interface: one nftables table of its own. */
export interface Firewall {
  /**
   * `true` while no table of this firewall is known to be in force, as before the first {@link apply}. The tunnel must
   * not be up then: give it to the device as `mayBeUp`, and apply before looking after the interface.
   */
  readonly closed: boolean;
  /**
   * Puts rules in force, in one transaction; the same ones again change nothing.
   *
   * @throws FirewallError when nft refuses: the rules of before stay in force, and are tried to be replaced by
   * {@link verify}; where there are none, the interface is taken down
   */
  apply(rules: readonly PolicyRule[], peers: readonly PolicyPeer[]): Promise<void>;
  /**
   * Compares the table with what was put in force and puts it back when it differs. Does nothing before the first
   * {@link apply}. Never rejects: faults say what is wrong.
   */
  verify(): Promise<"intact" | "repaired" | "failed">;
  counters(): Promise<FirewallCounters>;
  /** Removes the table, which opens the interface: take that down or away before. */
  remove(): Promise<void>;
}

/** The firewall could not be put in force. */
export class FirewallError extends Error {
  override readonly name = "FirewallError";
}

/** How long nft may take: a thousand rules of a hundred nodes take seconds on a small machine. */
const nftMs = 30_000;
/** How long the table has to be left alone until the fault that it was changed goes. */
const quietMs = 300_000;

/**
 * @throws RangeError for a mesh_cidr that is none
 */
export function createFirewall(options: FirewallOptions): Firewall {
  if (parseCidr(options.meshCidr) === null) {
    throw new RangeError("Cannot make a firewall: mesh_cidr is no IPv4 network");
  }
  return new NftFirewall(options);
}

/** Rules that are to be in force. */
interface Wish {
  readonly text: string;
  readonly rules: readonly EffectiveRule[];
}

class NftFirewall implements Firewall {
  readonly #options: Required<FirewallOptions>;
  readonly #table: string;
  #wish: Wish | null = null;
  /** What is in force, and how nft lists it; `null`: nothing that this firewall knows of. */
  #inForce: { readonly wish: Wish; readonly form: string } | null = null;
  /** Counted by tables that are no more, and by the present one when it was last listed. By comment or rule. */
  readonly #past = new Map<string, Count>();
  #present: ReadonlyMap<string, Count> = new Map();
  /** The hub's names of the present table's rules, by their comments: their places change. */
  #names: ReadonlyMap<string, string> = new Map();
  #changedMs = -Infinity;
  readonly #calls = new SerialRunner();

  constructor(options: FirewallOptions) {
    this.#options = { run: runProgram, ...options };
    this.#table = tableName(options.interface);
  }

  get closed(): boolean {
    return this.#inForce === null;
  }

  apply(rules: readonly PolicyRule[], peers: readonly PolicyPeer[]): Promise<void> {
    const effective = effectiveRules(rules, peers);
    const text = firewallText({
      interface: this.#options.interface,
      meshCidr: this.#options.meshCidr,
      rules: effective,
    });
    return this.#calls.run(async () => {
      this.#wish = { text, rules: effective };
      if (this.#inForce?.wish.text === text) {
        this.#wish = this.#inForce.wish;
        return;
      }
      try {
        await this.#install();
      } catch (error) {
        throw await this.#fail(error);
      }
    });
  }

  verify(): Promise<"intact" | "repaired" | "failed"> {
    return this.#calls.run(async () => {
      if (this.#wish === null) return "intact";
      try {
        if (this.#inForce?.wish === this.#wish) {
          const listing = await this.#list();
          if (listing?.form === this.#inForce.form) {
            this.#quiet();
            return "intact";
          }
          this.#changed(listing === null ? "is gone" : "was changed");
          // should putting it back fail, then nothing is in force that is known to protect
          this.#inForce = null;
        }
        await this.#install();
        return "repaired";
      } catch (error) {
        await this.#fail(error);
        return "failed";
      }
    });
  }

  counters(): Promise<FirewallCounters> {
    return this.#calls.run(async () => {
      if (this.#inForce !== null) await this.#list();
      const total = new Map(this.#past);
      this.#addPresentTo(total);
      const count = (key: string) => total.get(key) ?? { packets: 0, bytes: 0 };
      return {
        rules: new Map(
          [...total].filter(([key]) => key.startsWith(rulePrefix)).map(([key, value]) => [
            key.slice(rulePrefix.length),
            value,
          ]),
        ),
        drops: Object.fromEntries(dropComments.map((kind) => [kind, count(kind)])) as Record<DropKind, Count>,
      };
    });
  }

  remove(): Promise<void> {
    return this.#calls.run(async () => {
      this.#wish = null;
      this.#inForce = null;
      // without the agent's signal: leaving is done while it stops
      const { code, stderr } = await this.#options.run("nft", ["delete", "table", "inet", this.#table]);
      if (code !== 0 && !/No such file or directory/.test(stderr)) {
        throw new FirewallError(`Cannot remove the table inet ${this.#table}: ${complaintOf(stderr)}`);
      }
      this.#options.faults.clear("mesh_firewall_changed", this.#options.interface);
      this.#options.faults.clear("mesh_firewall_failed", this.#options.interface);
    });
  }

  /** Puts what is wished in force. */
  async #install(): Promise<void> {
    const wish = this.#wish;
    if (wish === null) return;
    const { run, signal } = this.#options;
    // what the present table counted goes with it
    if (this.#inForce !== null) await this.#list();
    const { code, stderr } = await run("nft", ["-f", "-"], { stdin: wish.text, signal, timeoutMs: nftMs });
    if (code !== 0) throw new FirewallError(`nft refuses the rules: ${complaintOf(stderr)}`);
    this.#addPresentTo(this.#past);
    this.#present = new Map();
    this.#names = new Map(wish.rules.map(({ id }, index) => [ruleComment(index), `${rulePrefix}${id}`]));
    // a hub that renames rules all the time must not fill the memory
    const kept = new Set(this.#names.values());
    for (const key of this.#past.keys()) if (key.startsWith(rulePrefix) && !kept.has(key)) this.#past.delete(key);
    this.#inForce = null;
    const listing = await this.#list();
    if (listing === null) throw new FirewallError(`the table inet ${this.#table} is gone right after it was made`);
    this.#inForce = { wish, form: listing.form };
    this.#options.faults.clear("mesh_firewall_failed", this.#options.interface);
  }

  /** The table as it is, and what it has counted; `null`: it is not there. */
  async #list(): Promise<TableListing | null> {
    const { run, signal } = this.#options;
    const { code, stdout, stderr } = await run("nft", ["-j", "list", "table", "inet", this.#table], {
      signal,
      timeoutMs: nftMs,
    });
    if (code !== 0) {
      if (/No such file or directory/.test(stderr)) return null;
      throw new FirewallError(`nft does not list the table inet ${this.#table}: ${complaintOf(stderr)}`);
    }
    const listing = readTableListing(stdout);
    this.#present = listing.counts;
    return listing;
  }

  #quiet(): void {
    if (performance.now() - this.#changedMs > quietMs) {
      this.#options.faults.clear("mesh_firewall_changed", this.#options.interface);
    }
    // a listing that failed once
    this.#options.faults.clear("mesh_firewall_failed", this.#options.interface);
  }

  #changed(what: string): void {
    this.#changedMs = performance.now();
    this.#options.faults.raise(
      "mesh_firewall_changed",
      `The table inet ${this.#table} ${what}; it was put back`,
      this.#options.interface,
    );
  }

  /** A failure leaves what is in force; where nothing is, the tunnel is closed. */
  async #fail(cause: unknown): Promise<FirewallError> {
    const { faults, interface: name, run, signal } = this.#options;
    const why = cause instanceof FirewallError || cause instanceof ProgramError
      ? cause.message
      : "nft prints what cannot be read";
    if (signal.aborted) return new FirewallError(why, { cause });
    let consequence = "the rules of before stay in force";
    if (this.#inForce === null) {
      consequence = `the interface ${name} is held down`;
      const down = await run("ip", ["link", "set", "dev", name, "down"], { signal }).catch(() => null);
      if (down === null || (down.code !== 0 && !/Cannot find device/.test(down.stderr))) {
        consequence = `the interface ${name} could not be taken down either: take it down by hand`;
      }
    }
    const message = `Cannot put the mesh's firewall in force: ${why}; ${consequence}`;
    faults.raise("mesh_firewall_failed", message, name);
    return new FirewallError(message, { cause });
  }

  #addPresentTo(total: Map<string, Count>): void {
    for (const [comment, { packets, bytes }] of this.#present) {
      const key = this.#names.get(comment) ?? comment;
      const before = total.get(key) ?? { packets: 0, bytes: 0 };
      total.set(key, { packets: before.packets + packets, bytes: before.bytes + bytes });
    }
  }
}

const rulePrefix = "rule:";
