import { nowMs } from "./clock.ts";
import { linkState, lostSinceMs, status, tryNow } from "./gateway_state.ts";
import { catalogues, messages } from "./messages/messages.ts";
import { OverviewPage } from "./overview/overview_page.tsx";
import { Mark, MoonIcon, SunIcon, WarningIcon } from "./parts/icons.tsx";
import { format } from "./parts/language.ts";
import { isDark, type Language, language, theme } from "./preferences.ts";
import { allTags, hrefOf, route } from "./route.ts";
import { TagsPage } from "./tags/tags_page.tsx";

/** The whole page: header, banner, and the page that the address names. */
export function App() {
  const here = route.value;
  return (
    <div class={`app${here.page === "tags" ? " app-filled" : ""}${linkState.value === "lost" ? " lost" : ""}`}>
      <a class="skip" href="#content" onClick={skip}>{messages.value.skipToContent}</a>
      <Header />
      <LostBanner />
      {here.page === "tags" ? <TagsPage here={here} /> : <OverviewPage />}
    </div>
  );
}

function Header() {
  const words = messages.value;
  const name = status.value?.name ?? "Edgekeep";
  const site = status.value?.site ?? "";
  const { page } = route.value;
  return (
    <header class="top">
      <div class="identity">
        <Mark />
        <span class="identity-name">{name}</span>
        {site !== "" && <span class="identity-site">{site}</span>}
      </div>
      <nav class="pages" aria-label={words.pages.label}>
        <a href={hrefOf({ page: "overview" })} aria-current={page === "overview" ? "page" : undefined}>
          {words.pages.overview}
        </a>
        <a href={hrefOf(allTags)} aria-current={page === "tags" ? "page" : undefined}>{words.pages.tags}</a>
      </nav>
      <div class="tools">
        <span class={`link link-${linkState.value}`}>
          <span class="link-text">{words.connection[linkState.value]}</span>
        </span>
        <label class="language">
          <span class="offscreen">{words.chooseLanguage}</span>
          <select
            value={language.value}
            onChange={({ currentTarget }) => language.value = currentTarget.value === "de" ? "de" : "en"}
          >
            {(Object.keys(catalogues) as Language[]).map((code) => (
              <option key={code} value={code} lang={code}>{catalogues[code].language}</option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="icon-button"
          aria-label={isDark.value ? words.theme.toLight : words.theme.toDark}
          title={isDark.value ? words.theme.toLight : words.theme.toDark}
          onClick={() => theme.value = isDark.value ? "light" : "dark"}
        >
          {isDark.value ? <SunIcon /> : <MoonIcon />}
        </button>
      </div>
    </header>
  );
}

/** Says that the gateway is out of reach, and that what is seen is old. */
function LostBanner() {
  const words = messages.value.connection;
  return (
    <div class="banner-place" role="alert">
      {linkState.value === "lost" && (
        <div class="banner">
          <WarningIcon />
          <p>
            <strong>{words.banner(format.value.time(lostSinceMs.value, nowMs.value))}</strong> {words.bannerMore}
          </p>
          <button type="button" class="button" onClick={tryNow}>{words.tryNow}</button>
        </div>
      )}
    </div>
  );
}

function skip(event: Event): void {
  // the address belongs to the route: jump without changing it
  event.preventDefault();
  document.getElementById("content")?.focus();
}
