/** Titles of the statuses that problem documents are answered with (RFC 9457 §3.1.3). */
export const statusTitles = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  429: "Too many requests",
  500: "Internal error",
  502: "Bad gateway",
  503: "Not available now",
  504: "Gateway timeout",
  505: "HTTP version not supported",
} as const;
