import assert from "node:assert/strict";
import { join } from "node:path";
import { takeDataLock } from "../../src/access/data_lock.ts";
import { openAudit } from "../../src/audit/open_audit.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { freePort } from "../../src/cli/free_port.ts";
import { accessWorld } from "../lib/access_world.ts";
import { edgekeepArguments, startGatewayProcess } from "../lib/gateway_process.ts";
import { waitFor } from "../lib/wait_for.ts";

const here = { transport: "cli", address: "local" } as const;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A project folder with a configuration, and the command line on it. */
async function project(config = "") {
  const dir = await Deno.makeTempDir({ prefix: "edgekeep-access-cli-" });
  const file = join(dir, "edgekeep.toml");
  await Deno.writeTextFile(file, `[gateway]\ndata_dir = "data"\n${config}`, { mode: 0o600 });
  return {
    dir,
    data: join(dir, "data"),
    async run(words: string, input = ""): Promise<Outcome> {
      const child = new Deno.Command(Deno.execPath(), {
        args: [...edgekeepArguments(), ...words.split(" "), "--config", file],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        env: { NO_COLOR: "1" },
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(input));
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("whoever adds the first user as less than an admin is told what is missing", async () => {
  await using place = await project();
  const added = await place.run("user add vera", "correct horse battery\n");
  assert.equal(added.code, 0, added.err);
  assert.match(added.out, /^vera is added as viewer\nNo user is an admin yet.*edgekeep user set-role vera admin\n$/);
});

Deno.test("users and tokens are made without a gateway that runs, and audited", async () => {
  await using place = await project();
  const password = "correct horse battery";
  const added = await place.run("user add anna --role admin", `${password}\n`);
  assert.deepEqual([added.code, added.out], [0, "anna is added as admin\n"], added.err);
  const refused = await place.run("user add bert", "short\n");
  assert.equal(refused.code, 2);
  assert.match(refused.err, /at least 10 characters/);
  assert.ok(!refused.err.includes("short"));
  assert.equal((await place.run("user add bert", "")).code, 2);
  const secretFile = join(place.dir, "secret");
  await Deno.writeTextFile(secretFile, "staple of the trade\n", { mode: 0o600 });
  assert.equal((await place.run(`user add bert --password-file ${secretFile}`)).code, 0);
  assert.equal((await place.run("user set-role bert engineer")).code, 0);
  assert.equal((await place.run("user set-role bert root")).code, 2);
  assert.equal((await place.run("user disable bert")).code, 0);
  const last = await place.run("user remove anna");
  assert.equal(last.code, 1);
  assert.match(last.err, /last admin/);
  assert.equal((await place.run("user remove nobody")).code, 1);

  const listed = await place.run("user list --json");
  const { users } = JSON.parse(listed.out) as { users: { name: string; role: string; disabled: boolean }[] };
  assert.deepEqual(users.map(({ name, role, disabled }) => [name, role, disabled]), [
    ["anna", "admin", false],
    ["bert", "engineer", true],
  ]);
  assert.match(
    (await place.run("user list")).out,
    /^NAME +ROLE +STATE .*\nanna +admin +active .*\nbert +engineer +disabled/,
  );

  const made = await place.run("token create report --role viewer --days 30 --json");
  const { token, info } = JSON.parse(made.out) as { token: string; info: { id: string } };
  assert.match(token, /^ek_/);
  const tokens = await place.run("token list");
  assert.match(tokens.out, new RegExp(`${info.id} +api +viewer .* report\n$`));
  assert.ok(!tokens.out.includes(token));
  assert.equal((await place.run(`token renew ${info.id} --unlimited`)).code, 0);
  assert.equal((await place.run("user password anna", "another good one\n")).code, 0);

  await using world = await accessWorld({ dir: place.data });
  const answer = await world.access.password("anna", "another good one", here);
  assert.ok(answer.ok);
  assert.ok(world.access.token(token, here).ok);
  assert.equal(world.access.tokens()[0]?.expiresUs, null);

  const audit = await openAudit({
    dir: join(place.data, "audit"),
    faults: new FaultBoard(() => 0),
    nowUs: () => Date.now() * 1000,
  });
  try {
    const records = await audit.tail({ limit: 100, event: "operation" });
    assert.deepEqual(
      records.map(({ operation, target, outcome }) => [operation, target, outcome]),
      [
        ["users.add", "anna", "ok"],
        ["users.add", "bert", "bad_params"],
        ["users.add", "bert", "ok"],
        ["users.set", "bert", "ok"],
        ["users.set", "bert", "bad_params"],
        ["users.set", "bert", "ok"],
        ["users.remove", "anna", "conflict"],
        ["users.remove", "nobody", "not_found"],
        ["tokens.create", "report", "ok"],
        ["tokens.renew", info.id, "ok"],
        ["users.set", "anna", "ok"],
      ],
    );
    assert.ok(
      records.every(({ principal, transport, address }) =>
        principal === "local" && transport === "cli" && address === "local"
      ),
    );
    assert.ok(!JSON.stringify(records).includes(password));
    assert.ok((await audit.verify()).ok);
  } finally {
    await audit.stop();
  }
});

Deno.test("what needs a gateway says so, and nothing is written beside one that runs", async () => {
  await using place = await project();
  const pair = await place.run("pair start phone --role viewer");
  assert.equal(pair.code, 5);
  assert.match(pair.err, /gateway/);
  await Deno.mkdir(place.data);
  const lock = await takeDataLock(place.data);
  assert.ok(lock !== null);
  try {
    const busy = await place.run("user list");
    assert.equal(busy.code, 5);
    assert.match(busy.err, /A gateway runs with/);
    assert.deepEqual([...Deno.readDirSync(place.data)].map(({ name }) => name), ["lock"]);
  } finally {
    lock.release();
  }
  assert.equal((await place.run("user list")).code, 0);
});

Deno.test("a refused configuration and a wrong command line have their own codes", async () => {
  await using place = await project("nonsense = true\n");
  assert.equal((await place.run("user list")).code, 3);
  assert.equal((await place.run("user add")).code, 2);
  assert.equal((await place.run("token create x --role root")).code, 2);
  assert.equal((await place.run("token create x --days 0")).code, 2);
});

Deno.test("the configured user is listed and not changed", async () => {
  await using place = await project('[opcua]\nuser_name = "scada"\nuser_password = "configured password"\n');
  assert.match((await place.run("user list")).out, /scada +admin +configured/);
  const changed = await place.run("user set-role scada viewer");
  assert.equal(changed.code, 1);
  assert.match(changed.err, /configuration/);
});

Deno.test("with a gateway that runs the same commands go through it", async () => {
  await using place = await project();
  const [webPort, opcuaPort] = [freePort("127.0.0.1", 0), freePort("127.0.0.1", 0)];
  const config = `[gateway]
data_dir = "data"
[opcua]
host_port = ${opcuaPort}
[runtime.web]
listen = "127.0.0.1:${webPort}"
`;
  const gateway = await startGatewayProcess({ folder: place.dir, config, opcuaPort, webPort });
  try {
    const code = (await Deno.readTextFile(join(place.data, "setup-code"))).trim();
    await waitFor("the set-up code in the log", () => gateway.output().includes(code));
    const added = await place.run("user add anna --role admin", "correct horse battery\n");
    assert.deepEqual([added.code, added.out], [0, "anna is added as admin\n"], added.err);
    await assert.rejects(Deno.stat(join(place.data, "setup-code")), Deno.errors.NotFound);
    assert.match((await place.run("user list")).out, /anna +admin +active/);
    assert.equal((await place.run("user remove anna")).code, 1);

    const started = await place.run("pair start panel --role operator");
    assert.equal(started.code, 0, started.err);
    const link = /^Page {2}(http:.*#\/pair\?code=([2-9A-Z]{4}-[2-9A-Z]{4}))$/m.exec(started.out);
    assert.ok(link !== null && started.out.includes(`Code  ${link[2]}\n`), started.out);
    assert.match(started.out, /[█▀▄]{5}/);
    const [id] = /^[a-z0-9]{10}/m.exec((await place.run("pair list")).out) ?? [];
    assert.equal((await place.run(`pair revoke ${id}`)).code, 0);
    assert.equal((await place.run(`pair revoke ${id}`)).code, 1);
  } finally {
    await gateway.end();
  }
});
