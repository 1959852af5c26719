import assert from "node:assert/strict";
import { join } from "node:path";
import { pkiCommand } from "../../src/cli/pki.ts";
import { validateCommand } from "../../src/cli/validate.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";
import { checkPair, readCertificate } from "../../src/tls/read_certificate.ts";
import { openssl } from "../lib/openssl.ts";
import { requires } from "../lib/requires.ts";
import { type CommandOutcome, runCommand } from "../lib/run_command.ts";
import { TestCa } from "../lib/test_ca.ts";

const paths = 'cert_path = "security/server-cert.pem"\nkey_path = "security/server-key.pem"\n';
const secured = `[runtime.web]\nlisten = "0.0.0.0:8443"\ntls = true\nallowed_hosts = ["gateway.plant.example"]\n` +
  `[runtime.tls]\nmode = "self-managed"\nrequire_remote = true\n${paths}`;

/** A project folder with a configuration. */
class Project {
  constructor(readonly folder: string) {}

  get cert(): string {
    return join(this.folder, "security", "server-cert.pem");
  }

  get key(): string {
    return join(this.folder, "security", "server-key.pem");
  }

  async configure(text: string): Promise<void> {
    await Deno.writeTextFile(join(this.folder, "edgekeep.toml"), text);
  }

  pki(...args: string[]): Promise<CommandOutcome> {
    return runCommand(
      pkiCommand({ opcuaPkiEntry: new URL("../../src/opcua_pki.ts", import.meta.url) }),
      ...args,
      "--project",
      this.folder,
    );
  }

  async rules(): Promise<string[]> {
    const { out } = await runCommand(validateCommand(), "--project", this.folder, "--json");
    return JSON.parse(out).findings.filter(({ severity }: { severity: string }) => severity !== "note")
      .map(({ rule }: { rule: string }) => rule);
  }
}

async function inProject(text: string, test: (project: Project) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-pki-" });
  try {
    const project = new Project(folder);
    await project.configure(text);
    await test(project);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function mode(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("new-server-cert makes what the configuration was refused for lacking", () =>
  inProject(secured, async (project) => {
    assert.ok((await project.rules()).includes("tls_file_missing"));
    const { code, out, err } = await project.pki("new-server-cert", "--name", "edge.plant.example");
    assert.deepEqual([code, err], [0, ""]);
    assert.deepEqual((await project.rules()).filter((rule) => rule.startsWith("tls_")), []);
    const cert = await Deno.readTextFile(project.cert);
    const facts = checkPair(cert, await Deno.readTextFile(project.key));
    const hostname = Deno.hostname().toLowerCase();
    for (const name of ["edge.plant.example", "gateway.plant.example", "localhost", "127.0.0.1", hostname]) {
      assert.ok(facts.names.includes(name), `${name} in ${facts.names}`);
    }
    assert.equal(facts.names[0], "edge.plant.example");
    assert.ok(!facts.names.includes("0.0.0.0"));
    assert.ok(out.includes(facts.fingerprint));
    assert.ok(!out.includes("PRIVATE"));
    assert.equal(await mode(project.key), 0o600);
    assert.equal(await mode(project.cert), 0o644);
    assert.equal(await mode(join(project.folder, "security")), 0o750);
    assert.deepEqual([...Deno.readDirSync(join(project.folder, "security"))].map(({ name }) => name).sort(), [
      "server-cert.pem",
      "server-key.pem",
    ]);
  }));

Deno.test("new-server-cert replaces nothing unless it is forced", () =>
  inProject(secured, async (project) => {
    await project.pki("new-server-cert");
    const before = await Deno.readTextFile(project.cert);
    const refused = await project.pki("new-server-cert");
    assert.equal(refused.code, 6);
    assert.match(refused.err, /is there already.*pki renew.*--force/);
    assert.equal(await Deno.readTextFile(project.cert), before);
    assert.equal((await project.pki("new-server-cert", "--force", "--days", "10")).code, 0);
    const facts = checkPair(await Deno.readTextFile(project.cert), await Deno.readTextFile(project.key));
    assert.ok(facts.notAfterUs < (Date.now() + 10 * 86_400_000) * 1000);
  }));

Deno.test("names and days that no certificate can have are a wrong command line, and write nothing", () =>
  inProject(secured, async (project) => {
    for (const args of [["--name", "a b"], ["--names", "ok.example,http://x"], ["--days", "0"], ["--days", "4000"]]) {
      assert.notEqual((await project.pki("new-server-cert", ...args)).code, 0, args.join(" "));
    }
    assert.equal((await project.pki("new-server-cert", "--name", "a b")).code, 2);
    await assert.rejects(Deno.stat(join(project.folder, "security")), Deno.errors.NotFound);
  }));

Deno.test("renew keeps the names, makes a new key, and works where the old pair is broken or gone", () =>
  inProject(secured, async (project) => {
    await project.pki("new-server-cert", "--name", "edge.plant.example", "--days", "20");
    const before = readCertificate(await Deno.readTextFile(project.cert));
    const key = await Deno.readTextFile(project.key);
    assert.equal((await project.pki("renew")).code, 0);
    const after = checkPair(await Deno.readTextFile(project.cert), await Deno.readTextFile(project.key));
    assert.deepEqual(after.names, before.names);
    assert.notEqual(after.fingerprint, before.fingerprint);
    assert.notEqual(await Deno.readTextFile(project.key), key);
    assert.ok(after.notAfterUs > before.notAfterUs);
    await Deno.writeTextFile(project.cert, "damaged");
    await Deno.chmod(project.key, 0o644);
    assert.equal((await project.pki("renew")).code, 0);
    checkPair(await Deno.readTextFile(project.cert), await Deno.readTextFile(project.key));
    assert.equal(await mode(project.key), 0o600);
    await Deno.remove(join(project.folder, "security"), { recursive: true });
    assert.equal((await project.pki("renew")).code, 0);
  }));

Deno.test("a certificate of a CA is never made here, and neither is one that has no place", async () => {
  for (
    const [tls, reason] of [
      [`mode = "provisioned"\n${paths}ca_path = "ca.pem"\n`, /"provisioned": ask your CA/],
      ["", /"disabled": write mode = "self-managed"/],
      ['mode = "self-managed"\n', /no place: write cert_path = .* and key_path = /],
    ] as const
  ) {
    await inProject(`[runtime.tls]\n${tls}`, async (project) => {
      for (const command of ["new-server-cert", "renew"]) {
        const { code, err } = await project.pki(command);
        assert.equal(code, 3, err);
        assert.match(err, reason);
      }
    });
  }
});

Deno.test("a configuration that is refused is reported, and no certificate is made", () =>
  inProject("[runtime.tls]\nmode = 5\n", async (project) => {
    const { code, err } = await project.pki("new-server-cert");
    assert.equal(code, 3);
    assert.match(err, /runtime\.tls\.mode/);
  }));

Deno.test("show tells names, end and fingerprint, to people and to programs", () =>
  inProject(secured, async (project) => {
    await project.pki("new-server-cert");
    const facts = readCertificate(await Deno.readTextFile(project.cert));
    const text = await project.pki("show");
    assert.equal(text.code, 0);
    for (const part of [facts.fingerprint, "Issuer   itself", "EC P-256", "OPC UA server: none yet"]) {
      assert.ok(text.out.includes(part), `${part} in ${text.out}`);
    }
    const { code, out } = await project.pki("show", "--json");
    const { mode, server, ca, own, problems } = JSON.parse(out);
    assert.equal(code, 0);
    assert.deepEqual([mode, ca, own, problems], ["self-managed", null, null, []]);
    assert.deepEqual([server.names, server.fingerprint, server.path], [facts.names, facts.fingerprint, project.cert]);
    assert.match(server.notAfter, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  }));

Deno.test("show warns of the end, and fails when a certificate cannot be used", () =>
  inProject(secured, async (project) => {
    await project.pki("new-server-cert", "--days", "20");
    const expiring = await project.pki("show");
    assert.equal(expiring.code, 0);
    assert.match(expiring.out, /Warning \(web and control\): It expires on .*, in 19 days/);
    await Deno.writeTextFile(project.key, (await makeServerCertificate({ names: ["a"] })).key);
    const mismatch = await project.pki("show");
    assert.equal(mismatch.code, 6);
    assert.match(mismatch.out, /Error \(web and control\): .*belongs to another certificate/);
    await Deno.remove(project.cert);
    const missing = await project.pki("show", "--json");
    assert.equal(missing.code, 6);
    assert.match(JSON.parse(missing.out).problems[0].text, /There is no file/);
  }));

Deno.test("show reads the certificates of a CA, and says when the server's has ended", async () => {
  const ca = await TestCa.make("Plant CA");
  const tls = `[runtime.tls]\nmode = "provisioned"\n${paths}ca_path = "ca.pem"\n`;
  await inProject(tls, async (project) => {
    const { cert, key } = await ca.issue("gateway", "server", { days: -1 });
    await Deno.mkdir(join(project.folder, "security"));
    await Deno.writeTextFile(project.cert, cert);
    await Deno.writeTextFile(project.key, key, { mode: 0o600 });
    await Deno.writeTextFile(join(project.folder, "ca.pem"), ca.cert);
    const { code, out } = await project.pki("show");
    assert.equal(code, 6);
    assert.match(out, /Subject +CN=gateway\n +Issuer +CN=Plant CA/);
    assert.match(out, /Error \(web and control\): It expired on/);
  });
});

Deno.test({
  name: "a certificate that openssl made, RSA and with a common name alone, can be served and shown",
  ...requires("openssl"),
  fn: () =>
    inProject(secured, async (project) => {
      await Deno.mkdir(join(project.folder, "security"));
      const files = ["-nodes", "-keyout", project.key, "-out", project.cert];
      await openssl([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-sha256",
        ...files,
        "-days",
        "365",
        "-subj",
        "/CN=edgekeep",
      ]);
      const { code, out } = await project.pki("show");
      assert.equal(code, 0, out);
      assert.match(out, /Key +RSA 2048/);
      assert.match(out, /Names +none/);
      // a curve that browsers and this program's TLS do not take
      const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"];
      await openssl(["req", "-x509", ...curve, ...files, "-subj", "/CN=edgekeep"]);
      const unsuitable = await project.pki("show");
      assert.equal(unsuitable.code, 6);
      assert.match(unsuitable.out, /must be RSA of 2048 bits or more, EC P-256 or EC P-384: current value is EC P-521/);
    }),
});
