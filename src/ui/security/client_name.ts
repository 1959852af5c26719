/** Browsers as they name themselves, those first that also claim to be one of the later ones. */
const browsers = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], [
  "Version",
  "Safari",
]];

/**
 * What a client is, for people: browser, version and system of a browser's user agent, which says much that was never
 * true; any other text as it is.
 */
export function clientName(client: string): string {
  if (!client.startsWith("Mozilla/")) return client;
  for (const [token = "", name = ""] of browsers) {
    const version = new RegExp(`\\b${token}/(\\d+)`).exec(client)?.[1];
    if (version === undefined) continue;
    const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(client)?.[1];
    return `${name} ${version}${system === undefined ? "" : `, ${system}`}`;
  }
  return client;
}
