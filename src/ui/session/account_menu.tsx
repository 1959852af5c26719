import { useEffect, useRef, useState } from "preact/hooks";
import { messages } from "../messages/messages.ts";
import { PersonIcon } from "../parts/icons.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { hrefOf } from "../route.ts";
import { isLoopback, loginReason, logout, principal } from "./session.ts";

/** Who is looking, and the way in or out. */
export function AccountMenu() {
  const words = messages.value.session;
  const [open, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const action = useAction();
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && place.current?.contains(event.target) !== true) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
      removeEventListener("keydown", escape);
    };
  }, [open]);
  const who = principal.value;
  if (who === null) return null;
  const { name, role } = who;
  const looking = isLoopback(who);
  return (
    <div class={looking ? "account account-looking" : "account"} ref={place}>
      <button
        ref={button}
        type="button"
        class="account-button"
        aria-expanded={open}
        aria-controls="account-panel"
        onClick={() => setOpen(!open)}
      >
        <PersonIcon />
        <span class="offscreen">{words.label}:</span>
        <span class="account-name">{looking ? words.loopback : name}</span>
        {!looking && <span class="account-role">{messages.value.roles[role]}</span>}
      </button>
      {looking && (
        <button
          type="button"
          class="button button-small account-login"
          onClick={() => loginReason.value = "asked"}
        >
          {words.login}
        </button>
      )}
      {open && (
        <div class="account-panel" id="account-panel">
          <p class="account-who">{looking ? words.loopback : name}</p>
          {!looking && <p class="hint">{words.as(messages.value.roles[role])}</p>}
          {looking
            ? (
              <button
                type="button"
                class="button"
                onClick={() => {
                  setOpen(false);
                  loginReason.value = "asked";
                }}
              >
                {words.login}
              </button>
            )
            : (
              <>
                <a href={hrefOf({ page: "security", section: "account" })} onClick={() => setOpen(false)}>
                  {words.account}
                </a>
                <button type="button" class="button" disabled={action.busy} onClick={() => action.run(logout)}>
                  {words.logout}
                </button>
              </>
            )}
          <TroubleNote trouble={action.trouble} />
        </div>
      )}
    </div>
  );
}
