import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { getLogger } from "@logtape/logtape";

const log = getLogger(["edgekeep", "web"]);
const gzipAsync = promisify(gzip);

/** A file of the page, in memory. */
interface Asset {
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly hash: string;
  readonly compressible: boolean;
  gzipped: Promise<Uint8Array<ArrayBuffer>> | null;
}

/** The files of `static/`. Each may name the ones before it, as `/name`, and gets their hashed names instead. */
const files = [
  { name: "inter.woff2", contentType: "font/woff2", text: false },
  { name: "icon.svg", contentType: "image/svg+xml", text: true },
  { name: "styles.css", contentType: "text/css; charset=utf-8", text: true },
  { name: "de_faults.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "shared.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "shared_late.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "shared_hub.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "lists.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "late.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "hub.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "app.js", contentType: "text/javascript; charset=utf-8", text: true },
  { name: "index.html", contentType: "text/html; charset=utf-8", text: true },
] as const;

/** The page's files, answering requests. */
export interface StaticAssets {
  /** Whether a path is a file of the page. */
  has(path: string): boolean;
  /** The answer for a path that {@link has}. */
  respond(path: string, requestHeaders: Headers): Promise<Response>;
}

/**
 * Reads the page's files once. Under its own name a file is revalidated with its ETag at each load; the page itself names
 * the others by a path that holds their hash and is kept by browsers for good. Text is compressed at its first use.
 *
 * @param folder URL of `static/`, with a slash at the end
 * @returns `null` when the page was not built
 */
export async function loadStaticAssets(folder: URL): Promise<StaticAssets | null> {
  const assets = new Map<string, Asset>();
  const renamed = new Map<string, string>();
  for (const { name, contentType, text } of files) {
    let body: Uint8Array<ArrayBuffer>;
    try {
      body = await Deno.readFile(new URL(name, folder));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      log.warn("The page cannot be served: {name} is missing", { event: "web_page_missing", name });
      return null;
    }
    if (text) body = withHashedNames(body, renamed);
    const hash = await shortHash(body);
    const asset: Asset = { contentType, body, hash, compressible: text, gzipped: null };
    const dot = name.lastIndexOf(".");
    const hashedPath = `/assets/${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
    // as the page names it, and as modules name each other
    renamed.set(`"/${name}"`, `"${hashedPath}"`);
    renamed.set(`"./${name}"`, `"${hashedPath}"`);
    assets.set(name === "index.html" ? "/" : `/${name}`, asset);
    if (name !== "index.html") assets.set(hashedPath, asset);
  }
  return {
    has: (path) => assets.has(path),
    respond: async (path, headers) => {
      const asset = assets.get(path);
      return asset === undefined ? new Response(null, { status: 404 }) : await respond(asset, path, headers);
    },
  };
}

async function respond(asset: Asset, path: string, requestHeaders: Headers): Promise<Response> {
  const etag = `W/"${asset.hash}"`;
  const headers = new Headers({
    "content-type": asset.contentType,
    "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    "etag": etag,
  });
  if (asset.compressible) headers.set("vary", "Accept-Encoding");
  const known = (requestHeaders.get("if-none-match") ?? "").split(",").map((tag) => tag.trim());
  if (known.includes(etag) || known.includes("*")) return new Response(null, { status: 304, headers });
  if (!asset.compressible || !acceptsGzip(requestHeaders)) return new Response(asset.body, { headers });
  asset.gzipped ??= gzipAsync(asset.body, { level: 9 }).then((bytes) => new Uint8Array(bytes));
  headers.set("content-encoding", "gzip");
  return new Response(await asset.gzipped, { headers });
}

function acceptsGzip(headers: Headers): boolean {
  const encodings = (headers.get("accept-encoding") ?? "").toLowerCase().split(",").map((part) => part.trim());
  return encodings.some((part) => /^gzip(\s*;\s*q=(?!0(\.0*)?$).*)?$/.test(part));
}

function withHashedNames(body: Uint8Array, renamed: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  let text = new TextDecoder().decode(body);
  for (const [name, hashed] of renamed) text = text.replaceAll(name, hashed);
  return new TextEncoder().encode(text);
}

async function shortHash(body: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
