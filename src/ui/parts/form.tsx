import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** What every field has. */
interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  /** What is to be known before filling it in. */
  readonly hint?: string | undefined;
  /** What is wrong with what was filled in; `null` for nothing. */
  readonly fault?: string | null | undefined;
}

/** A line of text. */
export function TextField(
  { label, value, onValue, hint, fault, ...input }: FieldProps & {
    readonly type?: "text" | "password" | "number";
    readonly autocomplete?: string;
    readonly min?: number;
    readonly max?: number;
    readonly required?: boolean;
    readonly wide?: boolean;
    /** A code or fingerprint: letters of equal width, no corrections. */
    readonly code?: boolean;
  },
) {
  const id = useId();
  const { wide, code, type = "text", ...plain } = input;
  return (
    <FieldFrame id={id} label={label} hint={hint} fault={fault} wide={wide}>
      <input
        id={id}
        // Preact's types tell kinds of fields apart by the roles they may have; none is given here
        type={type as "text"}
        {...plain}
        {...(code ? { class: "mono", autocapitalize: "off", spellcheck: false } : {})}
        value={value}
        aria-invalid={fault ? true : undefined}
        aria-describedby={describedBy(id, hint, fault)}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </FieldFrame>
  );
}

/** Several lines of text. */
export function LinesField({ label, value, onValue, hint, fault }: FieldProps) {
  const id = useId();
  return (
    <FieldFrame id={id} label={label} hint={hint} fault={fault} wide>
      <textarea
        id={id}
        class="mono"
        rows={2}
        spellcheck={false}
        value={value}
        aria-invalid={fault ? true : undefined}
        aria-describedby={describedBy(id, hint, fault)}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </FieldFrame>
  );
}

/** A choice. */
export function ChoiceField(
  { label, value, onValue, hint, fault, choices }: FieldProps & {
    readonly choices: readonly { readonly value: string; readonly text: string }[];
  },
) {
  const id = useId();
  return (
    <FieldFrame id={id} label={label} hint={hint} fault={fault}>
      <select
        id={id}
        value={value}
        aria-invalid={fault ? true : undefined}
        aria-describedby={describedBy(id, hint, fault)}
        onChange={({ currentTarget }) => onValue(currentTarget.value)}
      >
        {choices.map(({ value, text }) => <option key={value} value={value}>{text}</option>)}
      </select>
    </FieldFrame>
  );
}

function FieldFrame(
  { id, label, hint, fault, wide, children }: {
    readonly id: string;
    readonly label: string;
    readonly hint: string | undefined;
    readonly fault: string | null | undefined;
    readonly wide?: boolean | undefined;
    readonly children: ComponentChildren;
  },
) {
  return (
    <div class={`form-field${wide ? " form-field-wide" : ""}`}>
      <label for={id}>{label}</label>
      {children}
      {hint !== undefined && <p class="form-hint" id={`${id}-hint`}>{hint}</p>}
      {fault ? <p class="form-fault" id={`${id}-fault`}>{fault}</p> : null}
    </div>
  );
}

function describedBy(id: string, hint: string | undefined, fault: string | null | undefined): string | undefined {
  const parts = [...(hint === undefined ? [] : [`${id}-hint`]), ...(fault ? [`${id}-fault`] : [])];
  return parts.length === 0 ? undefined : parts.join(" ");
}

/** Fields that are sent together; Enter sends too. */
export function Form(
  { onSend, label, children }: {
    readonly onSend: () => void;
    readonly label?: string;
    readonly children: ComponentChildren;
  },
) {
  return (
    <form
      class="form"
      noValidate
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      {children}
    </form>
  );
}

/** What sends a form. While it is under way it cannot be sent again. */
export function SendButton(
  { busy, disabled = false, children }: {
    readonly busy: boolean;
    readonly disabled?: boolean;
    readonly children: ComponentChildren;
  },
) {
  return (
    <button type="submit" class="button button-main" disabled={busy || disabled} aria-busy={busy}>{children}</button>
  );
}
