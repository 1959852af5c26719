import assert from "node:assert/strict";
import { join } from "node:path";
import { edgekeepArguments } from "../lib/gateway_process.ts";
import { collectOutput } from "../lib/collect_output.ts";
import { type TestMachine, testNetwork } from "../lib/network_namespaces.ts";
import { openssl } from "../lib/openssl.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";

/**
 * How an integrator opens an appliance to the network, step by step, with the tools that an integrator has: openssl,
 * curl and the program itself. The appliance and the office are two machines with a cable between them.
 */

const WEB = 18084;
const CONTROL = 17777;
const needs = requires("network-namespaces", "openssl", "curl");

interface Ran {
  readonly code: number;
  readonly text: string;
}

async function run(command: readonly string[]): Promise<Ran> {
  const [program = "", ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** `edgekeep …` on a machine. */
const edgekeep = (machine: TestMachine, ...args: readonly string[]) =>
  run(machine.command(Deno.execPath(), ...edgekeepArguments(...args)));

interface Fetched {
  readonly status: number;
  readonly body: string;
  readonly location: string;
}

/** What curl on a machine gets; status 0 when there was no HTTP answer. */
async function curl(machine: TestMachine, url: string, ...more: readonly string[]): Promise<Fetched> {
  const format = "\n%{http_code} %{redirect_url}";
  const { text } = await run(
    machine.command("curl", "--silent", "--max-time", "20", "--write-out", format, ...more, url),
  );
  const end = text.lastIndexOf("\n");
  const [status, location = ""] = text.slice(end + 1).split(" ");
  return { status: Number(status), body: text.slice(0, end), location };
}

const json = ["--header", "Content-Type: application/json"];
const bearer = (token: string) => ["--header", `Authorization: Bearer ${token}`];

async function writeRuntime(project: string, text: string): Promise<void> {
  await Deno.writeTextFile(join(project, "runtime.toml"), text, { mode: 0o600 });
}

/** Validates, and answers the exit code with the rule ids that are errors. */
async function validate(
  machine: TestMachine,
  project: string,
): Promise<{ code: number; errors: string[]; text: string }> {
  const { code, text } = await edgekeep(machine, "validate", "--project", project, "--json");
  const { findings } = JSON.parse(text) as { findings: { rule: string; severity: string }[] };
  return { code, errors: findings.filter(({ severity }) => severity === "error").map(({ rule }) => rule), text };
}

/** `edgekeep run --project` on the plant's machine, until it is disposed of. */
async function runtime(plant: TestMachine, project: string, url: string) {
  const [program, ...args] = plant.command(Deno.execPath(), ...edgekeepArguments("run", "--project", project));
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const { text, ended } = collectOutput(child);
  let over = false;
  const exited = child.status.then((status) => {
    over = true;
    return status;
  });
  const stop = async () => {
    if (!over) child.kill("SIGTERM");
    const { code } = await exited;
    await ended;
    return code;
  };
  try {
    await waitFor("the runtime to serve its page", async () => {
      if (over) return true;
      return (await curl(plant, `${url}/readyz`, "--insecure")).status === 200;
    }, { deadlineMs: 90_000, everyMs: 200 });
    assert.equal(over, false, text());
  } catch (error) {
    await stop();
    throw new Error(`Cannot start; it printed:\n${text()}`, { cause: error });
  }
  return { output: text, stop, [Symbol.asyncDispose]: async () => void await stop() };
}

Deno.test({
  name: "an integrator opens an appliance to the network, step by step, and only what each step opens is open",
  ...needs,
  fn: async (t) => {
    await using stack = new AsyncDisposableStack();
    const { plant, office } = stack.use(await testNetwork());
    const project = await Deno.makeTempDir({ prefix: "edgekeep-remote-" });
    stack.defer(() => Deno.remove(project, { recursive: true }));
    const token = (await openssl(["rand", "-hex", "24"])).trim();
    assert.match(token, /^[0-9a-f]{48}$/);
    const tokenFile = join(project, "token");
    await Deno.writeTextFile(tokenFile, `${token}\n`, { mode: 0o600 });
    const wrongFile = join(project, "wrong");
    await Deno.writeTextFile(wrongFile, `${token.replace(/./g, "0")}\n`, { mode: 0o600 });
    const endpoint = `tcp://${plant.address}:${CONTROL}`;

    const control = (more = "") =>
      `[runtime.control]
endpoint = "tcp://0.0.0.0:${CONTROL}"
auth_token = "${token}"
mode = "production"
debug_enabled = false
${more}`;
    const web = (more = "") =>
      `[runtime.web]
enabled = true
listen = "0.0.0.0:${WEB}"
auth = "local"
${more}`;
    const tls = (more = "") =>
      `[runtime.tls]
mode = "self-managed"
cert_path = "security/server-cert.pem"
key_path = "security/server-key.pem"
require_remote = true
${more}`;

    await t.step("nothing of a project is open to the network before it says so", async () => {
      await writeRuntime(project, "");
      const { code, text } = await edgekeep(plant, "validate", "--project", project, "--exposure", "--json");
      assert.equal(code, 0, text);
      const { exposures } = JSON.parse(text) as { exposures: { listener: string; reach: string }[] };
      assert.ok(exposures.length >= 3, text);
      assert.deepEqual(exposures.filter(({ reach }) => reach !== "loopback"), []);
    });

    await t.step("a control endpoint on TCP without a token is refused", async () => {
      await writeRuntime(project, `[runtime.control]\nendpoint = "tcp://0.0.0.0:${CONTROL}"\n`);
      const { code, errors } = await validate(plant, project);
      assert.equal(code, 3);
      assert.ok(errors.includes("control_tcp_without_token"), errors.join());
    });

    await t.step("the token that the instructions show as an example is refused", async () => {
      await writeRuntime(project, control().replace(token, "replace-with-long-random-token"));
      assert.equal((await validate(plant, project)).code, 3);
    });

    await t.step(
      "with a token it is accepted, and the exposure names the two ports to allow and no other",
      async () => {
        await writeRuntime(project, control() + web());
        assert.equal((await validate(plant, project)).code, 0);
        const { code, text } = await edgekeep(plant, "validate", "--project", project, "--exposure");
        assert.equal(code, 0, text);
        for (const port of [WEB, CONTROL]) assert.match(text, new RegExp(`${port}`));
        for (const port of ["5353", "5200"]) assert.doesNotMatch(text, new RegExp(port));
      },
    );

    await t.step("the page is there locally and remotely, and what it shows locally alone", async (t) => {
      await using gateway = await runtime(plant, project, `http://127.0.0.1:${WEB}`);
      const local = `http://127.0.0.1:${WEB}`;
      const remote = `http://${plant.address}:${WEB}`;
      assert.equal((await curl(plant, `${local}/`)).status, 200);
      assert.equal((await curl(office, `${remote}/`)).status, 200);
      assert.equal((await curl(plant, `${local}/api/v1/status`)).status, 200);
      const refused = await curl(office, `${remote}/api/v1/status`);
      assert.equal(refused.status, 401);
      assert.doesNotMatch(refused.body, /verdict/);
      // the plant's own address is not loopback
      assert.equal((await curl(plant, `${remote}/api/v1/status`)).status, 401);
      // a name that an attacker points here (DNS rebinding)
      const rebound = await curl(plant, `${local}/api/v1/status`, "--header", "Host: evil.example");
      assert.ok([401, 403].includes(rebound.status), `${rebound.status}`);
      await waitFor("the warning of the start", () => /unencrypted|plain text/i.test(gateway.output()));

      await t.step(
        "control attempts without a token, or with a wrong one, fail; with the token they succeed",
        async () => {
          assert.equal((await edgekeep(office, "ctl", "status", "--plain", "--endpoint", endpoint)).code, 4);
          const careful = await edgekeep(office, "ctl", "status", "--endpoint", endpoint, "--token-file", tokenFile);
          assert.equal(careful.code, 5, "a token goes out in plain text only when somebody says so");
          assert.match(careful.text, /--plain/);
          assert.equal(
            (await edgekeep(office, "ctl", "status", "--plain", "--endpoint", endpoint, "--token-file", wrongFile))
              .code,
            4,
          );
          const granted = await edgekeep(
            office,
            "ctl",
            "status",
            "--json",
            "--plain",
            "--endpoint",
            endpoint,
            "--token-file",
            tokenFile,
          );
          assert.equal(granted.code, 0, granted.text);
          assert.match(granted.text, /"verdict"/);
          const ui = await edgekeep(office, "ui", "--once", "--plain", "--endpoint", endpoint, "--token", token);
          assert.equal(ui.code, 0, ui.text);
        },
      );

      await t.step("debug operations are closed in production, even with the token", async () => {
        const forced = await edgekeep(
          ...[
            office,
            "ctl",
            "tags.force",
            "id=gateway/x",
            "value=1",
            "--plain",
            "--endpoint",
            endpoint,
            "--token-file",
            tokenFile,
          ],
        );
        assert.equal(forced.code, 4, forced.text);
        assert.match(forced.text, /debug/i);
      });

      await t.step("a pairing code opens the page to one other machine, once", async () => {
        const args = ["pair", "start", "phone", "--role", "viewer", "--json", "--project", project];
        const started = await edgekeep(plant, ...args);
        assert.equal(started.code, 0, started.text);
        const { code } = JSON.parse(started.text.slice(started.text.indexOf("{"))) as { code: string };
        const claim = (text: string) =>
          curl(office, `${remote}/api/v1/pairing/claim`, ...json, "--data", JSON.stringify({ code: text }));
        assert.equal((await claim("AAAA-AAAA")).status, 403);
        const claimed = await claim(code);
        assert.equal(claimed.status, 200, claimed.body);
        const issued = (JSON.parse(claimed.body) as { token: string }).token;
        assert.equal((await curl(office, `${remote}/api/v1/status`, ...bearer(issued))).status, 200);
        assert.equal((await claim(code)).status, 403);
        // a viewer's token changes nothing
        const denied = await curl(office, `${remote}/api/v1/tokens`, ...json, ...bearer(issued), "--data", "{}");
        assert.equal(denied.status, 403, denied.body);
      });
      assert.ok(!gateway.output().includes(token), "the token stays out of the log");
    });

    await t.step("with require_remote a page without TLS is refused, and so is TLS without a certificate", async () => {
      await writeRuntime(project, control() + web() + tls());
      const plain = await validate(plant, project);
      assert.equal(plain.code, 3);
      assert.ok(plain.errors.length > 0, plain.text);
      await writeRuntime(project, control() + web("tls = true\n"));
      assert.equal((await validate(plant, project)).code, 3, "tls = true needs a mode");
      await writeRuntime(project, control() + web("tls = true\n") + tls().replace(/key_path.*\n/, ""));
      assert.equal((await validate(plant, project)).code, 3, "a mode needs a key");
      await writeRuntime(project, control() + web("tls = true\n") + tls());
      assert.equal((await validate(plant, project)).code, 3, "the files are not there yet");
    });

    await t.step(
      "with a certificate the page is HTTPS, plain requests are sent there, and control is TLS",
      async () => {
        await Deno.mkdir(join(project, "security"), { mode: 0o700 });
        await openssl([
          ...["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "365"],
          ...["-keyout", "security/server-key.pem", "-out", "security/server-cert.pem", "-subj", "/CN=edgekeep-plant"],
        ], project);
        const { code, text } = await validate(plant, project);
        assert.equal(code, 0, text);
        await using gateway = await runtime(plant, project, `https://127.0.0.1:${WEB}`);
        const remote = `${plant.address}:${WEB}`;
        assert.equal((await curl(plant, `https://127.0.0.1:${WEB}/`, "--insecure")).status, 200);
        assert.equal((await curl(office, `https://${remote}/`, "--insecure")).status, 200);
        assert.equal((await curl(office, `https://${remote}/`)).status, 0, "curl trusts no unknown certificate");
        const redirected = await curl(office, `http://${remote}/`);
        assert.equal(redirected.status, 308);
        assert.match(redirected.location, /^https:\/\//);
        assert.equal((await curl(office, `https://${remote}/api/v1/status`, "--insecure")).status, 401);
        const answered = await curl(office, `https://${remote}/api/v1/status`, "--insecure", ...bearer(token));
        assert.equal(answered.status, 200, answered.body);
        assert.equal((await curl(office, `https://${remote}/`, "--insecure", "--tls-max", "1.1")).status, 0);

        const certificate = join(project, "security", "server-cert.pem");
        const ctl = ["ctl", "whoami", "--json", "--endpoint", endpoint, "--token-file", tokenFile];
        const unknown = await edgekeep(office, ...ctl);
        assert.equal(unknown.code, 5, "an unknown certificate is not trusted");
        assert.match(unknown.text, /--fingerprint/);
        const trusted = await edgekeep(office, ...ctl, "--ca", certificate);
        assert.ok([0, 5].includes(trusted.code), trusted.text);
        const print = ["x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"];
        const fingerprint = (await openssl(print)).trim().split("=")[1] ?? "";
        const pinned = await edgekeep(office, ...ctl, "--fingerprint", fingerprint);
        assert.equal(pinned.code, 0, pinned.text);
        assert.match(pinned.text, /control-token/);
        assert.equal(await gateway.stop(), 0, gateway.output());
      },
    );

    await t.step("debugging in production is refused", async () => {
      await writeRuntime(project, control().replace("debug_enabled = false", "debug_enabled = true"));
      assert.equal((await validate(plant, project)).code, 3);
    });

    await t.step("who did what is on record, and the record holds", async () => {
      await writeRuntime(project, control() + web("tls = true\n") + tls());
      const verified = await edgekeep(plant, "audit", "verify", "--project", project);
      assert.equal(verified.code, 0, verified.text);
      const { text } = await edgekeep(plant, "audit", "tail", "--limit", "1000", "--json", "--project", project);
      for (const event of ["control_auth_failed", "web_auth_failed", "pair_claim_failed", "operation"]) {
        assert.match(text, new RegExp(`"${event}"`));
      }
      assert.ok(!text.includes(token));
    });
  },
});
