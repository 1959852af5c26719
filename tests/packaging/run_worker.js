// Runs a role's worker as the supervisor does, but waits for it without limit: an emulated processor takes minutes to
// do what the supervisor would give up on. Its argument is a file with { entry, permissions, start }.
const { entry, permissions, start } = JSON.parse(await Deno.readTextFile(Deno.args[0]));
const worker = new Worker(entry, { type: "module", name: start.role, deno: { permissions } });
worker.onmessage = ({ data }) => {
  if (data.type === "log") console.error(data.record.message);
  else if (data.type !== "pong") console.error(JSON.stringify(data));
  if (data.type === "stopped") Deno.exit(0);
  if (data.type === "failed") Deno.exit(1);
};
worker.postMessage({ type: "start", start });
Deno.addSignalListener("SIGTERM", () => worker.postMessage({ type: "stop", graceMs: 10_000 }));
