import { join } from "node:path";
import { toBase64 } from "../../../src/mesh/encoding.ts";

/** Files below a folder that hold these bytes: as they are, in base64 or in hexadecimal. */
export async function filesWith(dir: string, bytes: Uint8Array): Promise<string[]> {
  const forms = [Buffer.from(bytes), toBase64(bytes), Buffer.from(bytes).toString("base64url"), bytes.toHex()];
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (isDirectory) found.push(...await filesWith(path, bytes));
    else if (isFile) {
      const content = Buffer.from(await Deno.readFile(path));
      if (forms.some((form) => content.includes(form))) found.push(path);
    }
  }
  return found;
}
