import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { messages } from "../messages/messages.ts";

/**
 * A button for what cannot be taken back: asks once, in place. Escape and "Cancel" take it back.
 *
 * @param question what is asked, naming what it is about
 */
export function ConfirmButton(
  { label, question, busy = false, onConfirm }: {
    readonly label: string;
    readonly question: string;
    readonly busy?: boolean;
    readonly onConfirm: () => void;
  },
) {
  const [asking, setAsking] = useState(false);
  const asked = useRef(false);
  const opener = useRef<HTMLButtonElement>(null);
  const yes = useRef<HTMLButtonElement>(null);
  // before anybody can press a key: an Escape that comes at once belongs to the question
  useLayoutEffect(() => {
    if (asking) yes.current?.focus();
    else if (asked.current) opener.current?.focus();
    asked.current = asking;
  }, [asking]);
  if (!asking) {
    return (
      <button
        ref={opener}
        type="button"
        class="button button-small"
        disabled={busy}
        onClick={() => setAsking(true)}
      >
        {label}
      </button>
    );
  }
  return (
    <span
      class="confirm"
      role="group"
      aria-label={question}
      onKeyDown={({ key }) => {
        if (key === "Escape") setAsking(false);
      }}
    >
      <span class="confirm-question">{question}</span>
      <button
        ref={yes}
        type="button"
        class="button button-small button-danger"
        onClick={() => {
          setAsking(false);
          onConfirm();
        }}
      >
        {label}
      </button>
      <button type="button" class="button button-small" onClick={() => setAsking(false)}>
        {messages.value.confirm.cancel}
      </button>
    </span>
  );
}
