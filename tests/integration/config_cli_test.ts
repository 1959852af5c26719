import assert from "node:assert/strict";
import { join } from "node:path";
import { initCommand } from "../../src/cli/init.ts";
import { validateCommand } from "../../src/cli/validate.ts";
import { checkPair, readCertificate } from "../../src/tls/read_certificate.ts";
import { runCommand as run } from "../lib/run_command.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function mode(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("init writes a configuration that starts at once, and a password that only its owner reads", () =>
  inFolder(async (folder) => {
    const project = join(folder, "plant", "one");
    const { code, out, err } = await run(initCommand(), project);
    assert.deepEqual([code, err], [0, ""]);
    const password = (await Deno.readTextFile(join(project, "opcua-password"))).trim();
    assert.match(password, /^[\w-]{24}$/);
    assert.equal(await mode(join(project, "opcua-password")), 0o600);
    assert.equal(await mode(join(project, "edgekeep.toml")), 0o640);
    assert.ok(!out.includes(password));
    assert.match(out, /edgekeep run --project/);
    assert.match(out, /opc\.tcp:\/\/127\.0\.0\.1:4840/);
    assert.deepEqual([...Deno.readDirSync(project)].map(({ name }) => name).sort(), [
      "edgekeep.toml",
      "opcua-password",
    ]);

    const checked = await run(validateCommand(), "--project", project, "--json");
    assert.equal(checked.code, 0);
    const { ok, findings } = JSON.parse(checked.out);
    assert.equal(ok, true);
    assert.deepEqual(findings.map(({ rule }: { rule: string }) => rule), ["no_source"]);
    assert.ok(!checked.out.includes(password));
  }));

Deno.test("init makes another password each time", () =>
  inFolder(async (folder) => {
    const passwords = new Set<string>();
    for (const name of ["a", "b"]) {
      await run(initCommand(), join(folder, name));
      passwords.add(await Deno.readTextFile(join(folder, name, "opcua-password")));
    }
    assert.equal(passwords.size, 2);
  }));

Deno.test("init refuses to replace a configuration unless forced, and then keeps the password", () =>
  inFolder(async (folder) => {
    const config = join(folder, "edgekeep.toml");
    await run(initCommand(), folder);
    const password = await Deno.readTextFile(join(folder, "opcua-password"));
    await Deno.writeTextFile(config, "# mine\n");
    const refused = await run(initCommand(), folder);
    assert.equal(refused.code, 6);
    assert.match(refused.err, /--force/);
    assert.equal(await Deno.readTextFile(config), "# mine\n");
    const forced = await run(initCommand(), folder, "--force");
    assert.equal(forced.code, 0);
    assert.match(await Deno.readTextFile(config), /\[opcua\]/);
    assert.equal(await Deno.readTextFile(join(folder, "opcua-password")), password);
  }));

Deno.test("init says why it cannot write", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "file"), "");
    const { code, err } = await run(initCommand(), join(folder, "file"));
    assert.equal(code, 6);
    assert.match(err, /Cannot write into/);
  }));

Deno.test("init keeps everything to this machine, and forbids to open it without TLS", () =>
  inFolder(async (folder) => {
    const { out } = await run(initCommand(), folder);
    const config = join(folder, "edgekeep.toml");
    const text = await Deno.readTextFile(config);
    assert.match(text, /^require_remote = true$/m);
    assert.match(text, /^#listen = "127\.0\.0\.1:8080"$/m);
    assert.match(text, /^#endpoint = "unix:\/\/control\.sock"$/m);
    assert.match(out, /http:\/\/127\.0\.0\.1:8080, only from this machine/);
    await Deno.writeTextFile(config, text.replace('#listen = "127.0.0.1:8080"', 'listen = "0.0.0.0:8080"'));
    const opened = JSON.parse((await run(validateCommand(), "--project", folder, "--json")).out);
    assert.equal(opened.ok, false);
    assert.ok(opened.findings.some(({ rule }: { rule: string }) => rule === "require_remote"));
  }));

Deno.test("init --lan opens OPC UA and the page to the network, with TLS and login", () =>
  inFolder(async (folder) => {
    const { code, out, err } = await run(initCommand(), folder, "--lan");
    assert.deepEqual([code, err], [0, ""]);
    const text = await Deno.readTextFile(join(folder, "edgekeep.toml"));
    for (
      const line of [
        'host_ip_address = "0.0.0.0"',
        'listen = "0.0.0.0:8080"',
        'auth = "token"',
        "tls = true",
        'mode = "self-managed"',
        "require_remote = true",
      ]
    ) assert.ok(text.split("\n").includes(line), line);
    const cert = await Deno.readTextFile(join(folder, "security", "server-cert.pem"));
    const facts = checkPair(cert, await Deno.readTextFile(join(folder, "security", "server-key.pem")));
    assert.ok(facts.names.includes(Deno.hostname().toLowerCase()));
    assert.equal(await mode(join(folder, "security", "server-key.pem")), 0o600);
    assert.equal(await mode(join(folder, "security")), 0o750);
    assert.ok(out.includes(facts.fingerprint));
    assert.ok(out.includes("https://"));
    const { ok, findings } = JSON.parse((await run(validateCommand(), "--project", folder, "--json")).out);
    assert.equal(ok, true);
    assert.deepEqual(findings.map(({ rule }: { rule: string }) => rule).sort(), [
      "no_source",
      "wildcard_bind",
      "wildcard_bind",
    ]);
  }));

Deno.test("init --lan --force keeps a certificate that browsers may know already", () =>
  inFolder(async (folder) => {
    await run(initCommand(), folder, "--lan");
    const cert = await Deno.readTextFile(join(folder, "security", "server-cert.pem"));
    const { code, out } = await run(initCommand(), folder, "--lan", "--force");
    assert.equal(code, 0);
    assert.equal(await Deno.readTextFile(join(folder, "security", "server-cert.pem")), cert);
    assert.match(out, /^Kept: .*server-cert\.pem/m);
  }));

const lanAddress = Deno.networkInterfaces().map(({ address }) => address)
  .find((address) => !address.includes(":") && !address.startsWith("127."));

Deno.test({
  name: "init --interface opens OPC UA and the page on that address alone",
  ignore: lanAddress === undefined,
  fn: () =>
    inFolder(async (folder) => {
      const { code } = await run(initCommand(), folder, "--interface", lanAddress ?? "");
      assert.equal(code, 0);
      const text = await Deno.readTextFile(join(folder, "edgekeep.toml"));
      assert.ok(text.includes(`\nhost_ip_address = "${lanAddress}"\n`));
      assert.ok(text.includes(`\nlisten = "${lanAddress}:8080"\n`));
      const { names } = readCertificate(await Deno.readTextFile(join(folder, "security", "server-cert.pem")));
      assert.equal(names[0], lanAddress);
      const { ok, findings } = JSON.parse((await run(validateCommand(), "--project", folder, "--json")).out);
      assert.deepEqual([ok, findings.map(({ rule }: { rule: string }) => rule)], [true, ["no_source"]]);
    }),
});

Deno.test("init --interface refuses what the machine does not have", () =>
  inFolder(async (folder) => {
    const project = join(folder, "p");
    const { code, err } = await run(initCommand(), project, "--interface", "no-such-interface");
    assert.equal(code, 2);
    assert.match(err, /no-such-interface/);
    await assert.rejects(Deno.stat(project), Deno.errors.NotFound);
  }));

Deno.test("the configuration that init writes runs once its two off sections are switched on and filled in", () =>
  inFolder(async (folder) => {
    await run(initCommand(), folder);
    const config = join(folder, "edgekeep.toml");
    const text = await Deno.readTextFile(config);
    // what the file's intro says to do: remove the first # of each line of the section
    const lines = text.split("\n");
    const off = (header: string) => {
      const start = lines.lastIndexOf("", lines.indexOf(header)) + 1;
      const end = lines.indexOf("", start);
      for (let line = start; line < (end < 0 ? lines.length : end); line++) lines[line] = (lines[line] ?? "").slice(1);
    };
    off("#[chirpstack]");
    off("#[[application]]");
    await Deno.writeTextFile(config, lines.join("\n"));
    const missing = JSON.parse((await run(validateCommand(), "--config", config, "--json")).out);
    assert.deepEqual(
      missing.findings.map(({ rule, severity }: { rule: string; severity: string }) => [rule, severity]),
      [
        ["placeholder", "error"],
        ["secret_file_unreadable", "error"],
      ],
    );
    await Deno.writeTextFile(join(folder, "chirpstack-token"), "abc\n", { mode: 0o600 });
    await Deno.writeTextFile(
      config,
      lines.join("\n").replace("REPLACE_ME_WITH_EDGEKEEP_CHIRPSTACK__SERVER_ADDRESS", "https://chirpstack.test"),
    );
    const { ok, findings } = JSON.parse((await run(validateCommand(), "--config", config, "--json")).out);
    assert.deepEqual([ok, findings], [true, []]);
  }));

Deno.test("validate lists findings by severity with file and line, and refuses with 3", () =>
  inFolder(async (folder) => {
    const config = join(folder, "c.toml");
    await Deno.writeTextFile(config, '[opcua]\nhost_prot = 1\n"bad\\u001b[2Jkey" = 1\nhost_ip_address = "0.0.0.0"\n');
    const { code, out } = await run(validateCommand(), "--config", config);
    assert.equal(code, 3);
    assert.match(out, /Errors \(2\)[^]*Warnings \(1\)[^]*Notes \(2\)[^]*refused/);
    assert.ok(out.includes(`${config}:2  opcua.host_prot  [unknown_key]`));
    assert.ok(out.includes("Did you mean host_port?"));
    // a name in the file does not reach the terminal as a control sequence
    assert.ok(!out.includes("\u001b"));
  }));

Deno.test("validate --json has keys that stay", () =>
  inFolder(async (folder) => {
    const config = join(folder, "c.toml");
    await Deno.writeTextFile(config, "[opcua]\nhost_port = 0\nuser_name = 'a'\nuser_password = 'b'\n[chirpstack]\n");
    await Deno.chmod(config, 0o644);
    const { code, out } = await run(validateCommand(), "--config", config, "--json");
    assert.equal(code, 3);
    assert.deepEqual(JSON.parse(out), {
      ok: false,
      file: config,
      errors: 3,
      warnings: 2,
      notes: 0,
      findings: [
        {
          severity: "error",
          rule: "out_of_range",
          path: "opcua.host_port",
          file: config,
          line: 2,
          text: "opcua.host_port must be a whole number from 1 to 65535: current value is 0",
          fix: "Write a whole number from 1 to 65535, or remove the key: its default is 4840",
        },
        {
          severity: "warning",
          rule: "config_file_mode",
          path: "opcua.user_password",
          file: config,
          line: 4,
          text: "Every user of this machine can read opcua.user_password in this file",
          fix: `chmod 640 ${config}, or keep the secret in a file of its own: user_password_file`,
        },
        {
          severity: "error",
          rule: "missing",
          path: "chirpstack.api_token",
          file: config,
          line: 5,
          text: "chirpstack.api_token is missing",
          fix: "Set EDGEKEEP_CHIRPSTACK__API_TOKEN, or api_token_file to the path of a file that holds it",
        },
        {
          severity: "error",
          rule: "missing",
          path: "chirpstack.server_address",
          file: config,
          line: 5,
          text: "chirpstack.server_address is missing",
          fix: 'Add server_address = "…": it must be an http:// or https:// address',
        },
        {
          severity: "warning",
          rule: "no_devices",
          path: "application",
          file: config,
          line: null,
          text: "No device is configured: nothing will be served",
          fix: "Add [[application]], [[application.device]] and [[application.device.read_metric]]",
        },
      ],
    });
  }));

Deno.test("validate names the places where it looked, and takes one of --config and --project", () =>
  inFolder(async (folder) => {
    const missing = await run(validateCommand(), "--project", folder);
    assert.equal(missing.code, 3);
    assert.ok(missing.out.includes(join(folder, "runtime.toml")));
    const both = await run(validateCommand(), "--project", folder, "--config", "x");
    assert.notEqual(both.code, 0);
    assert.match(both.err, /cannot be used with/);
  }));
