import assert from "node:assert/strict";
import { join } from "node:path";
import { programPath, requires } from "../../tests/lib/requires.ts";
import { agentUnit } from "./agent_unit.ts";

const options = { program: "/usr/local/bin/edgekeep", agentDir: "/var/lib/edgekeep/agent", config: null };

Deno.test("the agent's unit runs it with the right over the network alone, and leaves wireguard-go running", () => {
  const unit = agentUnit(options);
  assert.match(unit, /^ExecStart=\/usr\/local\/bin\/edgekeep agent run$/m);
  assert.match(unit, /^CapabilityBoundingSet=CAP_NET_ADMIN$/m);
  assert.match(unit, /^DeviceAllow=\/dev\/net\/tun rw$/m);
  assert.match(unit, /^KillMode=process$/m);
  assert.match(unit, /^ReadWritePaths=\/var\/lib\/edgekeep\/agent -\/run\/wireguard$/m);
  assert.match(agentUnit({ ...options, config: "/etc/a.toml" }), /^ExecStart=.* agent run --config \/etc\/a\.toml$/m);
});

Deno.test("the agent's unit refuses paths that systemd would read otherwise", () => {
  assert.throws(() => agentUnit({ ...options, agentDir: "agent" }), RangeError);
  assert.throws(() => agentUnit({ ...options, config: "/etc/a b.toml" }), RangeError);
});

Deno.test({
  name: "systemd knows every line of the agent's unit",
  ...requires("systemd-analyze"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const file = join(folder, "edgekeep-agent.service");
      await Deno.writeTextFile(file, agentUnit({ ...options, program: "/bin/true" }));
      const { stdout, stderr } = await new Deno.Command(programPath("systemd-analyze") ?? "systemd-analyze", {
        args: ["verify", "--man=no", file],
      }).output();
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.deepEqual(text.split("\n").filter((line) => line.includes("edgekeep")), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
