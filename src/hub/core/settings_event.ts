import { canonicalText } from "../../mesh/canonical.ts";
import type { MeshWide } from "./mesh_book.ts";
import type { NewEvent } from "./mesh_change.ts";

/** The event that tells every node the settings as they are now. */
export function settingsEvent(wide: MeshWide): NewEvent {
  return { type: "hub_settings", body: settingsText(wide) };
}

/** RFC 8785 text of the settings that are part of every state. */
export function settingsText(
  { observers, pskMode, tlsSpki }: Pick<MeshWide, "observers" | "pskMode" | "tlsSpki">,
): string {
  return canonicalText({ observers, psk_mode: pskMode, tls_spki: tlsSpki });
}
