import { deepStrictEqual } from "node:assert/strict";
import { healthNodes, sourceNodes } from "./health_nodes.ts";

Deno.test("the room's README lists every health node with its type", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const rows = readme.split("\n").filter((line) => line.startsWith("| `"));
  const documented = new Map<string, string>();
  for (const row of rows) {
    const [, names = "", type = ""] = row.split("|").map((cell) => cell.trim());
    const paths = [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");
    const prefix = /^Sources\/<name>\//.exec(paths[0] ?? "")?.[0] ?? "";
    for (const path of paths) documented.set(path.startsWith(prefix) ? path : `${prefix}${path}`, type);
  }
  const written = {
    String: "String",
    Double: "Double",
    UInt32: "UInt32",
    Count: "UInt64",
    Time: "UtcTime",
    Texts: "String[]",
  };
  const missing = [
    ...healthNodes.map(({ path, type }) => [path, written[type]] as const),
    ...sourceNodes.map(({ path, type }) => [`Sources/<name>/${path}`, written[type]] as const),
  ].filter(([path, type]) => documented.get(path) !== type);
  deepStrictEqual(missing, []);
});
