/**
 * Applies two texts in turn until it is killed: the first argument is the configuration file, further ones files with
 * the texts.
 * Prints a dot for each one that was applied.
 */
import { dirname, join } from "node:path";
import { loadJudgedConfig } from "../../../src/supervisor/judged_config.ts";
import { ConfigService } from "../../../src/supervisor/config_service.ts";

const [file = "", ...sources] = Deno.args;
const texts = sources.map((source) => Deno.readTextFileSync(source));
const loaded = await loadJudgedConfig({ path: file });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.findings));
const service = await ConfigService.open({
  loaded,
  load: (text) => loadJudgedConfig({ path: file, text }),
  grantsOf: () => [],
  versionsDir: join(dirname(file), "data", "versions"),
  control: {
    isReady: () => true,
    reconfigure: () => Promise.resolve(),
    replace: () => Promise.resolve(),
    audit: () => {},
    setLogLevel: () => {},
    shutdown: () => {},
    giveUp: () => {},
  },
  onSecrets: () => {},
  onLevel: () => {},
  nowUs: () => Date.now() * 1000,
});
const by = { principal: "loop", role: "admin", credential: "local", address: "local", transport: "signal" };
for (let turn = 0;; turn++) {
  const { etag } = await service.get();
  const outcome = await service.apply({ text: texts[turn % texts.length] ?? "", etag, by, trigger: "control" });
  if (!outcome.applied) throw new Error(outcome.error ?? "");
  Deno.stdout.writeSync(new TextEncoder().encode("."));
}
