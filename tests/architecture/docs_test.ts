import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Paths of the files that belong to the project, relative to its root. */
function projectFiles(folder = root): string[] {
  const ignored = ["node_modules", "dist", "static"];
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return name.startsWith(".") || ignored.includes(name) ? [] : projectFiles(path);
    return [relative(root, path)];
  }).sort();
}

const files = projectFiles();
const read = (path: string) => Deno.readTextFileSync(join(root, path));

Deno.test("every room says what it is for", () => {
  const modules = files.filter((path) => /^src\/.+\.tsx?$/.test(path));
  const rooms = new Set(modules.map((path) => /^src\/(sources\/[^/]+|[^/]+)\//.exec(path)?.[0]).filter(Boolean));
  assert.ok(rooms.size > 5);
  assert.deepEqual([...rooms].filter((room) => !files.includes(`${room}README.md`)), []);
});

Deno.test("every exported function and class says what it does", () => {
  const silent = files.filter((path) => /^(src|packaging)\/.+(?<!_test)\.tsx?$/.test(path)).flatMap((path) => {
    const lines = read(path).split("\n");
    return lines.flatMap((line, index) => {
      const name = /^export (?:default )?(?:async )?(?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
      return name === undefined || lines[index - 1]?.trimEnd().endsWith("*/") ? [] : [`${path}: ${name}`];
    });
  });
  assert.deepEqual(silent, []);
});

Deno.test("links between documents lead somewhere", () => {
  const pages = files.filter((path) => path.endsWith(".md"));
  const broken = pages.flatMap((page) =>
    linksOf(read(page)).filter((link) => {
      const [path = "", heading] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsInProject(target)) return true;
      return heading !== undefined && target.endsWith(".md") && !headingsOf(read(target)).includes(heading);
    }).map((link) => `${page}: ${link}`)
  );
  assert.ok(pages.includes("README.md"));
  assert.deepEqual(broken, []);
});

Deno.test("the documents name only commands of make that exist", () => {
  const targets = [...read("Makefile").matchAll(/^([a-z-]+):/gm)].map(([, target]) => target);
  const named = files.filter((path) => /^[A-Z]+\.md$/.test(path)).flatMap((page) =>
    [...read(page).matchAll(/`make ([a-z-]+)|^make ([a-z-]+)/gm)].map(([, inText, inBlock]) => inText ?? inBlock)
  );
  assert.ok(named.includes("run") && named.includes("test"), "the documents name no command");
  assert.deepEqual(named.filter((target) => !targets.includes(target)), []);
});

/** Relative targets of a page's links and pictures. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, link]) => link ?? "")
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** Anchors of a page's headings, as forges make them. */
function headingsOf(markdown: string): string[] {
  return [...markdown.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-")
  );
}

function existsInProject(path: string): boolean {
  return files.includes(path) || files.some((file) => file.startsWith(path.replace(/\/?$/, "/")));
}
