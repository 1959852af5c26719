import { type Role, roles } from "../access_answers.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { ChoiceField } from "../parts/form.tsx";

/** Lifetimes to choose from, days. */
const lifetimes = { day: 1, month: 30, year: 365, forever: null } as const;
/** How long a new token is good. */
export type Lifetime = keyof typeof lifetimes;

/** Days of a lifetime; `null`: until revoked. */
export function daysOf(lifetime: Lifetime): number | null {
  return lifetimes[lifetime];
}

/** Chooses a role and says what it may do. */
export function RoleField({ role, onRole }: { readonly role: Role; readonly onRole: (role: Role) => void }) {
  const words = securityMessages.value;
  return (
    <ChoiceField
      label={words.role}
      hint={words.roleHints[role]}
      value={role}
      onValue={(value) => onRole(roles.find((each) => each === value) ?? "viewer")}
      choices={roles.map((each) => ({ value: each, text: messages.value.roles[each] }))}
    />
  );
}

/** Chooses a lifetime. */
export function LifetimeField(
  { lifetime, onLifetime, hint }: {
    readonly lifetime: Lifetime;
    readonly onLifetime: (lifetime: Lifetime) => void;
    readonly hint?: string;
  },
) {
  const words = securityMessages.value;
  const all = Object.keys(lifetimes) as Lifetime[];
  return (
    <ChoiceField
      label={words.lifetime}
      hint={hint}
      value={lifetime}
      onValue={(value) => onLifetime(all.find((each) => each === value) ?? "month")}
      choices={all.map((each) => ({ value: each, text: words.lifetimes[each] }))}
    />
  );
}
