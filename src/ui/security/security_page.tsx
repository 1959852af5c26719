import type { ComponentType } from "preact";
import type { Role } from "../access_answers.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { go, hrefOf, type Route, type SecuritySection, securitySections } from "../route.ts";
import { isLoopback, loginReason, may, principal } from "../session/session.ts";
import { AccountSection } from "./account_section.tsx";
import { AuditSection } from "./audit_section.tsx";
import { CertificatesSection } from "./certificates_section.tsx";
import { DebugSection } from "./debug_section.tsx";
import { ExposureSection } from "./exposure_section.tsx";
import { PairingSection } from "./pairing_section.tsx";
import { Part } from "./part.tsx";
import { SessionsSection } from "./sessions_section.tsx";
import { TokensSection } from "./tokens_section.tsx";
import { UsersSection } from "./users_section.tsx";

/** The address of a part of this page. */
export type SecurityRoute = Extract<Route, { page: "security" }>;

/** Each part with the least role that sees it: the role that its reading operation needs. */
const sections: Readonly<Record<SecuritySection, { readonly needs: Role; readonly Content: ComponentType }>> = {
  exposure: { needs: "engineer", Content: ExposureSection },
  users: { needs: "admin", Content: UsersSection },
  tokens: { needs: "admin", Content: TokensSection },
  pairing: { needs: "admin", Content: PairingSection },
  sessions: { needs: "admin", Content: SessionsSection },
  certificates: { needs: "engineer", Content: CertificatesSection },
  debug: { needs: "admin", Content: DebugSection },
  audit: { needs: "admin", Content: AuditSection },
  account: { needs: "viewer", Content: AccountSection },
};

/** Who may do what here, who can reach what, and who did. */
export function SecurityPage({ here }: { readonly here: SecurityRoute }) {
  const words = securityMessages.value;
  const seen = securitySections.filter((section) => may(sections[section].needs));
  const section = here.section ?? seen[0] ?? "account";
  const { needs, Content } = sections[section];
  return (
    <main id="content" class="security" tabIndex={-1}>
      <h1 class="offscreen">{messages.value.pages.security}</h1>
      {seen.length > 1 && (
        <>
          <nav class="tree security-tree" aria-label={words.choose}>
            <ul>
              {seen.map((each) => (
                <li key={each}>
                  <a
                    href={hrefOf({ page: "security", section: each })}
                    aria-current={each === section ? "page" : undefined}
                  >
                    {words.sections[each]}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <label class="field security-choice">
            <span class="offscreen">{words.choose}</span>
            <select
              value={section}
              onChange={({ currentTarget }) => {
                const chosen = securitySections.find((each) => each === currentTarget.value);
                if (chosen !== undefined) go({ page: "security", section: chosen });
              }}
            >
              {seen.map((each) => <option key={each} value={each}>{words.sections[each]}</option>)}
            </select>
          </label>
        </>
      )}
      <div class="security-part">
        {may(needs) ? <Content key={section} /> : <NotAllowed section={section} needs={needs} />}
      </div>
    </main>
  );
}

function NotAllowed({ section, needs }: { readonly section: SecuritySection; readonly needs: Role }) {
  const words = securityMessages.value;
  const who = principal.value;
  const { roles } = messages.value;
  return (
    <Part heading={words.sections[section]}>
      <p>{words.needs(roles[needs], roles[who?.role ?? "viewer"])}</p>
      {isLoopback(who) && (
        <p>
          <button type="button" class="button button-main" onClick={() => loginReason.value = "asked"}>
            {words.login}
          </button>
        </p>
      )}
    </Part>
  );
}
