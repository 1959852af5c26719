/** A host name as the protocol takes names: letters, digits, `.`, `_` and `-`, at most 63 characters. */
export function nodeHostname(hostname: string): string {
  const fit = hostname.replace(/[^A-Za-z0-9._-]/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 63);
  return fit === "" ? "node" : fit;
}
