import { fileURLToPath } from "node:url";
import { conformancePage } from "./conformance_page.ts";
import { suites } from "./suites.ts";

await Deno.writeTextFile(
  fileURLToPath(new URL("../../docs/opcua-conformance.md", import.meta.url)),
  conformancePage(suites),
);
