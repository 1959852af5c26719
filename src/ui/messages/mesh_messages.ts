import { computed } from "@preact/signals";
import { language } from "../preferences.ts";
import { meshDe } from "./mesh_de.ts";
import { meshEn } from "./mesh_en.ts";
import type { Widened } from "./messages.ts";

/** The texts of the pages of the mesh: a catalogue of its own, which is fetched with them. */
export type MeshMessages = Widened<typeof meshEn>;

/** The languages, by their code. */
export const meshCatalogues: { readonly en: MeshMessages; readonly de: MeshMessages } = { en: meshEn, de: meshDe };

/** The texts in the language that is chosen. */
export const meshMessages = computed<MeshMessages>(() => meshCatalogues[language.value]);
