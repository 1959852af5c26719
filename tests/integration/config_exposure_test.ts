import assert from "node:assert/strict";
import { join } from "node:path";
import { explainCommand } from "../../src/cli/explain.ts";
import { validateCommand } from "../../src/cli/validate.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";
import { runCommand as run } from "../lib/run_command.ts";

interface Checked {
  readonly ok: boolean;
  readonly findings: readonly { rule: string; severity: string; path: string; line: number | null; file: string }[];
  readonly exposures: readonly { listener: string; reach: string; encryption: string }[];
  readonly firewall: { readonly nftables: readonly string[]; readonly ufw: readonly string[] };
}

/** A project folder, and what validate says of it with each text. */
async function inProject(
  test: (project: { folder: string; config: string; check: (text: string) => Promise<Checked> }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const config = join(folder, "edgekeep.toml");
  const check = async (text: string) => {
    await Deno.writeTextFile(config, text, { mode: 0o600 });
    const { out, code } = await run(validateCommand(), "--project", folder, "--exposure", "--json");
    const checked: Checked = JSON.parse(out);
    assert.equal(code, checked.ok ? 0 : 3);
    return checked;
  };
  try {
    await test({ folder, config, check });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const found = ({ findings }: Checked, severity: string) =>
  findings.filter((finding) => finding.severity === severity).map(({ rule, line }) => `${rule}:${line}`);

const token = "9f3c5c1a7be04d2f8a6d1e0b4c7f92a35d8e6b1c0f4a7392";

Deno.test("findings of the policy stand with those of the schema, each with its line, also when the schema refuses", () =>
  inProject(async ({ check, config }) => {
    const checked = await check(`[opcua]
host_prot = 4840
[runtime.control]
endpoint = "tcp://0.0.0.0:17777"
mode = "production"
debug_enabled = true
[runtime.web]
listen = "0.0.0.0:18084"
auth = "nobody"
[runtime.tls]
require_remote = true
`);
    assert.equal(checked.ok, false);
    assert.deepEqual(found(checked, "error"), [
      "unknown_key:2",
      "control_tcp_without_token:3",
      "require_remote:4",
      "debug_in_production:6",
      "require_remote:8",
      "not_allowed:9",
    ]);
    assert.ok(checked.findings.every(({ file, line }) => file === (line === null ? file : config)));
    assert.deepEqual(checked.exposures.map(({ listener, reach }) => `${listener} ${reach}`), [
      "opcua loopback",
      "web any",
      "control any",
    ]);
    assert.equal(checked.firewall.ufw.length, 2);
  }));

Deno.test("a token that only its file holds is judged, and a file that cannot be read is the one thing said of it", () =>
  inProject(async ({ folder, check }) => {
    const text = '[runtime.control]\nendpoint = "tcp://127.0.0.1:17777"\nauth_token_file = "token"\n';
    assert.deepEqual(found(await check(text), "error"), ["secret_file_unreadable:3"]);
    await Deno.writeTextFile(join(folder, "token"), "replace-with-long-random-token\n", { mode: 0o600 });
    assert.deepEqual(found(await check(text), "error"), ["control_token_well_known:3"]);
    await Deno.writeTextFile(join(folder, "token"), `${token}\n`);
    assert.deepEqual(found(await check(text), "error"), []);
  }));

Deno.test("the certificate's files are read and judged: missing, not PEM, of another key, open to all, ending", () =>
  inProject(async ({ folder, check }) => {
    const text = `[runtime.web]\nlisten = "127.0.0.1:8443"\ntls = true
[runtime.tls]\nmode = "self-managed"\ncert_path = "cert.pem"\nkey_path = "key.pem"\n`;
    const tlsRules = async (severity = "error") =>
      found(await check(text), severity).filter((rule) => rule.startsWith("tls_"));
    assert.deepEqual(await tlsRules(), ["tls_file_missing:6", "tls_file_missing:7"]);

    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    await Deno.writeFile(cert, new Uint8Array([0x30, 0x82, 1, 0xff]));
    await Deno.writeTextFile(key, "not a key", { mode: 0o600 });
    assert.deepEqual(await tlsRules(), ["tls_file_unusable:6", "tls_file_unusable:7"]);

    const made = await makeServerCertificate({ names: ["localhost"], days: 365 });
    await Deno.writeTextFile(cert, made.cert);
    await Deno.writeTextFile(key, made.key);
    assert.deepEqual(await tlsRules(), []);
    assert.deepEqual(await tlsRules("warning"), []);
    await Deno.chmod(key, 0o644);
    assert.deepEqual(await tlsRules(), ["tls_key_exposed:7"]);
    await Deno.chmod(key, 0o600);

    const other = await makeServerCertificate({ names: ["localhost"], days: 20 });
    await Deno.writeTextFile(key, other.key);
    assert.deepEqual(await tlsRules(), ["tls_key_mismatch:7"]);
    await Deno.writeTextFile(cert, other.cert);
    assert.deepEqual(await tlsRules(), []);
    assert.deepEqual(await tlsRules("warning"), ["tls_certificate_expiring:6"]);
  }));

Deno.test("a provisioned certificate must come from its CA", () =>
  inProject(async ({ folder, check }) => {
    const text = `[runtime.web]\ntls = true
[runtime.tls]\nmode = "provisioned"\ncert_path = "cert.pem"\nkey_path = "key.pem"\nca_path = "ca.pem"\n`;
    const [own, stranger] = [
      await makeServerCertificate({ names: ["a"] }),
      await makeServerCertificate({ names: ["a"] }),
    ];
    await Deno.writeTextFile(join(folder, "cert.pem"), own.cert);
    await Deno.writeTextFile(join(folder, "key.pem"), own.key, { mode: 0o600 });
    await Deno.writeTextFile(join(folder, "ca.pem"), stranger.cert);
    assert.deepEqual(found(await check(text), "error"), ["tls_certificate_not_from_ca:7"]);
    await Deno.writeTextFile(join(folder, "ca.pem"), stranger.cert + own.cert);
    assert.deepEqual(found(await check(text), "error"), []);
  }));

Deno.test("validate --exposure draws each listener for people, with the firewall's lines", () =>
  inProject(async ({ folder, config }) => {
    await Deno.writeTextFile(
      config,
      `[runtime.web]\nlisten = "0.0.0.0:18084"\n[runtime.control]\nendpoint = "tcp://0.0.0.0:17777"\nauth_token = "${token}"\n`,
      { mode: 0o600 },
    );
    const { code, out } = await run(validateCommand(), "--project", folder, "--exposure");
    assert.equal(code, 0);
    assert.match(
      out,
      /web +http:\/\/0\.0\.0\.0:18084 +\(runtime\.web\.listen\)\n +reached by +every network of this machine/,
    );
    assert.match(out, /protected by +NONE/);
    assert.match(out, /asks for +a token\n/);
    assert.match(out, /ufw allow proto tcp from any to any port 17777/);
    assert.match(out, /nft add rule inet filter input tcp dport 18084 accept/);
    assert.ok(!out.includes(token));
    const plain = await run(validateCommand(), "--project", folder);
    assert.doesNotMatch(plain.out, /reached by/);
  }));

Deno.test("explain answers with rule and remedy, and with the exit code", () =>
  inProject(async ({ config }) => {
    await Deno.writeTextFile(config, '[runtime.web]\nauth = "token"\n[runtime.remote]\nprofile = "wan"\n');
    const explain = (...args: string[]) => run(explainCommand(), "--config", config, ...args);
    const allowed = await explain("config.reload", "--as", "admin");
    assert.deepEqual([allowed.code, allowed.out.split("\n")[0]], [0, "Allowed [role]"]);
    const far = await explain("config.reload", "--as", "admin", "--from", "192.168.1.50");
    assert.equal(far.code, 4);
    assert.match(far.out, /^Denied \[wan_denies_writes\]\n[^]*→ .*allow_write = \["config\.reload:\*"\]/);
    const role = await explain("config.reload", "--as", "engineer", "--json");
    assert.equal(role.code, 4);
    assert.deepEqual(Object.keys(JSON.parse(role.out)), ["operation", "allowed", "rule", "text", "fix"]);
    assert.equal((await explain("status", "--as", "nobody", "--from", "127.0.0.1")).code, 4);
    assert.equal((await explain("tags.force", "--as", "operator", "--target", "a/b")).code, 4);
    for (const wrong of [["no.such", "--as", "admin"], ["constructor", "--as", "admin"]]) {
      assert.equal((await explain(...wrong)).code, 2);
    }
    for (const wrong of [["status"], ["status", "--as", "root"], ["status", "--as", "admin", "--from", "gateway"]]) {
      assert.notEqual((await explain(...wrong)).code, 0);
    }
    await Deno.writeTextFile(config, "");
    const local = await explain("status", "--as", "nobody", "--from", "127.0.0.1");
    assert.equal(local.code, 0);
    assert.match(local.out, /auth = "local" takes whoever sits at this machine for a viewer/);
    assert.equal((await explain("status", "--as", "nobody", "--from", "192.168.1.50")).code, 4);
    await Deno.writeTextFile(config, "nope = 1");
    assert.equal((await explain("status", "--as", "admin")).code, 3);
  }));
