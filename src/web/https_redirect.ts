import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { parseListen, urlHost } from "../config/address.ts";

/** Where a plain request to a TLS port is sent. */
export interface RedirectTarget {
  /** Used when the request names no host, or none that can be one. */
  readonly host: string;
  readonly port: () => number;
}

/**
 * A server that answers every request with 308 to the same place over HTTPS (RFC 9110 §15.4.9) and closes the connection.
 * It does not listen: connections are handed to it. It reads no body, and nothing behind it is reached.
 */
export function createHttpsRedirect(target: RedirectTarget): Server {
  const server = createServer({ maxHeaderSize: 8192 }, (incoming, outgoing) => redirect(incoming, outgoing, target));
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  return server;
}

function redirect(incoming: IncomingMessage, outgoing: ServerResponse, target: RedirectTarget): void {
  const location = httpsLocation(incoming.headers.host, incoming.url ?? "/", {
    host: target.host,
    port: target.port(),
  });
  const text = `This port speaks HTTPS: ${location}\n`;
  outgoing.writeHead(308, {
    "Location": location,
    "Connection": "close",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": new TextEncoder().encode(text).length,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  outgoing.end(incoming.method === "HEAD" ? undefined : text);
}

/**
 * The same address over HTTPS. The Host header counts when it is a host, with or without a port; else `own` does. A
 * request target that is no path of visible ASCII characters becomes `/`.
 */
export function httpsLocation(
  host: string | undefined,
  path: string,
  own: { readonly host: string; readonly port: number },
): string {
  const asked = askedHost(host ?? "", own.port) ?? own;
  const target = /^\/(?![/\\])[\x21-\x7e]{0,4096}$|^\/$/.test(path) ? path : "/";
  return `https://${urlHost(asked.host)}${asked.port === 443 ? "" : `:${asked.port}`}${target}`;
}

function askedHost(text: string, port: number): { readonly host: string; readonly port: number } | null {
  return parseListen(text) ?? parseListen(`${text}:${port}`);
}
