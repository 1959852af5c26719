import assert from "node:assert/strict";
import { openAccess } from "../../src/access/open_access.ts";
import type { Origin } from "../../src/access/principal.ts";
import { configSchema } from "../../src/config/schema.ts";
import { accessSettings } from "../../src/roles/access_settings.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";

const MINUTE_US = 60_000_000;
const origin: Origin = { transport: "http", address: "192.168.1.9" };

Deno.test("session_idle_minutes is the silence after which a login ends, and each request begins it anew", async () => {
  const dataDir = await Deno.makeTempDir();
  let now = 1_800_000_000_000_000;
  const nowUs = () => now;
  const password = "r4GzvQ1kXo0pLw";
  const settings = (session_idle_minutes: number) =>
    accessSettings(configSchema.parse({
      opcua: { user_name: "scada", user_password: password },
      runtime: { web: { session_idle_minutes } },
    }));
  const access = await openAccess({
    dataDir,
    settings: settings(7),
    faults: new FaultBoard(nowUs),
    feed: new EventFeed(nowUs),
    nowUs,
  });
  try {
    const login = await access.password("scada", password, origin);
    assert.ok(login.ok);
    const { cookie } = access.openSession(login.principal, origin, "test");
    const after = (minutes: number) => {
      now += minutes * MINUTE_US;
      const answer = access.session(cookie, origin);
      return answer.ok || answer.reason;
    };
    assert.equal(after(6.9), true);
    assert.equal(after(6.9), true);
    access.configure(settings(30));
    assert.equal(after(29), true);
    assert.equal(after(31), "session_expired");
  } finally {
    access.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
});
