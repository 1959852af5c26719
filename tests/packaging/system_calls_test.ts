import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemdUnit } from "../../src/cli/systemd_unit.ts";
import { edgekeepArguments } from "../lib/gateway_process.ts";
import { requires } from "../lib/requires.ts";
import {
  answersControl,
  answersReads,
  emptyFolder,
  startField,
  startPackagedGateway,
  takesAnUplink,
} from "./packaged_gateway.ts";

const script = fileURLToPath(new URL("seccomp_exec.py", import.meta.url));

Deno.test({
  name: "the gateway does its work with the system calls that its unit allows",
  ...requires("systemd-analyze", "python-seccomp"),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-calls-" });
    try {
      const unit = join(folder, "edgekeep.service");
      await Deno.writeTextFile(
        unit,
        systemdUnit({
          program: "/usr/bin/true",
          user: "edgekeep",
          config: "/etc/edgekeep.toml",
          dataDir: "/var/lib/e",
        }),
      );
      const confined = ["/usr/bin/python3", script, unit] as const;
      // the confinement is real: @privileged is not allowed
      const chown = new Deno.Command(confined[0], { args: [...confined.slice(1), "chown", "0:0", unit] });
      const { success, stderr } = await chown.output();
      assert.ok(!success);
      assert.match(new TextDecoder().decode(stderr), /Operation not permitted/);

      await using field = await startField();
      await using gateway = await startPackagedGateway(
        [...confined, Deno.execPath(), ...edgekeepArguments()],
        await emptyFolder(folder),
        field,
      );
      await answersReads(gateway, field);
      await takesAnUplink(gateway, field);
      await answersControl(gateway);
      await gateway.endsClean();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
