import type { FaultAnswer, StatusAnswer } from "../../web/api_schema.ts";
import type { Formatter } from "../format.ts";
import { germanFaults } from "../messages/fault_words.ts";
import type { Messages } from "../messages/messages.ts";
import type { Language } from "../preferences.ts";

/** A fault's words in a language; the gateway's own where the language has none. */
export function faultWords(fault: FaultAnswer, language: Language) {
  const { title, cause, remedy } = fault;
  return language === "de" ? germanFaults.value[fault.code] ?? { title, cause, remedy } : { title, cause, remedy };
}

/** What a fault is called, with what it concerns. */
export function faultTitle(fault: FaultAnswer, language: Language): string {
  const { title } = faultWords(fault, language);
  const subject = fault.subjectName ?? fault.subject;
  return subject === "" ? title : `${title} (${subject})`;
}

/** Why the verdict is what it is, in sentences, the gravest first; active alarms last. */
export function verdictReasons(
  status: StatusAnswer,
  messages: Messages,
  format: Formatter,
  language: Language,
): string[] {
  const { active } = status.alarms;
  const reasons = gatewayReasons(status, messages, format, language);
  return active === 0 ? reasons : [...reasons, messages.verdict.alarms(format.count(active), active)];
}

function gatewayReasons(
  status: StatusAnswer,
  messages: Messages,
  format: Formatter,
  language: Language,
): string[] {
  const { verdict, tags, faults, sources } = status;
  const words = messages.verdict;
  if (verdict === "not_set_up" || sources.length === 0) return [words.noSource];
  const titles = faults.filter(({ severity }) => severity !== "note").map((fault) => faultTitle(fault, language));
  const reasons = titles.length <= 3 ? titles : [...titles.slice(0, 2), words.more(titles.length - 2)];
  const notCurrent = tags.uncertain + tags.bad;
  if (notCurrent > 0) reasons.push(words.notCurrent(format.count(notCurrent), format.count(tags.total), notCurrent));
  if (reasons.length > 0) return reasons;
  if (tags.good === 0 && tags.waiting > 0) return [words.waitingForFirst];
  const good = words.okReason(format.count(tags.good), tags.good);
  return tags.waiting === 0 ? [good] : [good, words.okWaiting(format.count(tags.waiting), tags.waiting)];
}
