import type { ComponentChildren } from "preact";
import { securityMessages } from "../messages/security_messages.ts";
import { messages } from "../messages/messages.ts";
import { TickIcon } from "../parts/icons.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import type { Answered } from "../parts/use_answer.ts";

/** A part of the security page: heading, what it is for, content. */
export function Part(
  { heading, intro, children }: {
    readonly heading: string;
    readonly intro?: string;
    readonly children: ComponentChildren;
  },
) {
  return (
    <section class="part" aria-labelledby="part-heading">
      <h2 id="part-heading">{heading}</h2>
      {intro !== undefined && <p class="part-intro">{intro}</p>}
      {children}
    </section>
  );
}

/** A framed group within a part. */
export function Card(
  { heading, children }: { readonly heading?: string | undefined; readonly children: ComponentChildren },
) {
  return (
    <div class="card">
      {heading !== undefined && <h3>{heading}</h3>}
      {children}
    </div>
  );
}

/**
 * Shows an answer once it is there, and until then that it is being read, or why it cannot be. When a later reading
 * fails, the answer before stays and the failure is said above it.
 */
export function Answer<T>(
  { answer, children }: { readonly answer: Answered<T>; readonly children: (value: T) => ComponentChildren },
) {
  const { value, trouble, reload } = answer;
  return (
    <>
      {trouble !== null && (
        <div class="failed">
          <TroubleNote trouble={trouble} />
          <button type="button" class="button" onClick={() => void reload()}>{messages.value.trouble.retry}</button>
        </div>
      )}
      {value !== null
        ? children(value)
        : trouble === null && <p class="hint" role="status">{securityMessages.value.loading}…</p>}
    </>
  );
}

/** What an action did. The place is always there, so that readers announce it. */
export function Done({ text }: { readonly text: string | null }) {
  return (
    <div class="done-place" role="status">
      {text !== null && (
        <p class="note note-done">
          <TickIcon />
          <span>{text}</span>
        </p>
      )}
    </div>
  );
}

/** That a list has nothing, and what to do about it. */
export function Empty({ text, hint }: { readonly text: string; readonly hint?: string }) {
  return (
    <div class="empty-list">
      <p>{text}</p>
      {hint !== undefined && <p class="hint">{hint}</p>}
    </div>
  );
}
