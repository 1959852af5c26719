import assert from "node:assert/strict";
import { builtPage } from "../lib/built_page.ts";
import { WebWorld } from "../lib/web_world.ts";
import { startWeb } from "../../src/web/start_web.ts";

const MOST_BYTES = 150_000;

Deno.test("the whole page is at most 150 kB on the wire, and loads nothing from elsewhere", async () => {
  const server = await startWeb(new WebWorld().options({ assetsUrl: await builtPage() }));
  try {
    let total = 0;
    const get = async (path: string) => {
      const answer = await fetch(server.url + path, { headers: { "accept-encoding": "gzip" } });
      assert.equal(answer.status, 200, path);
      const length = Number(answer.headers.get("content-length"));
      // fetch unpacks the body: what went over the wire is what the header says
      assert(length > 0, path);
      total += length;
      return await answer.text();
    };
    const html = await get("/");
    const own = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "");
    assert.deepEqual(own.filter((path) => !path.startsWith("/assets/")), []);
    const texts = [html];
    for (const path of new Set(own)) {
      const text = await get(path);
      if (!path.endsWith(".woff2")) texts.push(text);
    }
    assert(total <= MOST_BYTES, `the page weighs ${total} bytes`);
    const elsewhere = texts.flatMap((text) => [...text.matchAll(/https?:\/\/[\w.-]+/g)].map(([url]) => url));
    const names = ["http://www.w3.org"];
    assert.deepEqual([...new Set(elsewhere)].filter((url) => !names.includes(url)), []);
  } finally {
    await server.stop();
  }
});
