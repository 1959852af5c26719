import { computed } from "@preact/signals";
import { language } from "../preferences.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";

/** The shape of a catalogue, whatever its words. */
export type Widened<T> = T extends string ? string
  : T extends (...parts: infer P) => string ? (...parts: P) => string
  : { readonly [K in keyof T]: Widened<T[K]> };

/** The message catalogue: every text of the page. */
export type Messages = Widened<typeof en>;

/** The languages, by their code. */
export const catalogues: { readonly en: Messages; readonly de: Messages } = { en, de };

/** The texts in the language that is chosen. */
export const messages = computed<Messages>(() => catalogues[language.value]);
