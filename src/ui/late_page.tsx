import { useEffect, useState } from "preact/hooks";
import { UnreachableError } from "./api_request.ts";
import { messages } from "./messages/messages.ts";
import { TroubleNote } from "./parts/trouble_note.tsx";
import type { Route } from "./route.ts";

type Pages = typeof import("./late_pages.ts");

/** A page that does not come with the first one. */
export type LateRoute = Extract<Route, { page: "alarms" | "commands" | "security" }>;

let loaded: Pages | null = null;

/** Alarms, commands or security, fetched together when one of them is first opened. */
export function LatePage({ here }: { readonly here: LateRoute }) {
  const [pages, setPages] = useState<Pages | null>(loaded);
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (loaded !== null) return;
    let gone = false;
    setFailed(false);
    import("./late_pages.ts").then((fetched) => {
      loaded = fetched;
      if (!gone) setPages(fetched);
    }).catch(() => {
      if (!gone) setFailed(true);
    });
    return () => {
      gone = true;
    };
  }, [attempt]);
  if (pages !== null) {
    const { AlarmsPage, CommandsPage, SecurityPage } = pages;
    if (here.page === "alarms") return <AlarmsPage here={here} />;
    if (here.page === "commands") return <CommandsPage here={here} />;
    return <SecurityPage here={here} />;
  }
  const name = messages.value.pages[here.page];
  return (
    <main id="content" class="overview" tabIndex={-1}>
      <h1 class="offscreen">{name}</h1>
      {failed
        ? (
          <>
            <TroubleNote trouble={new UnreachableError(name)} />
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
