import { signal } from "@preact/signals";

/** Which values the tags page shows. */
export type QualityFilter = "all" | "not_good" | "bad";

/** What the address of the page names. Everything that a person would want to bookmark or send on is in it. */
export type Route =
  | { readonly page: "overview" }
  | {
    readonly page: "tags";
    /** A DevEUI or `gateway`; `null` shows all. */
    readonly group: string | null;
    /** The tag whose details are open. */
    readonly tag: string | null;
    readonly show: QualityFilter;
    readonly search: string;
    readonly diagnostics: boolean;
  };

/** The tags page without any choice made. */
export const allTags = {
  page: "tags",
  group: null,
  tag: null,
  show: "all",
  search: "",
  diagnostics: false,
} as const satisfies Route;

/** Reads the part of an address behind `#`. What it does not know becomes the overview. */
export function parseRoute(hash: string): Route {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  if (path !== "/tags") return { page: "overview" };
  const parameters = new URLSearchParams(query);
  const show = parameters.get("show");
  return {
    page: "tags",
    group: parameters.get("device"),
    tag: parameters.get("tag"),
    show: show === "not_good" || show === "bad" ? show : "all",
    search: parameters.get("search") ?? "",
    diagnostics: parameters.get("diagnostics") === "1",
  };
}

/** The address of a route, from `#` on. */
export function hrefOf(route: Route): string {
  if (route.page === "overview") return "#/";
  const parameters = new URLSearchParams();
  if (route.group !== null) parameters.set("device", route.group);
  if (route.tag !== null) parameters.set("tag", route.tag);
  if (route.show !== "all") parameters.set("show", route.show);
  if (route.search !== "") parameters.set("search", route.search);
  if (route.diagnostics) parameters.set("diagnostics", "1");
  const query = parameters.toString();
  return query === "" ? "#/tags" : `#/tags?${query}`;
}

/** The route that is shown. */
export const route = signal<Route>({ page: "overview" });

/** Goes to a route. `replace` leaves no step for the back button, as fits typing into a search field. */
export function go(to: Route, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", hrefOf(to));
  else history.pushState(null, "", hrefOf(to));
  route.value = to;
}

/** Follows the address bar. Returns what ends it. */
export function followAddress(): () => void {
  const read = () => {
    route.value = parseRoute(location.hash);
  };
  read();
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  return () => {
    removeEventListener("hashchange", read);
    removeEventListener("popstate", read);
  };
}
