import { computed } from "@preact/signals";
import { language } from "../preferences.ts";
import type { Widened } from "./messages.ts";
import { securityDe } from "./security_de.ts";
import { securityEn } from "./security_en.ts";

/** The texts of the security page: a catalogue of its own, which is fetched with that page. */
export type SecurityMessages = Widened<typeof securityEn>;

/** The languages, by their code. */
export const securityCatalogues: { readonly en: SecurityMessages; readonly de: SecurityMessages } = {
  en: securityEn,
  de: securityDe,
};

/** The texts in the language that is chosen. */
export const securityMessages = computed<SecurityMessages>(() => securityCatalogues[language.value]);
