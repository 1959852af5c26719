import assert from "node:assert/strict";
import { join } from "node:path";
import { programPath, requires } from "../../tests/lib/requires.ts";
import { systemdUnit } from "./systemd_unit.ts";

const options = {
  program: "/usr/local/bin/edgekeep",
  user: "edgekeep",
  config: "/etc/edgekeep/edgekeep.toml",
  dataDir: "/var/lib/edgekeep",
};

Deno.test("the unit runs the named program with the named configuration as the named user", () => {
  const unit = systemdUnit({ ...options, program: "/opt/edgekeep", user: "scada", config: "/srv/site-7/gateway.toml" });
  assert.match(unit, /^ExecStart=\/opt\/edgekeep run --config \/srv\/site-7\/gateway\.toml$/m);
  assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
  assert.match(unit, /^User=scada\nGroup=scada$/m);
  assert.match(unit, /^ReadWritePaths=-\/srv\/site-7 \/var\/lib\/edgekeep$/m);
});

Deno.test("the hub's unit runs the hub, in folders of its own beside a gateway's", () => {
  const unit = systemdUnit({ ...options, role: "hub", config: "/etc/edgekeep/hub/edgekeep.toml" });
  assert.match(unit, /^ExecStart=\/usr\/local\/bin\/edgekeep hub run --config \/etc\/edgekeep\/hub\/edgekeep\.toml$/m);
  assert.match(unit, /^RuntimeDirectory=edgekeep-hub$/m);
  assert.doesNotMatch(unit, /chirpstack|OPC UA/);
});

for (
  const [name, changed] of Object.entries({
    "a relative path": { config: "edgekeep.toml" },
    "a second directive in a path": { dataDir: "/var/lib/edgekeep\nUser=root" },
    "an argument in the program": { program: "/usr/bin/env edgekeep" },
    "a specifier of systemd": { config: "/etc/%i.toml" },
    "a user that is none": { user: "edgekeep root" },
  })
) {
  Deno.test(`the unit refuses ${name}`, () => {
    assert.throws(() => systemdUnit({ ...options, ...changed }), RangeError);
  });
}

Deno.test({
  name: "systemd knows every line of the unit and rates its exposure 2.0 or better",
  ...requires("systemd-analyze"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const file = join(folder, "edgekeep.service");
      // a program that exists, since systemd looks for it
      await Deno.writeTextFile(file, systemdUnit({ ...options, program: "/bin/true" }));
      const verified = await analyze("verify", "--man=no", file);
      // other units of the machine may have their own warnings
      const complaints = verified.text.split("\n").filter((line) => line.includes("edgekeep"));
      assert.deepEqual(complaints, []);

      const rated = await analyze("security", "--offline=true", "--threshold=20", file);
      const exposure = /Overall exposure level for edgekeep\.service: (\d+\.\d)/.exec(rated.text)?.[1];
      assert.ok(exposure !== undefined, rated.text);
      assert.ok(Number(exposure) <= 2, `the exposure is ${exposure}`);
      assert.equal(rated.code, 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function analyze(...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(programPath("systemd-analyze") ?? "systemd-analyze", {
    args: [...args, "--no-pager"],
    env: { LC_ALL: "C.UTF-8" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}
