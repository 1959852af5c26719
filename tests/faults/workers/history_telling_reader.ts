/** A reader that ends with a list of what it may do. */
import type { ToReader } from "../../../src/history/reader_protocol.ts";

self.addEventListener("message", (event) => {
  const data = (event as MessageEvent<ToReader>).data;
  if (data.type !== "open") return;
  const folder = data.path.replace(/\/[^/]*$/, "");
  const asked: Deno.PermissionDescriptor[] = [
    { name: "read", path: folder },
    { name: "write", path: folder },
    { name: "read", path: "/etc/passwd" },
    { name: "write", path: "/tmp" },
    { name: "net" },
    { name: "env" },
    { name: "run" },
    { name: "ffi" },
    { name: "sys" },
    { name: "import" },
  ];
  const answers = asked.map((one) => [one.name, Deno.permissions.querySync(one).state].join(" "));
  throw new Error(answers.join(", "));
});
