import { nowMs } from "./clock.ts";
import { isHub, linkState, lostSinceMs, plantStatus, status, tryNow } from "./gateway_state.ts";
import { LatePage } from "./late_page.tsx";
import { catalogues, type Messages, messages } from "./messages/messages.ts";
import { OverviewPage } from "./overview/overview_page.tsx";
import { Mark, MoonIcon, SunIcon, WarningIcon } from "./parts/icons.tsx";
import { format } from "./parts/language.ts";
import { TroubleNote } from "./parts/trouble_note.tsx";
import { isDark, type Language, language, theme } from "./preferences.ts";
import { allTags, hrefOf, meshParts, type Route, route } from "./route.ts";
import { AccountMenu } from "./session/account_menu.tsx";
import { DamagedPage } from "./session/damaged_page.tsx";
import { DebugBanner } from "./session/debug_banner.tsx";
import { LoginPage } from "./session/login_page.tsx";
import { PairPage } from "./session/pair_page.tsx";
import { face, sessionTrouble } from "./session/session.ts";
import { SetupPage } from "./session/setup_page.tsx";
import { TagsPage } from "./tags/tags_page.tsx";

/** The whole page: header, banners, and the page that the address names, once it is clear who looks. */
export function App() {
  const here = route.value;
  const open = face.value === "open" && here.page !== "pair";
  const filled = open && here.page === "tags";
  return (
    <div class={`app${filled ? " app-filled" : ""}${open && linkState.value === "lost" ? " lost" : ""}`}>
      <a class="skip" href="#content" onClick={skip}>{messages.value.skipToContent}</a>
      <Header pages={face.value === "open"} />
      {face.value === "open" && <LostBanner />}
      {face.value === "open" && <DebugBanner />}
      <Content here={here} />
    </div>
  );
}

function Content({ here }: { readonly here: Route }) {
  const shown = face.value;
  if (shown === "asking") return <AskingPage />;
  if (shown === "unclaimed") return <SetupPage />;
  if (here.page === "pair") return <PairPage key={here.code} given={here.code} />;
  if (shown === "damaged") return <DamagedPage />;
  if (shown === "login") return <LoginPage />;
  if (isHub.value && here.page !== "security") {
    return <LatePage here={here.page === "mesh" ? here : { page: "mesh", part: "nodes" }} />;
  }
  if (here.page === "tags") return <TagsPage here={here} />;
  // a gateway has no mesh pages: an old bookmark leads to the overview
  if (here.page === "overview" || here.page === "mesh") return <OverviewPage />;
  return <LatePage here={here} />;
}

/** Until the gateway has said who this browser is. */
function AskingPage() {
  const trouble = sessionTrouble.value;
  return (
    <main id="content" class="overview" tabIndex={-1}>
      <h1 class="offscreen">{messages.value.faces.asking}</h1>
      {trouble instanceof Error ? <TroubleNote trouble={trouble} /> : (
        <p class="waiting" role="status">
          {trouble === null ? `${messages.value.session.asking}…` : messages.value.session.unreachable}
        </p>
      )}
    </main>
  );
}

const gatewayPlaces: readonly Place[] = [
  { to: { page: "overview" }, word: (words) => words.pages.overview },
  { to: allTags, word: (words) => words.pages.tags },
  { to: { page: "alarms", show: "now" }, word: (words) => words.pages.alarms },
  { to: { page: "commands", device: null }, word: (words) => words.pages.commands },
  { to: { page: "security", section: null }, word: (words) => words.pages.security },
];

const hubPlaces: readonly Place[] = [
  ...meshParts.map((part): Place => ({ to: { page: "mesh", part }, word: (words) => words.meshParts[part] })),
  { to: { page: "security", section: null }, word: (words) => words.pages.security },
];

/** A page of the header, and what it is called. */
interface Place {
  readonly to: Route;
  readonly word: (words: Messages) => string;
}

/** Whether the page that is shown is this one: a hub shows its nodes where a gateway has its overview. */
function isHere({ to }: Place, here: Route): boolean {
  if (to.page !== "mesh") return to.page === here.page;
  return here.page === "mesh" ? to.part === here.part : here.page !== "security" && to.part === "nodes";
}

function Header({ pages }: { readonly pages: boolean }) {
  const words = messages.value;
  const name = status.value?.name ?? "Edgekeep";
  const site = status.value?.site ?? "";
  return (
    <header class="top">
      <div class="identity">
        <Mark />
        <span class="identity-name">{name}</span>
        {site !== "" && <span class="identity-site">{site}</span>}
      </div>
      {pages && (
        <nav class="pages" aria-label={words.pages.label}>
          {(isHub.value ? hubPlaces : gatewayPlaces).map((place) => (
            <a
              key={hrefOf(place.to)}
              href={hrefOf(place.to)}
              aria-current={isHere(place, route.value) ? "page" : undefined}
            >
              {place.word(words)}
              {place.to.page === "alarms" && <Unacknowledged />}
            </a>
          ))}
        </nav>
      )}
      <div class="tools">
        {pages && (
          <span class={`link link-${linkState.value}`}>
            <span class="link-text">{words.connection[linkState.value]}</span>
          </span>
        )}
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
        {pages && <AccountMenu />}
      </div>
    </header>
  );
}

/** How many alarms wait for somebody. */
function Unacknowledged() {
  const waiting = plantStatus.value?.alarms.unacknowledged ?? 0;
  if (waiting === 0) return null;
  return (
    <span class="badge">
      {format.value.count(waiting)} <span class="offscreen">{messages.value.alarms.unacknowledged}</span>
    </span>
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
