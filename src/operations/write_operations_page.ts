import { operationsPage } from "./operations_page.ts";

// Run from the top of the checkout after a change of an operation.
await Deno.mkdir("docs", { recursive: true });
await Deno.writeTextFile("docs/operations.md", operationsPage());
