import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../../src/cli/free_port.ts";
import { edgekeepArguments, startGatewayProcess } from "../lib/gateway_process.ts";
import { site, startSimulatedField } from "../lib/site.ts";
import { TestCa } from "../lib/test_ca.ts";
import { waitFor } from "../lib/wait_for.ts";

Deno.test("a certificate that expired while the power was off is a fault and not the end of the plant's values", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-expired-" });
  const simulator = await startSimulatedField(1);
  try {
    const { cert, key } = await (await TestCa.make()).issue("gateway", "server", { days: -1 });
    await Deno.writeTextFile(join(folder, "cert.pem"), cert);
    await Deno.writeTextFile(join(folder, "key.pem"), key, { mode: 0o600 });
    const place = site({
      folder,
      chirpstackUrl: simulator.url,
      devices: simulator.devices,
      control: {
        endpoint: `tcp://127.0.0.1:${freePort("127.0.0.1", 0)}`,
        auth_token: crypto.randomUUID() + crypto.randomUUID(),
      },
      tls: { mode: "self-managed", cert_path: "cert.pem", key_path: "key.pem" },
    });
    const gateway = await startGatewayProcess(place);
    try {
      const fault = await waitFor("the fault", async () => {
        const { faults } = await gateway.status();
        return faults.find(({ code }) => code === "tls_certificate_expired");
      });
      assert.equal(fault.severity, "error");
      await waitFor("the log", () => gateway.output().includes("rule=tls_certificate_expired"));
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: edgekeepArguments("validate", "--config", join(folder, "edgekeep.toml"), "--json"),
        stdin: "null",
      }).output();
      assert.equal(code, 3, "whoever checks is told that it is wrong");
      assert.match(new TextDecoder().decode(stdout), /tls_certificate_expired/);
      assert.equal(await gateway.end(), 0, gateway.output());
    } finally {
      await gateway.end("SIGKILL");
    }
  } finally {
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
