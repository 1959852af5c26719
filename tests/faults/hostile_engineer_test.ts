import assert from "node:assert/strict";
import { freePort } from "../../src/cli/free_port.ts";
import { startGatewayProcess } from "../lib/gateway_process.ts";

/**
 * Somebody with the role engineer may plan a configuration and not apply one. Whatever the plan holds, the gateway goes
 * on; and it goes on without OPC UA as well.
 */

const token = crypto.randomUUID() + crypto.randomUUID();

function config(webPort: number): string {
  return `[gateway]\ndata_dir = "data"\n[opcua]\nenabled = false\nuser_name = "scada"\n` +
    `user_password = "brass-lantern-forty"\n[runtime.web]\nlisten = "127.0.0.1:${webPort}"\n` +
    `[runtime.control]\nenabled = true\nendpoint = "unix://control.sock"\nauth_token = "${token}"\n`;
}

const hostile: readonly (readonly [string, unknown])[] = [
  ["a header of many names", { text: `[${"a.".repeat(400_000)}a]\n` }],
  ["a key of many names", { text: `${"a.".repeat(400_000)}a = 1\n` }],
  ["lists in lists", { text: `a = ${"[".repeat(400_000)}` }],
  ["tables in tables", { text: `a = ${"{ a = ".repeat(100_000)}` }],
  ["a mistake in every line", { text: Array.from({ length: 20_000 }, (_, key) => `k${key} = 1\n`).join("") }],
  ["very many keys at once", {
    set: Object.fromEntries(Array.from({ length: 20_000 }, (_, key) => [`a.b${key}`, "1"])),
  }],
  ["long lists in many keys", {
    set: Object.fromEntries(Array.from({ length: 64 }, (_, key) => [`a.b${key}`, `[${"1,".repeat(7000)}1]`])),
  }],
  ["a secret in a device without end", { set: { "opcua.user_password_file": '"/dev/zero"' } }],
  ["a certificate in a device without end", {
    set: {
      "runtime.tls.mode": '"self-managed"',
      "runtime.tls.cert_path": '"/dev/zero"',
      "runtime.tls.key_path": '"/dev/zero"',
    },
  }],
];

Deno.test("no plan of an engineer stalls or ends the gateway", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edgekeep-engineer-" });
  const webPort = freePort("127.0.0.1", 0);
  try {
    const gateway = await startGatewayProcess({ folder, config: config(webPort), opcuaPort: 0, webPort });
    try {
      const ask = (path: string, body: unknown, bearer: string) =>
        fetch(`${gateway.webUrl}/api/v1${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(60_000),
        });
      const made = await (await ask("/tokens", { label: "engineer", role: "engineer", days: 1 }, token)).json();
      for (const [what, proposal] of hostile) {
        const answer = await ask("/config/diff", proposal, made.token);
        const text = await answer.text();
        assert.ok(answer.status === 400 || answer.status === 200 && JSON.parse(text).ok === false, `${what}: ${text}`);
        assert.ok(text.length < 200_000, `${what}: an answer of ${text.length} characters`);
      }
      const plan = await (await ask("/config/diff", { set: { "gateway.site": '"north"' } }, made.token)).json();
      assert.deepEqual(plan.changes.map(({ path }: { path: string }) => path), ["gateway.site"]);
      assert.doesNotMatch(gateway.output(), /worker_lost|worker_failed|FATAL/);
    } finally {
      assert.equal(await gateway.end(), 0);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
