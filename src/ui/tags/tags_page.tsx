import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { tagCells } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { format } from "../parts/language.ts";
import { go, type QualityFilter, type Route } from "../route.ts";
import { groupDevices } from "./device_groups.ts";
import { DeviceChoice, DeviceTree } from "./device_tree.tsx";
import { TagDetail } from "./tag_detail.tsx";
import { filterCells } from "./tag_filter.ts";
import { TagTable } from "./tag_table.tsx";

type TagsRoute = Extract<Route, { page: "tags" }>;

/** Every value, live. */
export function TagsPage({ here }: { readonly here: TagsRoute }) {
  const words = messages.value.tags;
  const cells = tagCells.cells.value;
  if (here.show !== "all") tagCells.standings.value;
  const applications = groupDevices(cells.values());
  const shown = filterCells(cells.values(), here);
  const all = filterCells(cells.values(), { ...here, show: "all", search: "" }).length;
  const open = here.tag === null ? undefined : cells.get(here.tag);
  return (
    <main id="content" class={open === undefined ? "tags" : "tags with-detail"} tabIndex={-1}>
      <h1 class="offscreen">{messages.value.pages.tags}</h1>
      <DeviceTree applications={applications} route={here} />
      <section class="list">
        <FilterBar here={here} found={words.count(format.value.count(shown.length), format.value.count(all))}>
          <DeviceChoice applications={applications} route={here} />
        </FilterBar>
        {tagCells.loaded.value
          ? cells.size === 0 ? <p class="table empty">{words.noTags}</p> : <TagTable cells={shown} here={here} />
          : <p class="table empty">{words.loading}…</p>}
      </section>
      {open !== undefined && <TagDetail cell={open} onClose={() => go({ ...here, tag: null })} />}
    </main>
  );
}

function FilterBar(
  { here, found, children }: { readonly here: TagsRoute; readonly found: string; readonly children: ComponentChildren },
) {
  const words = messages.value.tags;
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest("input, select, textarea") !== null;
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  return (
    <div class="filter-bar">
      {children}
      <label class="field search">
        <span class="offscreen">{words.search}</span>
        <input
          ref={search}
          type="search"
          value={here.search}
          placeholder={words.searchPlaceholder}
          autocomplete="off"
          spellcheck={false}
          onInput={({ currentTarget }) => go({ ...here, search: currentTarget.value }, { replace: true })}
        />
      </label>
      <div class="segments" role="group" aria-label={words.show}>
        {(["all", "not_good", "bad"] as const satisfies readonly QualityFilter[]).map((show) => (
          <button
            key={show}
            type="button"
            aria-pressed={here.show === show}
            onClick={() => go({ ...here, show })}
          >
            {words.filters[show]}
          </button>
        ))}
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={here.diagnostics}
          onChange={({ currentTarget }) => go({ ...here, diagnostics: currentTarget.checked })}
        />
        {words.diagnostics}
      </label>
      <p class="list-count" aria-live="polite">{tagCells.loaded.value ? found : ""}</p>
    </div>
  );
}
