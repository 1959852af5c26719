import { signal } from "@preact/signals";

/** Which values the tags page shows. */
export type QualityFilter = "all" | "not_good" | "bad";

/** Parts of the security page, in their order. */
export const securitySections = [
  "exposure",
  "users",
  "tokens",
  "pairing",
  "sessions",
  "certificates",
  "debug",
  "audit",
  "account",
] as const;
/** A part of the security page. */
export type SecuritySection = typeof securitySections[number];

/** Parts of the mesh page of a hub, in their order. */
export const meshParts = ["nodes", "topology", "policy", "tokens", "keys"] as const;
/** A part of the mesh page. */
export type MeshPart = typeof meshParts[number];

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
  }
  | {
    readonly page: "security";
    /** `null`: the first that the person may see. */
    readonly section: SecuritySection | null;
  }
  | MeshRoute
  | AlarmsRoute
  | CommandsRoute
  | {
    readonly page: "pair";
    /** The code of a pairing link; never written into an address. */
    readonly code: string;
  };

/** The mesh of a hub. */
export interface MeshRoute {
  readonly page: "mesh";
  readonly part: MeshPart;
}

/** Alarms that somebody should look at, all of them, or what has happened. */
export interface AlarmsRoute {
  readonly page: "alarms";
  readonly show: "now" | "all" | "journal";
}

/** Commands to a device. */
export interface CommandsRoute {
  readonly page: "commands";
  /** DevEUI; `null`: the first that has commands. */
  readonly device: string | null;
}

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
  const parameters = new URLSearchParams(query);
  if (path === "/pair") return { page: "pair", code: parameters.get("code") ?? "" };
  const [, first, second] = (path ?? "").split("/");
  if (first === "security") {
    return { page: "security", section: securitySections.find((section) => section === second) ?? null };
  }
  if (first === "mesh") return { page: "mesh", part: meshParts.find((part) => part === second) ?? "nodes" };
  if (first === "alarms") return { page: "alarms", show: second === "all" || second === "journal" ? second : "now" };
  if (first === "commands") return { page: "commands", device: second ?? null };
  if (path !== "/tags") return { page: "overview" };
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
  if (route.page === "pair") return "#/pair";
  if (route.page === "mesh") return `#/mesh/${route.part}`;
  if (route.page === "security") return route.section === null ? "#/security" : `#/security/${route.section}`;
  if (route.page === "alarms") return route.show === "now" ? "#/alarms" : `#/alarms/${route.show}`;
  if (route.page === "commands") return route.device === null ? "#/commands" : `#/commands/${route.device}`;
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
    const read = parseRoute(location.hash);
    // a code is a secret for five minutes: it does not stay in the address bar or the history
    if (read.page === "pair" && read.code !== "") history.replaceState(null, "", hrefOf(read));
    // the address without the code, which the line above made, is told of as a change too
    if (read.page === "pair" && read.code === "" && route.value.page === "pair") return;
    route.value = read;
  };
  read();
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  return () => {
    removeEventListener("hashchange", read);
    removeEventListener("popstate", read);
  };
}
