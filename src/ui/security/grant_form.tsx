import { useState } from "preact/hooks";
import type { Role } from "../access_answers.ts";
import { ApiError } from "../api_request.ts";
import { Form, SendButton, TextField } from "../parts/form.tsx";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { daysOf, type Lifetime, LifetimeField, RoleField } from "./grant_fields.tsx";
import { Card } from "./part.tsx";

/** What somebody is given: for whom, as what, for how many days (`null`: until revoked). */
export interface Grant {
  readonly label: string;
  readonly role: Role;
  readonly days: number | null;
}

interface GrantWords {
  readonly add: string;
  readonly label: string;
  readonly labelHint: string;
  readonly missing: string;
  readonly lifetimeHint?: string;
}

/** The form that makes a token or a pairing code: label, role, lifetime. */
export function GrantForm(
  { words, button, onGrant }: {
    readonly words: GrantWords;
    readonly button: string;
    readonly onGrant: (grant: Grant) => Promise<void>;
  },
) {
  const [label, setLabel] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [lifetime, setLifetime] = useState<Lifetime>("year");
  const action = useAction();
  const send = () =>
    action.run(async () => {
      if (label.trim() === "") throw new ApiError(400, "incomplete", words.missing, { field: "label" });
      await onGrant({ label: label.trim(), role, days: daysOf(lifetime) });
      setLabel("");
    });
  const { trouble } = action;
  return (
    <Card heading={words.add}>
      <Form onSend={send} label={words.add}>
        <TextField
          label={words.label}
          hint={words.labelHint}
          value={label}
          onValue={setLabel}
          fault={faultOf(trouble, "label")}
          autocomplete="off"
        />
        <RoleField role={role} onRole={setRole} />
        <LifetimeField lifetime={lifetime} onLifetime={setLifetime} hint={words.lifetimeHint} />
        <TroubleNote trouble={faultOf(trouble, "label") === null ? trouble : null} />
        <SendButton busy={action.busy}>{button}</SendButton>
      </Form>
    </Card>
  );
}
