import { shippedFiles } from "./shipped_files.ts";

// Run from the top of the checkout after a change of the schema.
for (const [name, text] of Object.entries(shippedFiles())) await Deno.writeTextFile(`config/${name}`, text);
