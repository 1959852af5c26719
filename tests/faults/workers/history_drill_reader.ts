/** The history's reader, which crashes at the next call while there is a file `crash` in the folder of the history. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ToReader } from "../../../src/history/reader_protocol.ts";
import "../../../src/history/reader.ts";

const port = self as unknown as { onmessage: ((event: MessageEvent<ToReader>) => void) | null };
const answer = port.onmessage;
let folder = "";

port.onmessage = (event) => {
  if (event.data.type === "open") folder = dirname(event.data.path);
  if (event.data.type === "call" && existsSync(join(folder, "crash"))) throw new Error("The drill ends this reader");
  answer?.(event);
};
