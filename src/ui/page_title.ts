import { linkState, status } from "./gateway_state.ts";
import { messages } from "./messages/messages.ts";
import { route } from "./route.ts";
import { face } from "./session/session.ts";

/** The title of the browser's tab: it says from afar when something is wrong. Reads signals. */
export function pageTitle(): string {
  const words = messages.value;
  const page = face.value === "open" || route.value.page === "pair"
    ? words.pages[route.value.page]
    : words.faces[face.value];
  const name = status.value?.name ?? "Edgekeep";
  if (linkState.value === "lost") return `⚠ ${words.connection.lost} · ${name}`;
  const verdict = status.value?.verdict;
  return `${verdict === undefined || verdict === "ok" ? "" : "⚠ "}${page} · ${name}`;
}
