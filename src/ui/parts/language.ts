import { computed } from "@preact/signals";
import { type Formatter, makeFormatter } from "../format.ts";
import { messages } from "../messages/messages.ts";
import { language } from "../preferences.ts";

/** Writes numbers and times in the language that is chosen; English with the 24-hour clock of a plant. */
export const format = computed<Formatter>(() =>
  makeFormatter(language.value === "en" ? "en-GB" : language.value, messages.value)
);
