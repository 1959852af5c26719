import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { messages } from "../messages/messages.ts";
import { CopyButton } from "./copy_button.tsx";

/** A secret that is seen this one time. It is nowhere but in the memory of the component that shows it. */
export function SecretOnce(
  { heading, secret, onDone, children }: {
    readonly heading: string;
    readonly secret: string;
    readonly onDone?: () => void;
    readonly children?: ComponentChildren;
  },
) {
  const words = messages.value.secret;
  const top = useRef<HTMLElement>(null);
  useEffect(() => top.current?.focus(), []);
  return (
    <section class="secret" tabIndex={-1} ref={top} aria-label={heading}>
      <h3>{heading}</h3>
      <p>{words.once}</p>
      <p class="secret-text">
        <code class="mono">{secret}</code>
        <CopyButton text={secret} what={words.token} />
      </p>
      {children}
      {onDone !== undefined && <button type="button" class="button" onClick={onDone}>{words.done}</button>}
    </section>
  );
}
