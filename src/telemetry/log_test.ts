import assert from "node:assert/strict";
import { getLogger } from "@logtape/logtape";
import { join } from "node:path";
import { waitFor } from "../../tests/lib/wait_for.ts";
import { configureForwardingLog, configureLog, type LogSettings, tapLog } from "./log.ts";
import type { LogMessage } from "./log_message.ts";

const token = "eW91LXNlZS1tZQ/+ultra secret&token";
const settings: LogSettings = { level: "trace", format: "text", max_file_bytes: 65_536, max_files: 3 };

/** Logs the token in every place that a program can put it. */
function logEverywhere(): void {
  const log = getLogger(["edgekeep", "test"]);
  const error = Object.assign(new Error(`Call failed with ${token}`, { cause: new Error(token) }), {
    metadata: { authorization: [`Bearer ${token}`] },
    details: token,
  });
  error.stack = `Error: x\n    at ${token}`;
  log.info(`Plain ${token}`);
  log.info`Tagged ${token} and ${{ deep: { token } }} and ${error}`;
  log.warn("Template {value} {token} {nested.password} {*}", {
    value: token,
    token,
    nested: { password: token, list: [token] },
  });
  log.error("Failed: {error}", { error });
  log.error(error);
  log.debug("URL {url}", {
    url: new URL(`http://user:${encodeURIComponent(token)}@host/?q=${encodeURIComponent(token)}`),
  });
  log.info("Map {map}", { map: new Map([[token, new Set([token])]]), bytes: new TextEncoder().encode(token) });
  log.trace("Encoded {encoded}", { encoded: btoa(`user:${token}`), header: `Basic ${btoa(token)}` });
  log.info("Key {key}", { [token]: token, key: JSON.stringify({ inside: { token } }) });
  getLogger(["edgekeep", token.slice(0, 0), "test"]).info(() => `Lazy ${token}`.split(" "));
  console.error("printed", token, { token, error });
}

const marks = [
  token,
  encodeURIComponent(token),
  btoa(token).slice(0, 12),
  "ultra",
  "dWx0cmE",
  "VsdHJh",
  "1bHRyY",
  "bHRyY",
];

function assertClean(name: string, text: string): void {
  for (const mark of marks) assert.ok(!text.includes(mark), `${name} holds ${mark}: ${text}`);
  assert.ok(text.includes("***"), `${name} shows that something was taken out`);
}

for (const format of ["text", "json"] as const) {
  Deno.test(`No sink holds a secret that the supervisor logs, as ${format}`, async () => {
    const dir = await Deno.makeTempDir();
    const lines: string[] = [];
    // the console belongs to the test here: only workers capture it
    const print = console.error;
    console.error = () => {};
    try {
      const log = await configureLog({ ...settings, format, dir }, [token], (line) => lines.push(line));
      logEverywhere();
      await log.dispose();
      const file = await Deno.readTextFile(join(dir, "edgekeep.log"));
      assert.equal(file, lines.join(""));
      assert.ok(lines.length >= 9, `${lines.length}`);
      assertClean("standard error and file", file);
    } finally {
      console.error = print;
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test("No sink holds a secret that a worker logs or prints", async () => {
  const posted: LogMessage[] = [];
  const worker = await configureForwardingLog("trace", (record) => posted.push(structuredClone(record)));
  try {
    logEverywhere();
  } finally {
    await worker.dispose();
  }
  assert.ok(posted.length >= 10, `${posted.length}`);
  assert.ok(posted.some((record) => record.category.at(-1) === "console"), "the console is captured");
  const lines: string[] = [];
  const log = await configureLog({ ...settings, format: "json" }, [token], (line) => lines.push(line));
  try {
    for (const record of posted) log.accept(record);
  } finally {
    await log.dispose();
  }
  assert.equal(lines.length, posted.length);
  assertClean("standard error", lines.join(""));
});

Deno.test("A worker's record keeps its category, level, time and fields", async () => {
  const lines: string[] = [];
  const log = await configureLog({ ...settings, format: "json" }, [], (line) => lines.push(line));
  try {
    const properties = { event: "session_opened", count: 2 };
    log.accept({ category: ["edgekeep", "opcua"], level: "warning", timestampMs: 0, message: "Opened", properties });
  } finally {
    await log.dispose();
  }
  assert.deepEqual(JSON.parse(lines.join("")), {
    time: "1970-01-01T00:00:00.000Z",
    level: "warning",
    logger: "edgekeep.opcua",
    message: "Opened",
    event: "session_opened",
    count: 2,
  });
});

Deno.test("The level can be changed while running", async () => {
  const lines: string[] = [];
  const log = await configureLog({ ...settings, level: "warning" }, [], (line) => lines.push(line));
  const record = { category: ["edgekeep", "x"], timestampMs: 0, message: "from a worker", properties: {} };
  try {
    getLogger(["edgekeep", "x"]).info("quiet");
    log.accept({ ...record, level: "info" });
    assert.equal(lines.length, 0);
    log.setLevel("info");
    getLogger(["edgekeep", "x"]).info("loud");
    log.accept({ ...record, level: "info" });
    getLogger(["edgekeep", "x"]).debug("still quiet");
    assert.equal(lines.length, 2);
  } finally {
    await log.dispose();
  }
});

Deno.test("Files are rotated by size and the oldest goes", async () => {
  const dir = await Deno.makeTempDir();
  const kept = { max_file_bytes: 65_536, max_files: 3 };
  const log = await configureLog({ ...settings, ...kept, dir }, [], () => {});
  try {
    for (let round = 0; round < 40; round++) {
      for (let line = 0; line < 10; line++) getLogger(["edgekeep", "x"]).info("x".repeat(1000));
      getLogger(["edgekeep", "x"]).info(`End of burst ${round}`);
      // the sink writes in the background, and what waits there is written in one piece: let each burst out
      await waitFor(
        "the burst in the file",
        async () => (await Deno.readTextFile(join(dir, "edgekeep.log"))).includes(`End of burst ${round}\n`),
        { everyMs: 1 },
      );
    }
    await log.dispose();
    const sizes = new Map<string, number>();
    for await (const entry of Deno.readDir(dir)) sizes.set(entry.name, (await Deno.stat(join(dir, entry.name))).size);
    assert.deepEqual([...sizes.keys()].toSorted(), ["edgekeep.log", "edgekeep.log.1", "edgekeep.log.2"]);
    for (const [name, size] of sizes) assert.ok(size <= 65_536, `${name} ${size}`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("An overlong message is cut after redaction, not before", async () => {
  const lines: string[] = [];
  const log = await configureLog(settings, [token], (line) => lines.push(line));
  try {
    getLogger(["edgekeep", "x"]).info("{text}", { text: "y".repeat(8192 - 6) + token + "z".repeat(10_000) });
  } finally {
    await log.dispose();
  }
  assert.ok(!lines.join("").includes(token.slice(0, 6)));
  assert.ok(lines.join("").length < 20_000);
});

Deno.test("A log folder that cannot be made is refused", async () => {
  await assert.rejects(configureLog({ ...settings, dir: "/proc/no/such" }, []), Deno.errors.NotFound);
});

Deno.test("A tap sees every level without secrets, and the log stays as it is", async () => {
  const logged: LogMessage[] = [];
  const tapped: LogMessage[] = [];
  const log = await configureForwardingLog("warning", (record) => logged.push(record));
  try {
    const logger = getLogger(["edgekeep", "test"]);
    logger.debug("Before");
    const leave = tapLog((record) => tapped.push(record), [token]);
    logger.trace("Fine {value}", { value: token });
    logger.error("Coarse");
    log.setLevel("error");
    logger.warning("Still tapped");
    leave();
    logger.trace("After");
    logger.error("Last");
  } finally {
    await log.dispose();
  }
  assert.deepEqual(logged.map(({ message }) => message), ["Coarse", "Last"]);
  assert.deepEqual(tapped.map(({ level, message }) => [level, message]), [
    ["trace", "Fine ***"],
    ["error", "Coarse"],
    ["warning", "Still tapped"],
  ]);
});
