import type { Audit, AuditEntry } from "../../audit/audit.ts";
import type { Envelope } from "../../mesh/envelope.ts";
import type { HubId } from "../../mesh/ids.ts";
import type { MeshError } from "../../mesh/mesh_error.ts";

/** Puts every message of the hub that was applied or refused on record. Never their secrets: ids and positions alone. */
export class FollowAudit {
  readonly #audit: Audit;
  readonly #hub: HubId;

  constructor(audit: Audit, hub: HubId) {
    this.#audit = audit;
    this.#hub = hub;
  }

  /** An event or state was written down and is acted on. */
  applied(envelope: Envelope): void {
    this.#audit.record({
      ...this.#entry("mesh_applied", envelope.event_type),
      credential: `key ${envelope.key_index}`,
      target: targetOf(envelope),
      fields: placeOf(envelope),
    });
  }

  /** A message was not acted on. `envelope`: only once its signature was found to be the hub's. */
  refused(operation: string | null, error: MeshError, envelope: Envelope | null): void {
    this.#audit.record({
      ...this.#entry("mesh_refused", operation),
      principal: envelope === null ? null : this.#hub,
      credential: envelope === null ? null : `key ${envelope.key_index}`,
      decision: "denied",
      rule: error.code,
      outcome: error.code,
      fields: { ...envelope === null ? {} : placeOf(envelope), reason: error.message },
    });
  }

  /** The hub's key is another one now. */
  keys(operation: string, keyIndex: number): void {
    this.#audit.record({ ...this.#entry("mesh_hub_key", operation), fields: { key_index: keyIndex } });
  }

  #entry(event: string, operation: string | null): AuditEntry {
    return {
      event,
      principal: this.#hub,
      role: "hub",
      credential: null,
      address: "hub",
      transport: "mesh",
      operation,
      target: null,
      decision: "allowed",
      rule: null,
      outcome: "ok",
    };
  }
}

function targetOf({ event }: Envelope): string | null {
  switch (event.type) {
    case "peer_added":
      return event.payload.peer.node_id;
    case "peer_removed":
    case "peer_endpoint_changed":
    case "peer_key_rotated":
    case "peer_psk_changed":
    case "relay_session_assigned":
    case "relay_session_revoked":
    case "peer_cosigned":
      return event.payload.peer_id;
    default:
      return null;
  }
}

function placeOf({ epoch, sequence, event_id, issued_at }: Envelope) {
  return { epoch, sequence, event_id, issued_at };
}
