import type { ArgumentView } from "../operate_answers.ts";

/** What was filled in, as the command takes it; a comma is a decimal point. `null` when it is not of the type. */
export function argumentValue({ type, values }: ArgumentView, text: string): boolean | number | string | null {
  if (type === "Bool") return text === "true";
  if (type === "String") return values === null ? text : values.map(String).includes(text) ? text : null;
  const trimmed = text.trim().replace(",", ".");
  const value = Number(trimmed);
  if (trimmed === "" || !Number.isFinite(value)) return null;
  return type === "Int" && !Number.isSafeInteger(value) ? null : value;
}
