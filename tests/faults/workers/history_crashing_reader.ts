/** The real reader, which crashes as soon as a file `<database>.crash` appears. */
import "../../../src/history/reader.ts";
import type { ToReader } from "../../../src/history/reader_protocol.ts";

let flag = "";
self.addEventListener("message", (event) => {
  const data = (event as MessageEvent<ToReader>).data;
  if (data.type === "open") flag = `${data.path}.crash`;
});

setInterval(() => {
  try {
    Deno.statSync(flag);
  } catch {
    return;
  }
  throw new Error("The drill pulls the plug");
}, 5);
