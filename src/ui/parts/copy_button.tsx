import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { messages } from "../messages/messages.ts";
import { CopyIcon, TickIcon } from "./icons.tsx";

const CONFIRM_MS = 2_000;

/** Puts a text on the clipboard and says that it did. `what` names it for people who do not see the icon. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const copied = useSignal(false);
  useEffect(() => {
    if (!copied.value) return;
    const timer = setTimeout(() => copied.value = false, CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [copied.value]);
  const { copy } = messages.value;
  return (
    <button
      type="button"
      class="icon-button copy"
      aria-label={copied.value ? copy.copied : copy.copy(what)}
      title={copied.value ? copy.copied : copy.copy(what)}
      onClick={async () => {
        copied.value = await copyText(text);
      }}
    >
      {copied.value ? <TickIcon /> : <CopyIcon />}
    </button>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // plain HTTP on another host than localhost has no clipboard API
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "offscreen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
