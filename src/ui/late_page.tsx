import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { UnreachableError } from "./api_request.ts";
import { messages } from "./messages/messages.ts";
import { TroubleNote } from "./parts/trouble_note.tsx";
import type { Route } from "./route.ts";

/** A page that does not come with the first one. */
export type LateRoute = Extract<Route, { page: "alarms" | "commands" | "security" | "mesh" }>;

type Show = (here: LateRoute) => ComponentChildren;

/** Pages that are fetched together, and what shows one of them. */
const bundles = {
  late: async (): Promise<Show> => {
    const { AlarmsPage, CommandsPage, SecurityPage } = await import("./late_pages.ts");
    return (here) => {
      if (here.page === "alarms") return <AlarmsPage here={here} />;
      if (here.page === "commands") return <CommandsPage here={here} />;
      return here.page === "security" ? <SecurityPage here={here} /> : null;
    };
  },
  hub: async (): Promise<Show> => {
    const { MeshPage } = await import("./hub_pages.ts");
    return (here) => here.page === "mesh" ? <MeshPage part={here.part} /> : null;
  },
};
const loaded = new Map<keyof typeof bundles, Show>();

/** Alarms, commands, security or the mesh, fetched when one of its bundle is first opened. */
export function LatePage({ here }: { readonly here: LateRoute }) {
  const bundle = here.page === "mesh" ? "hub" : "late";
  const [, setFetched] = useState(0);
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (loaded.has(bundle)) return;
    let gone = false;
    setFailed(false);
    bundles[bundle]().then((show) => {
      loaded.set(bundle, show);
      if (!gone) setFetched((count) => count + 1);
    }).catch(() => {
      if (!gone) setFailed(true);
    });
    return () => {
      gone = true;
    };
  }, [bundle, attempt]);
  const show = loaded.get(bundle);
  if (show !== undefined) return <>{show(here)}</>;
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
