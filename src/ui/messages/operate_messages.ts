import { computed } from "@preact/signals";
import { language } from "../preferences.ts";
import type { Widened } from "./messages.ts";
import { operateDe } from "./operate_de.ts";
import { operateEn } from "./operate_en.ts";

/** The texts of the pages of alarms and commands: a catalogue of its own, which is fetched with them. */
export type OperateMessages = Widened<typeof operateEn>;

/** The languages, by their code. */
export const operateCatalogues: { readonly en: OperateMessages; readonly de: OperateMessages } = {
  en: operateEn,
  de: operateDe,
};

/** The texts in the language that is chosen. */
export const operateMessages = computed<OperateMessages>(() => operateCatalogues[language.value]);
