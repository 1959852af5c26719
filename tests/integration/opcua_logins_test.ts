import assert from "node:assert/strict";
import type { LoginRefusal } from "../../src/opcua/sessions/session_watch.ts";
import { accessWorld, noSettings } from "../lib/access_world.ts";
import { startTestServer } from "../lib/opcua_client_gateway.ts";
import { startOpcUaClient } from "../lib/opcua_client_process.ts";
import { waitFor } from "../lib/wait_for.ts";

const password = "staple of the trade";
const configUser = { name: "scada", password: "configured password" };

Deno.test("OPC UA logins of stored and configured users", async (t) => {
  await using world = await accessWorld({ settings: { ...noSettings, configUser } });
  const { access, clock } = world;
  await access.addUser({ name: "bert", password, role: "viewer" });
  await access.addUser({ name: "anna", password, role: "admin" });
  const failures: LoginRefusal[] = [];
  await using server = await startTestServer({ access, onAuthFailed: (failure) => failures.push(failure) });
  await using client = await startOpcUaClient();
  const { handle } = server;
  const login = (user: string, secret = password) => client.connect(server.url, { user, password: secret });
  const ended = () => waitFor("the session to end", () => handle.list().length === 0);

  await t.step("any role gets in, and the session is listed", async () => {
    const id = await login("bert");
    const [entry, ...others] = handle.list();
    assert.equal(others.length, 0);
    assert.deepEqual([entry?.kind, entry?.name, entry?.role, entry?.address], ["opcua", "bert", "viewer", "127.0.0.1"]);
    assert.match(entry?.id ?? "", /^[0-9a-f-]{36}$/);
    assert.ok((entry?.client ?? "") !== "");
    assert.ok((entry?.createdUs ?? 0) > 0);
    await client.call("close", { id });
    await ended();
    assert.equal(handle.close(entry?.id ?? ""), false);
  });

  await t.step("sessions end with what they logged in with", async () => {
    const changes: Record<string, readonly [name: string, secret: string, change: () => unknown]> = {
      "switched off": ["bert", password, () => access.setUser("bert", { disabled: true })],
      "removed": ["anna", password, () => access.removeUser("anna")],
      "another configured password": [
        "scada",
        configUser.password,
        () => access.configure({ ...noSettings, configUser: { ...configUser, password: "a new password" } }),
      ],
    };
    for (const [name, [user, secret, change]] of Object.entries(changes)) {
      await login(user, secret);
      assert.equal(handle.list()[0]?.name, user, name);
      await change();
      await ended();
      assert.equal(handle.status().sessions, 0, name);
      await assert.rejects(login(user, secret), /BadUserAccessDenied/, name);
    }
    assert.deepEqual(failures.map(({ user, reason }) => [user, reason]), [
      ["bert", "user_disabled"],
      ["anna", "user_mismatch"],
      ["scada", "password_mismatch"],
    ]);
    assert.ok(failures.every(({ address, endpoint }) => address === "127.0.0.1" && endpoint.startsWith("opc.tcp://")));
    assert.ok(!JSON.stringify(failures).includes(password));
  });

  await t.step("an admin closes a session", async () => {
    await access.setUser("bert", { disabled: false });
    await login("bert");
    assert.equal(handle.close(handle.list()[0]?.id ?? ""), true);
    await ended();
  });

  await t.step("guesses are throttled, and the user's own address is told apart by name", async () => {
    failures.length = 0;
    for (let i = 0; i < 7; i++) await assert.rejects(login("mallory", `guess number ${i}`), /BadUserAccessDenied/);
    assert.equal(failures.at(-1)?.reason, "throttled");
    await client.call("close", { id: await login("bert") });
    clock.us += 3_600_000_000;
    await ended();
  });
});
