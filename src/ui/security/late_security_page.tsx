import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messages } from "../messages/messages.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { UnreachableError } from "../api_request.ts";
import type { SecurityRoute } from "./security_page.tsx";

type Page = ComponentType<{ readonly here: SecurityRoute }>;

let loaded: Page | null = null;

/** The security page, fetched when it is first opened: most people never do. */
export function LateSecurityPage({ here }: { readonly here: SecurityRoute }) {
  const [Page, setPage] = useState<Page | null>(() => loaded);
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (loaded !== null) return;
    let gone = false;
    setFailed(false);
    import("./security_page.tsx").then(({ SecurityPage }) => {
      loaded = SecurityPage;
      if (!gone) setPage(() => SecurityPage);
    }).catch(() => {
      if (!gone) setFailed(true);
    });
    return () => {
      gone = true;
    };
  }, [attempt]);
  if (Page !== null) return <Page here={here} />;
  return (
    <main id="content" class="overview" tabIndex={-1}>
      <h1 class="offscreen">{messages.value.pages.security}</h1>
      {failed
        ? (
          <>
            <TroubleNote trouble={new UnreachableError("security page")} />
            <p>
              <button type="button" class="button" onClick={() => setAttempt(attempt + 1)}>
                {messages.value.trouble.retry}
              </button>
            </p>
          </>
        )
        : <p class="waiting">{messages.value.session.asking}…</p>}
    </main>
  );
}
