import assert from "node:assert/strict";
import { builtPage } from "../lib/built_page.ts";
import { WebWorld } from "../lib/web_world.ts";
import { startWeb } from "../../src/web/start_web.ts";

/** Of everything that can ever be fetched, packed as it goes over the wire. */
const MOST_BYTES = 150_000;
/** Of what the first page needs. */
const MOST_FIRST_BYTES = 125_000;

Deno.test("the whole page is at most 150 kB on the wire, what is rarely opened comes later, nothing comes from elsewhere", async () => {
  const server = await startWeb(new WebWorld().options({ assetsUrl: await builtPage() }));
  try {
    const got = new Map<string, { readonly bytes: number; readonly text: string }>();
    const get = async (path: string): Promise<string> => {
      const before = got.get(path);
      if (before !== undefined) return before.text;
      const answer = await fetch(server.url + path, { headers: { "accept-encoding": "gzip" } });
      assert.equal(answer.status, 200, path);
      // fetch unpacks the body: what went over the wire is what the header says
      const bytes = Number(answer.headers.get("content-length"));
      assert(bytes > 0, path);
      const text = await answer.text();
      got.set(path, { bytes, text: path.endsWith(".woff2") ? "" : text });
      return text;
    };
    const weight = () => [...got.values()].reduce((sum, { bytes }) => sum + bytes, 0);

    const html = await get("/");
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "");
    assert.deepEqual(named.filter((path) => !path.startsWith("/assets/")), []);
    const later: string[] = [];
    for (const path of named) {
      const text = await get(path);
      if (!path.endsWith(".js")) continue;
      for (const [, imported = ""] of text.matchAll(/(?:from|import)"([^"]+)"/g)) await get(imported);
      later.push(...[...text.matchAll(/import\("([^"]+)"\)/g)].map(([, imported]) => imported ?? ""));
    }
    assert(weight() <= MOST_FIRST_BYTES, `the first page weighs ${weight()} bytes`);
    assert.equal(
      later.length,
      2,
      "the pages that are not the first come as one module, the German words of faults as one",
    );
    for (const path of later) {
      assert(!got.has(path), `${path} is loaded at once`);
      await get(path);
    }
    assert(weight() <= MOST_BYTES, `the page weighs ${weight()} bytes`);
    const elsewhere = [...got.values()].flatMap(({ text }) => [...text.matchAll(/https?:\/\/[\w.-]+/g)]).map(([url]) =>
      url
    );
    const names = ["http://www.w3.org"];
    assert.deepEqual([...new Set(elsewhere)].filter((url) => !names.includes(url)), []);
  } finally {
    await server.stop();
  }
});
