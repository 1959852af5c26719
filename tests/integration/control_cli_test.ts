import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "smol-toml";
import { type ControlConfig, controlSchema } from "../../src/config/schema.ts";
import { startControl } from "../../src/control/start_control.ts";
import { collectOutput } from "../lib/collect_output.ts";
import { SwappableCertificate } from "../lib/control_world.ts";
import { edgekeepArguments } from "../lib/gateway_process.ts";
import { OperationsWorld } from "../lib/operations_world.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";

const tcp = { endpoint: "tcp://127.0.0.1:0" };

async function serve(
  world: OperationsWorld,
  config: Partial<ControlConfig> = {},
  certificate: SwappableCertificate | null = null,
) {
  const { operations, access, audit } = world;
  const endpoint = `unix://${join(world.folder, "control.sock")}`;
  return await startControl({
    config: { ...controlSchema.parse({}), endpoint, ...config },
    certificate,
    operations,
    access,
    audit,
    faults: world.site.faults,
    nowUs: () => Date.now() * 1000,
  });
}

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `edgekeep` with these words, nobody at the terminal, and no token in the environment unless given. */
async function edgekeep(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: edgekeepArguments(...words),
    env: { EDGEKEEP_TOKEN: "", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("edgekeep ctl prints for people and for programs, and its exit code says what became of it", async () => {
  await using world = await OperationsWorld.open();
  const control = await serve(world);
  const at = ["--endpoint", control.url];
  try {
    const [status, json, list, wrong, unknown, typo, dry, refused, nobody, help] = await Promise.all([
      edgekeep(["ctl", "whoami", ...at]),
      edgekeep(["ctl", "status", "--json", ...at]),
      edgekeep(["ctl", "tags.list", "limit=2", ...at]),
      edgekeep(["ctl", "tags.list", "limit=many", ...at]),
      edgekeep(["ctl", "no.such", ...at]),
      edgekeep(["ctl", "tags.list", "limt=2", ...at]),
      edgekeep(["ctl", "status", "--dry-run", ...at]),
      edgekeep(["ctl", "tags.force", "id=a840410000000001/temperature", "value=1", ...at]),
      edgekeep(["ctl", "whoami", "--endpoint", `unix://${world.folder}/none.sock`]),
      edgekeep(["ctl", "help", "tags.force"]),
    ]);
    assert.match(status.out, /^name: +local\nrole: +admin\n/);
    assert.equal(status.code, 0);
    assert.equal(JSON.parse(json.out).name, "north-field");
    assert.match(list.out, /ID .*QUALITY/);
    assert.deepEqual([wrong.code, unknown.code, typo.code, dry.code], [2, 2, 2, 2]);
    assert.match(wrong.err, /limit.*\(bad_params/s);
    assert.match(typo.err, /did you mean limit/);
    assert.equal(refused.code, 4);
    assert.match(refused.err, /debug_locked, audit record \d+/);
    assert.equal(nobody.code, 5);
    assert.match(nobody.err, /is it running/);
    assert.match(help.out, /Needs the role operator/);
  } finally {
    await control.stop();
  }
});

Deno.test("edgekeep ctl shows its token from a file or the environment, and warns of one on the command line", async () => {
  await using world = await OperationsWorld.open();
  const certificate = await SwappableCertificate.make();
  const control = await serve(world, tcp, certificate);
  const { token } = await world.result("tokens.create", { label: "script", role: "viewer", days: null }, world.local());
  const file = join(world.folder, "token");
  await Deno.writeTextFile(file, `${token}\n`, { mode: 0o600 });
  const at = ["--endpoint", control.url, "--fingerprint", certificate.facts.fingerprint];
  try {
    const [none, byFile, byEnv, byWord, wrong, denied, untrusted] = await Promise.all([
      edgekeep(["ctl", "whoami", ...at]),
      edgekeep(["ctl", "whoami", ...at, "--token-file", file]),
      edgekeep(["ctl", "whoami", ...at], { EDGEKEEP_TOKEN: token }),
      edgekeep(["ctl", "whoami", ...at, "--token", token]),
      edgekeep(["ctl", "whoami", ...at], { EDGEKEEP_TOKEN: "wrong" }),
      edgekeep(["ctl", "users.list", ...at, "--token-file", file]),
      edgekeep(["ctl", "hello", "--endpoint", control.url]),
    ]);
    assert.deepEqual([none.code, wrong.code, denied.code, untrusted.code], [4, 4, 4, 5]);
    for (const run of [byFile, byEnv, byWord]) {
      assert.match(run.out, /name: +script/);
      assert.equal(run.code, 0);
    }
    assert.equal(byFile.err, "");
    assert.match(byWord.err, /other users of this machine can see/);
  } finally {
    await control.stop();
  }
});

Deno.test("edgekeep ctl finds the gateway by its configuration, and trusts the certificate named there alone", async () => {
  await using world = await OperationsWorld.open();
  const certificate = await SwappableCertificate.make();
  const control = await serve(world, tcp, certificate);
  const token = "0123456789abcdef0123456789abcdef0123456789abcdef";
  try {
    await Deno.writeTextFile(join(world.folder, "cert.pem"), certificate.material.cert);
    await Deno.writeTextFile(join(world.folder, "key.pem"), certificate.material.key, { mode: 0o600 });
    const toml = `[runtime.control]
endpoint = "${control.url.replace("tls:", "tcp:")}"
auth_token = "${token}"
[runtime.tls]
mode = "self-managed"
cert_path = "cert.pem"
key_path = "key.pem"
`;
    parse(toml);
    await Deno.writeTextFile(join(world.folder, "edgekeep.toml"), toml, { mode: 0o600 });
    const hello = ["ctl", "hello", "--project", world.folder];
    const good = await edgekeep(hello);
    assert.equal(good.code, 0, good.err);
    assert.match(good.out, /product: +edgekeep/);
    // the configuration's token is not used behind the caller's back
    assert.equal((await edgekeep(["ctl", "whoami", "--project", world.folder])).code, 4);
    await Deno.writeTextFile(join(world.folder, "cert.pem"), (await SwappableCertificate.make()).material.cert);
    const other = await edgekeep(hello);
    assert.equal(other.code, 5);
    assert.match(other.err, /fingerprint/);
    const lost = await edgekeep(["ctl", "hello", "--config", join(world.folder, "none.toml")]);
    assert.equal(lost.code, 3);
    assert.match(lost.err, /--endpoint unix:/);
  } finally {
    await control.stop();
  }
});

Deno.test("edgekeep ctl follows a stream until Ctrl-C", async () => {
  await using world = await OperationsWorld.open();
  const control = await serve(world);
  const child = new Deno.Command(Deno.execPath(), {
    args: edgekeepArguments("ctl", "events.tail", "follow=true", "--json", "--endpoint", control.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { text, ended } = collectOutput(child);
  await waitFor("the stream", () => control.list().length === 1 && control.list()[0]?.lastUsedUs !== null);
  await waitFor("an event", () => {
    world.site.feed.add("info", "test_event", "gateway", "something happened");
    return text().includes("something happened");
  });
  child.kill("SIGINT");
  assert.equal((await child.status).code, 0);
  await ended;
  for (const line of text().trimEnd().split("\n")) assert.equal(JSON.parse(line).event, "test_event");
  await control.stop();
});

Deno.test("edgekeep ui prints one picture without a terminal", async () => {
  await using world = await OperationsWorld.open();
  world.site.set({ "a840410000000001/temperature": 21.5 });
  world.site.feed.add("warning", "test_event", "gateway", "something happened");
  const control = await serve(world);
  const { token } = await world.result("tokens.create", { label: "panel", role: "viewer", days: null }, world.local());
  const tls = await serve(world, tcp, await SwappableCertificate.make());
  try {
    const [local, remote] = await Promise.all([
      edgekeep(["ui", "--endpoint", control.url]),
      edgekeep(["ui", "--once", "--endpoint", tls.url, "--insecure", "--token", token]),
    ]);
    for (const { out, code, err } of [local, remote]) {
      assert.equal(code, 0, err);
      assert.match(out, /a840410000000001\/temperature +21\.5 °C +Good/);
      assert.match(out, /something happened/);
    }
    assert.equal((await edgekeep(["ui", "--once", "--endpoint", tls.url, "--insecure"])).code, 4);
  } finally {
    await control.stop();
    await tls.stop();
  }
});

Deno.test({
  name: "edgekeep ui fills the terminal, scrolls, survives a lost gateway and puts the terminal back",
  ...requires("script"),
  fn: async () => {
    await using world = await OperationsWorld.open();
    let control = await serve(world);
    const command = [Deno.execPath(), ...edgekeepArguments("ui", "--interval", "0.2", "--endpoint", control.url)];
    const child = new Deno.Command("script", {
      args: ["-qec", `stty rows 30 cols 100; ${command.map((word) => `'${word}'`).join(" ")}`, "/dev/null"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { text, ended } = collectOutput(child);
    const keyboard = child.stdin.getWriter();
    const type = (keys: string) => keyboard.write(new TextEncoder().encode(keys));
    const since = async (what: string, wanted: RegExp) => {
      const from = text().length;
      await waitFor(what, () => wanted.test(text().slice(from)));
    };
    await waitFor("a picture", () => /TAG 1–/.test(text()));
    assert.ok(text().includes("\x1b[?1049h"));
    await type("\x1b[B");
    world.site.set({ "a840410000000001/temperature": 77.25 });
    await since("the new value", /77\.25/);
    await control.stop();
    await since("the loss to be told", /Trying again/);
    control = await serve(world);
    // pictures with the notice may still be on their way
    const from = text().length;
    await waitFor("a whole picture without the notice", () => {
      const pictures = text().slice(from).split("\x1b[H").slice(1).filter((picture) => picture.includes("\x1b[J"));
      return pictures.some((picture) => picture.includes("77.25") && !picture.includes("Trying again"));
    });
    await type("q");
    assert.equal((await child.status).code, 0);
    await keyboard.close();
    await ended;
    assert.ok(text().trimEnd().endsWith("\x1b[?25h\x1b[?1049l"));
    await control.stop();
  },
});
