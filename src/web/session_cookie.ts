/**
 * The name of the session cookie. Over HTTPS the prefix `__Host-` keeps pages of sibling names and of plain HTTP from
 * setting it (RFC 6265bis §4.1.3.2).
 */
export function sessionCookieName(secure: boolean): string {
  return secure ? "__Host-edgekeep" : "edgekeep";
}

/** The session's secret in a Cookie header; `several` when it is there more than once. */
export function readSessionCookie(header: string | undefined, secure: boolean): string | "several" | null {
  const start = `${sessionCookieName(secure)}=`;
  const values = (header ?? "").split(";").map((pair) => pair.trim()).filter((pair) => pair.startsWith(start));
  if (values.length > 1) return "several";
  return values[0]?.slice(start.length) ?? null;
}

/**
 * The Set-Cookie header that gives a browser its session.
 *
 * @param maxAgeSeconds how long the browser keeps it; `null`: until it is closed
 */
export function sessionCookie(value: string, secure: boolean, maxAgeSeconds: number | null): string {
  return [
    `${sessionCookieName(secure)}=${value}`,
    "Path=/",
    "HttpOnly",
    "SameSite=Strict",
    ...(secure ? ["Secure"] : []),
    ...(maxAgeSeconds === null ? [] : [`Max-Age=${maxAgeSeconds}`]),
  ].join("; ");
}

/** The Set-Cookie header that takes the session away. */
export function endedSessionCookie(secure: boolean): string {
  return sessionCookie("", secure, 0);
}
