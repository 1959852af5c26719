/** What an `Authorization` header says. */
export type Authorization =
  | { readonly scheme: "bearer"; readonly token: string }
  | { readonly scheme: "basic"; readonly user: string; readonly password: string }
  | { readonly scheme: null; readonly reason: "malformed_scheme" | "malformed_base64" | "missing_colon" };

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Reads `Bearer` (RFC 6750 §2.1) and `Basic` (RFC 7617 §2, UTF-8). The scheme's case does not matter. */
export function readAuthorization(header: string): Authorization {
  const found = /^([A-Za-z]+) +(\S+)$/.exec(header.trim());
  const [, scheme = "", rest = ""] = found ?? [];
  if (scheme.toLowerCase() === "bearer") return { scheme: "bearer", token: rest };
  if (scheme.toLowerCase() !== "basic") return { scheme: null, reason: "malformed_scheme" };
  if (!base64.test(rest)) return { scheme: null, reason: "malformed_base64" };
  let text: string;
  try {
    const bytes = Uint8Array.from(atob(rest), (character) => character.charCodeAt(0));
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { scheme: null, reason: "malformed_base64" };
  }
  const colon = text.indexOf(":");
  if (colon < 0) return { scheme: null, reason: "missing_colon" };
  return { scheme: "basic", user: text.slice(0, colon), password: text.slice(colon + 1) };
}
