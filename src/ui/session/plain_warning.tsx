import { messages } from "../messages/messages.ts";
import { WarningIcon } from "../parts/icons.tsx";
import { session } from "./session.ts";

/** Warns before a secret is typed into a connection that others can read. */
export function PlainWarning() {
  const now = session.value;
  if (now === null || now.secure || isThisMachine(location.hostname)) return null;
  return (
    <div class="note note-warning">
      <WarningIcon />
      <p>{messages.value.login.plain}</p>
    </div>
  );
}

/** Whether a host name of an address names the machine itself. */
export function isThisMachine(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
