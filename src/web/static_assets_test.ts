import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { pathToFileURL } from "node:url";
import { loadStaticAssets, type StaticAssets } from "./static_assets.ts";

const page = '<script src="/app.js"></script><link rel="stylesheet" href="/styles.css">';

async function withAssets(run: (assets: StaticAssets) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/index.html`, page);
    await Deno.writeTextFile(`${folder}/shared.js`, "export {};");
    for (const name of ["shared_late", "shared_hub", "lists", "late", "hub", "de_faults"]) {
      await Deno.writeTextFile(`${folder}/${name}.js`, 'import"./shared.js";');
    }
    await Deno.writeTextFile(`${folder}/app.js`, 'import"./shared.js";import("./late.js");');
    await Deno.writeTextFile(`${folder}/styles.css`, '@font-face{src:url("/inter.woff2")}');
    await Deno.writeTextFile(`${folder}/icon.svg`, "<svg/>");
    await Deno.writeTextFile(`${folder}/inter.woff2`, "font");
    const assets = await loadStaticAssets(pathToFileURL(`${folder}/`));
    assert(assets !== null);
    await run(assets);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the page names its files by their hash, and those are kept for good", async () => {
  await withAssets(async (assets) => {
    const index = await assets.respond("/", new Headers());
    assert.equal(index.headers.get("cache-control"), "no-cache");
    const html = await index.text();
    const [script] = html.match(/\/assets\/app-[0-9a-f]{16}\.js/) ?? [];
    const [sheet] = html.match(/\/assets\/styles-[0-9a-f]{16}\.css/) ?? [];
    assert(script !== undefined && sheet !== undefined, html);
    assert(assets.has(script));
    const answer = await assets.respond(sheet, new Headers());
    assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal(answer.headers.get("content-type"), "text/css; charset=utf-8");
    assert.match(await answer.text(), /url\("\/assets\/inter-[0-9a-f]{16}\.woff2"\)/);
    assert(!assets.has("/index.html"));
    assert(!assets.has("/../deno.json"));
  });
});

Deno.test("a file that the browser has is answered with 304", async () => {
  await withAssets(async (assets) => {
    const first = await assets.respond("/app.js", new Headers());
    const etag = first.headers.get("etag") ?? "";
    const again = await assets.respond("/app.js", new Headers({ "if-none-match": `"old", ${etag}` }));
    assert.equal(again.status, 304);
    assert.equal(await again.text(), "");
    const changed = await assets.respond("/app.js", new Headers({ "if-none-match": '"old"' }));
    assert.equal(changed.status, 200);
  });
});

Deno.test("text is compressed for browsers that take it, fonts are not", async () => {
  await withAssets(async (assets) => {
    const zipped = await assets.respond("/", new Headers({ "accept-encoding": "br, gzip" }));
    assert.equal(zipped.headers.get("content-encoding"), "gzip");
    assert.equal(zipped.headers.get("vary"), "Accept-Encoding");
    const html = new TextDecoder().decode(gunzipSync(new Uint8Array(await zipped.arrayBuffer())));
    assert.match(html, /<script/);
    for (const refusing of ["identity", "gzip;q=0", "gzip; q=0.0"]) {
      const plain = await assets.respond("/", new Headers({ "accept-encoding": refusing }));
      assert.equal(plain.headers.get("content-encoding"), null, refusing);
    }
    const font = await assets.respond("/inter.woff2", new Headers({ "accept-encoding": "gzip" }));
    assert.equal(font.headers.get("content-encoding"), null);
  });
});

Deno.test("without a built page there are no assets", async () => {
  const folder = await Deno.makeTempDir();
  try {
    assert.equal(await loadStaticAssets(pathToFileURL(`${folder}/`)), null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
