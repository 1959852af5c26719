import { getLogger } from "@logtape/logtape";
import type { AuditEntry } from "../audit/audit.ts";
import { sectionOf } from "../config/config_diff.ts";
import { parseKeyPath } from "../config/key_path.ts";
import type { Asker, ConfigChange, ConfigOutcome, ReloadTrigger } from "./role_protocol.ts";

const log = getLogger(["edgekeep", "supervisor"]);

/** Changes spelt out in one record. */
const mostChanges = 50;

type Fields = Readonly<Record<string, string | number | null | readonly string[]>>;

/** Puts every attempt to change the configuration into the log and on record in the audit. */
export class ConfigEvents {
  readonly #file: string;
  readonly #audit: (entry: AuditEntry) => void;

  constructor(file: string, audit: (entry: AuditEntry) => void) {
    this.#file = file;
    this.#audit = audit;
  }

  attempted(by: Asker, trigger: ReloadTrigger): void {
    const properties = this.#record("config_reload_attempted", by, trigger, "ok", {});
    log.info("Applying a configuration to {file}: asked for by {trigger}", properties);
  }

  ended(by: Asker, trigger: ReloadTrigger, outcome: ConfigOutcome): void {
    const { applied, reason, error, changes, effect, version, durationMs } = outcome;
    const sections = new Set(changes.map(({ path }) => sectionOf(namesOf(path))));
    const fields = { changed_section_count: sections.size, duration_ms: durationMs };
    if (applied) {
      const more = { ...fields, effect, version, changed: changes.slice(0, mostChanges).map(changeText) };
      const properties = this.#record("config_reload_succeeded", by, trigger, "ok", more);
      log.info("The configuration is applied; sections changed: {changed_section_count}", properties);
    } else {
      const more = { ...fields, reason, changed_knob: knobOf(outcome), error };
      const properties = this.#record("config_reload_failed", by, trigger, reason ?? "failed", more);
      log.warning("The configuration is not applied ({reason}): {error}. What ran before goes on", properties);
    }
  }

  #record(event: string, by: Asker, trigger: ReloadTrigger, outcome: string, fields: Fields): Record<string, unknown> {
    const { principal, role, credential, address, transport } = by;
    this.#audit({
      event,
      principal,
      role,
      credential,
      address,
      transport,
      operation: null,
      target: this.#file,
      decision: "allowed",
      rule: null,
      outcome,
      fields: { trigger, ...fields },
    });
    return { event, trigger, principal, address, file: this.#file, ...fields };
  }
}

/** The key that an attempt failed over: what disturbs most of what it changes, else what is wrong. */
function knobOf({ changes, effect, findings }: ConfigOutcome): string | null {
  const change = changes.find((candidate) => candidate.effect === effect);
  return change?.path ?? findings.find(({ severity }) => severity === "error")?.path ?? null;
}

function namesOf(path: string): string[] {
  return (parseKeyPath(path) ?? []).filter((segment) => typeof segment === "string");
}

function changeText({ path, before, after }: ConfigChange): string {
  return `${path}: ${before ?? "not set"} → ${after ?? "not set"}`;
}
