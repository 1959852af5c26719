import { type ApiRoute, apiRoutes } from "./api_routes.ts";

/** A route that an address and a method lead to. */
export type FoundRoute =
  | { readonly kind: "found"; readonly route: ApiRoute; readonly params: Readonly<Record<string, string>> }
  /** The address is known, with other methods: `GET, PUT`. */
  | { readonly kind: "other_method"; readonly allow: string }
  | { readonly kind: "unknown" };

const parts: Readonly<Record<string, string>> = {
  id: "(?<id>n_[0-9a-f]{32})",
  to: "(?<to>n_[0-9a-f]{32})",
  sha256: "(?<sha256>[0-9a-f]{64})",
};

const patterns = apiRoutes.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replace(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? "")}$`),
}));

/** @param path without query; ids in it are matched strictly, so there is one spelling of each address */
export function findRoute(method: string, path: string): FoundRoute {
  const matches = patterns.flatMap(({ route, pattern }) => {
    const match = pattern.exec(path);
    return match === null ? [] : [{ route, params: match.groups ?? {} }];
  });
  const found = matches.find(({ route }) => route.method === method);
  if (found !== undefined) return { kind: "found", ...found };
  if (matches.length === 0) return { kind: "unknown" };
  return { kind: "other_method", allow: matches.map(({ route }) => route.method).join(", ") };
}
