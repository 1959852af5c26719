import assert from "node:assert/strict";
import { DataType } from "node-opcua";
import { everybodyMayRead, operatorMayCall, operatorMayWrite } from "../../src/opcua/security/node_roles.ts";
import { type Role, roles } from "../../src/policy/roles.ts";
import { accessWorld } from "../lib/access_world.ts";
import { startTestServer, testDevice, testTag } from "../lib/opcua_client_gateway.ts";
import {
  type OpcUaClientProcess,
  type ServiceAnswer,
  startOpcUaClient,
  type WireValue,
} from "../lib/opcua_client_process.ts";

const DEV = "0102030405060708";
const password = "staple of the trade";
const TAG = `ns=2;s=${DEV}/temperature`;

/** Well-known Roles (OPC 10000-18 §4.2) and bits of PermissionType (OPC 10000-3 §8.55), by their numbers. */
const OBSERVER = 15_668, OPERATOR = 15_680, ENGINEER = 16_036, CONFIGURE_ADMIN = 15_716, SECURITY_ADMIN = 15_704;
const BROWSE = 1, READ_TABLE = 2, READ = 32, WRITE = 64, READ_HISTORY = 128, EVENTS = 2048, CALL = 4096;
const LOOK = BROWSE | READ | READ_HISTORY | EVENTS;

interface Permission {
  readonly roleId: string;
  readonly permissions: number;
}

Deno.test("nodes are judged by the role of the session", async (t) => {
  await using world = await accessWorld();
  for (const role of roles) await world.access.addUser({ name: `the-${role}`, password, role });
  await using server = await startTestServer({
    access: world.access,
    devices: [testDevice(DEV)],
    tags: [testTag(DEV, "temperature")],
  });
  await using client = await startOpcUaClient();
  const sessions = new Map<Role, number>();
  for (const role of roles) {
    sessions.set(role, await client.connect(server.url, { user: `the-${role}`, password }));
  }
  const as = (role: Role) => sessions.get(role) ?? 0;
  const read = async (role: Role, node: string, attribute = "Value") => {
    const [value] = await client.call<WireValue[]>("read", { id: as(role), nodes: [node], attribute });
    return value;
  };

  await t.step("everybody reads tags and browses them, and nobody writes them", async () => {
    for (const role of roles) {
      assert.equal((await read(role, TAG))?.statusName, "BadWaitingForInitialData", role);
      assert.equal(
        (await read(role, TAG, "UserAccessLevel"))?.value,
        (await read(role, TAG, "AccessLevel"))?.value,
        role,
      );
      const below = await client.call<{ nodeId: string }[]>("browse", { id: as(role), node: `ns=2;s=${DEV}` });
      assert.ok(below.some(({ nodeId }) => nodeId === TAG), role);
      const write = { id: as(role), node: TAG, dataType: DataType.Double, value: 1 };
      assert.equal(await client.call("write", write), "BadNotWritable", role);
    }
  });

  await t.step("UserRolePermissions shows a session what its role has", async () => {
    const shown: Record<string, [number, number][]> = {};
    for (const role of roles) {
      const { results: [answer] } = await client.call<ServiceAnswer>("service", {
        id: as(role),
        service: "Read",
        fields: { nodesToRead: [{ nodeId: TAG, attributeId: 25 }], timestampsToReturn: 3 },
      });
      shown[role] = (answer.value.value as Permission[]).map(({ roleId, permissions }) => [
        Number(String(roleId).replace(/^.*i=/, "")),
        permissions,
      ]);
    }
    assert.deepEqual(shown, {
      viewer: [[OBSERVER, LOOK]],
      operator: [[OBSERVER, LOOK], [OPERATOR, LOOK]],
      engineer: [[OBSERVER, LOOK], [OPERATOR, LOOK], [ENGINEER, LOOK]],
      admin: [
        [OBSERVER, LOOK],
        [OPERATOR, LOOK],
        [ENGINEER, LOOK],
        [CONFIGURE_ADMIN, LOOK | READ_TABLE],
        [SECURITY_ADMIN, LOOK | READ_TABLE],
      ],
    });
    for (const role of roles) {
      const status = (await read(role, TAG, "RolePermissions"))?.statusName;
      assert.equal(status, role === "admin" ? "Good" : "BadUserAccessDenied", role);
    }
  });

  await t.step("the tables for commands and alarms begin with the operator", () => {
    const allowed = (table: typeof everybodyMayRead, bit: number) =>
      table.filter(({ permissions = 0 }) => (permissions & bit) !== 0)
        .map(({ roleId }) => Number(String(roleId).replace(/^.*i=/, "")));
    assert.deepEqual(allowed(everybodyMayRead, WRITE | CALL), []);
    assert.deepEqual(allowed(operatorMayWrite, WRITE), [OPERATOR, ENGINEER, CONFIGURE_ADMIN, SECURITY_ADMIN]);
    assert.deepEqual(allowed(operatorMayCall, CALL), [OPERATOR, ENGINEER, CONFIGURE_ADMIN, SECURITY_ADMIN]);
  });

  await t.step("sessions of others are for engineers, and what secures them for administrators", async () => {
    const sessionsArray = "i=3707", securityArray = "i=3708", summary = "i=2275";
    for (const role of roles) {
      const allowed = role === "engineer" || role === "admin";
      assert.equal((await read(role, sessionsArray))?.statusName, allowed ? "Good" : "BadUserAccessDenied", role);
      assert.equal(
        (await read(role, securityArray))?.statusName,
        role === "admin" ? "Good" : "BadUserAccessDenied",
        role,
      );
      assert.equal((await read(role, summary))?.statusName, "Good", role);
      const objects = await sessionObjects(client, as(role));
      assert.equal(objects.length, allowed ? roles.length : 0, role);
    }
  });

  await t.step("the set of Roles can be read", async () => {
    const set = await client.call<{ browseName: string }[]>("browse", { id: as("viewer"), node: "i=15606" });
    const names = set.map(({ browseName }) => browseName);
    for (const name of ["Observer", "Operator", "Engineer", "ConfigureAdmin", "SecurityAdmin"]) {
      assert.ok(names.includes(name), names.join());
    }
  });

  await t.step("nobody restarts the server or changes its roles", async () => {
    for (const role of roles) {
      const restart = { id: as(role), object: "i=2253", method: "i=12886", args: [] };
      assert.match((await client.call<{ status: string }>("call", restart)).status, /^Bad/, role);
      const add = { id: as(role), object: "i=15606", method: "i=16301", args: [] };
      assert.match((await client.call<{ status: string }>("call", add)).status, /^Bad/, role);
    }
  });
});

/** Objects of sessions below the summary, by what a Browse shows. */
async function sessionObjects(client: OpcUaClientProcess, id: number): Promise<string[]> {
  const children = await client.call<{ nodeId: string; nodeClass: number }[]>("browse", { id, node: "i=3706" });
  return children.filter(({ nodeClass }) => nodeClass === 1).map(({ nodeId }) => nodeId);
}
