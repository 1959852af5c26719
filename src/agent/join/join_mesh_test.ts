import assert from "node:assert/strict";
import { HubWorld } from "../../../tests/lib/hub_world.ts";
import { ApiProblem } from "../../hub/api/api_problem.ts";
import { startHubApi } from "../../hub/api/start_hub_api.ts";
import type { HubSettings } from "../../hub/core/hub_settings.ts";
import type { HubCore } from "../../hub/hub_core.ts";
import { formatJoinToken, type JoinToken, parseJoinToken } from "../../mesh/join_token.ts";
import { MeshError } from "../../mesh/mesh_error.ts";
import { AgentFileError } from "../files/agent_file_error.ts";
import { AgentFolder } from "../files/agent_folder.ts";
import { HubRequestError } from "../hub_client/hub_requests.ts";
import { joinMesh, JoinRefused } from "./join_mesh.ts";

/** A real hub with its API on loopback, and a folder for an agent. */
class JoinWorld implements AsyncDisposable {
  private constructor(
    readonly hub: HubWorld,
    readonly api: Awaited<ReturnType<typeof startHubApi>>,
    readonly folder: AgentFolder,
  ) {}

  static async create(
    change: (core: HubCore) => HubCore = (core) => core,
    settings: Partial<HubSettings> = {},
  ): Promise<JoinWorld> {
    const hub = await HubWorld.open(settings);
    const { certificatePem: cert, privateKeyPem: key } = hub.hub.tls();
    const api = await startHubApi({
      listen: "127.0.0.1:0",
      core: change(hub.core),
      tls: { cert, key },
      faults: hub.faults,
      audit: hub.audit,
      nowUs: hub.clock.nowUs,
    });
    const dir = await Deno.makeTempDir({ prefix: "edgekeep-join-" });
    return new JoinWorld(hub, api, await AgentFolder.open(dir));
  }

  /** A token whose address is where the API really is. */
  token(change: Partial<JoinToken> = {}): JoinToken {
    return { ...parseJoinToken(this.hub.token()), url: `https://127.0.0.1:${this.api.port}`, ...change };
  }

  join(
    token: JoinToken,
    { force = false, problem = null, ...more }: {
      readonly force?: boolean;
      readonly problem?: string | null;
      readonly onWait?: (ms: number) => void;
    } = {},
  ) {
    return joinMesh({
      folder: this.folder,
      token: parseJoinToken(formatJoinToken(token)),
      hostname: "plant-1",
      version: "0.1.0",
      binarySha256: "a".repeat(64),
      force,
      ...more,
      networkProblem: () => Promise.resolve(problem),
      nowUs: () => Date.now() * 1000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api.stop();
    await this.hub[Symbol.asyncDispose]();
    await Deno.remove(this.folder.dir, { recursive: true });
  }
}

/** The hub with another way to register. */
function withRegister(core: HubCore, register: HubCore["register"]): HubCore {
  return new Proxy(core, {
    get(target, name) {
      if (name === "register") return register;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** The hub that has taken enough when it is asked for the first time. */
function throttledOnce(retryAfterMs: number): (core: HubCore) => HubCore {
  let first = true;
  return (core) =>
    withRegister(core, (...args) => {
      if (!first) return core.register(...args);
      first = false;
      throw new ApiProblem(429, "throttled", "One source may not ask so often", { retryAfterMs });
    });
}

const fails = (kind: new (...args: never[]) => Error, code: string) => (error: unknown) =>
  error instanceof kind && (error as unknown as { code: string }).code === code;

Deno.test("a machine joins: the hub knows it by the same fingerprint, and nothing secret left it", async () => {
  await using world = await JoinWorld.create();
  const joined = await world.join(world.token());
  const node = world.hub.admin.node(joined.nodeId);
  assert.deepEqual([node.meshIp, node.fingerprint, node.name], [joined.meshIp, joined.fingerprint, "plant-1"]);
  const trust = await world.folder.trust.read();
  assert.deepEqual([trust?.hub, trust?.mesh_ip, trust?.cosign], [world.hub.core.hubId, joined.meshIp, false]);
  const { sequence } = world.hub.core.position(joined.nodeId);
  assert.deepEqual((await world.folder.position.read())?.position.sequence, sequence);
});

Deno.test("a join whose answer was lost is repeated with the same token and gives the same node", async () => {
  let lose = true;
  await using world = await JoinWorld.create((core) =>
    withRegister(core, (...args) => {
      const answer = core.register(...args);
      if (!lose) return answer;
      lose = false;
      throw new Error("The power went");
    })
  );
  const token = world.token();
  await assert.rejects(world.join(token), fails(HubRequestError, "refused"));
  assert.equal(await world.folder.trust.read(), null, "nothing says that it joined");
  const joined = await world.join(token);
  assert.deepEqual(world.hub.admin.nodes().map(({ nodeId }) => nodeId), [joined.nodeId]);
});

Deno.test("a join waits where the hub takes no more machines from its address for the moment", async () => {
  await using world = await JoinWorld.create(throttledOnce(1_000));
  const waits: number[] = [];
  const { nodeId } = await world.join(world.token(), { onWait: (ms) => void waits.push(ms) });
  assert.deepEqual(waits, [1_000]);
  assert.deepEqual(world.hub.admin.nodes().map((node) => node.nodeId), [nodeId]);
});

Deno.test("a join does not wait an hour", async () => {
  await using world = await JoinWorld.create(throttledOnce(3_600_000));
  const waits: number[] = [];
  await assert.rejects(
    world.join(world.token(), { onWait: (ms) => void waits.push(ms) }),
    (error) => error instanceof HubRequestError && error.status === 429 && error.retryAfterMs === 3_600_000,
  );
  assert.deepEqual(waits, []);
});

Deno.test("a machine that is a node stays that node unless it is forced", async () => {
  await using world = await JoinWorld.create();
  const first = await world.join(world.token());
  await assert.rejects(world.join(world.token()), fails(AgentFileError, "already_joined"));
  assert.equal((await world.folder.keys())?.nodeId, first.nodeId);
  const second = await world.join(world.token(), { force: true });
  assert.notEqual(second.nodeId, first.nodeId);
});

for (
  const [what, change, kind, code] of [
    ["pins another TLS key", { tls_spki: ["0".repeat(64)] }, HubRequestError, "wrong_pin"],
    ["names another signing key", { key: "0".repeat(64) }, MeshError, "E_KEY"],
    ["names another index of the key", { key_index: 7 }, MeshError, "E_KEY"],
    ["has another secret", { secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }, HubRequestError, "refused"],
    ["is of another hub", { hub: `h_${"0".repeat(32)}` as JoinToken["hub"] }, HubRequestError, "refused"],
  ] as const
) {
  Deno.test(`a token that ${what} joins nothing`, async () => {
    await using world = await JoinWorld.create();
    await assert.rejects(world.join(world.token(change as Partial<JoinToken>)), fails(kind, code));
    assert.equal(await world.folder.trust.read(), null);
  });
}

Deno.test("a mesh whose network is taken on this machine is not joined", async () => {
  await using world = await JoinWorld.create();
  await assert.rejects(
    world.join(world.token(), { problem: "The mesh's network overlaps a route" }),
    (error) => error instanceof JoinRefused && /overlaps/.test(error.message),
  );
  assert.equal(await world.folder.trust.read(), null);
});

for (
  const [meshCidr, why] of [
    ["8.8.8.0/24", /none for private use/],
    ["0.0.0.0/8", /none for private use/],
    ["224.0.0.0/16", /none for private use/],
    ["10.0.0.0/7", /none for private use/],
    ["169.254.0.0/16", /none for private use/],
    ["127.0.0.0/8", /own address lies in/],
  ] as const
) {
  Deno.test(`a hub whose mesh is ${meshCidr} gets no traffic of the machine into it`, async () => {
    await using world = await JoinWorld.create(undefined, { meshCidr });
    await assert.rejects(
      world.join(world.token()),
      (error) => error instanceof JoinRefused && why.test(error.message),
    );
    assert.equal(await world.folder.trust.read(), null);
  });
}

Deno.test("a used token joins no second machine", async () => {
  await using world = await JoinWorld.create();
  const token = world.token();
  await world.join(token);
  await assert.rejects(
    world.join(token, { force: true }),
    (error) => error instanceof HubRequestError && error.problem === "token_used",
  );
});
