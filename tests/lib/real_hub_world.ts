import { randomBytes } from "node:crypto";
import { type HubApi, startHubApi } from "../../src/hub/api/start_hub_api.ts";
import { type OpenHub, openHubCore } from "../../src/hub/core/open_hub_core.ts";
import { fromBase64, meshTime, newNonce, sha256Hex, toBase64 } from "../../src/mesh/encoding.ts";
import { nodeIdOf } from "../../src/mesh/ids.ts";
import { parseJoinToken } from "../../src/mesh/join_token.ts";
import { kemSizes } from "../../src/mesh/kem.ts";
import { newSeed, signingKeyOf, wireGuardKeyOf } from "../../src/mesh/keys.ts";
import { sealObject } from "../../src/mesh/signed_object.ts";
import { sealStatement } from "../../src/mesh/statements.ts";
import { tokenMac } from "../../src/mesh/token_mac.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { HubApiClient } from "./hub_api_client.ts";
import { MemoryAudit } from "./memory_audit.ts";
import type { TestNode } from "./memory_hub_core.ts";

/** A node that has joined, and where it stood then. */
export type JoinedNode = TestNode & { readonly position: string };

/** A hub on loopback, its store and its API, that can be stopped and started again. */
export class RealHubWorld implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  hub: OpenHub;
  api: HubApi;

  private constructor(folder: string, port: number, parts: { hub: OpenHub; api: HubApi }) {
    this.#folder = folder;
    this.#port = port;
    this.hub = parts.hub;
    this.api = parts.api;
  }

  static async start(): Promise<RealHubWorld> {
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-hub-" });
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free.addr;
    free.close();
    return new RealHubWorld(folder, port, await open(folder, port));
  }

  get client(): HubApiClient {
    return new HubApiClient(this.#port, this.hub.core.hubId);
  }

  async stop(): Promise<void> {
    await this.api.stop();
    await this.hub.stop();
  }

  /** Starts it again with what it has on its disk. */
  async startAgain(): Promise<void> {
    Object.assign(this, await open(this.#folder, this.#port));
  }

  /** A node registers with a token of its own. */
  async join(name: string): Promise<JoinedNode> {
    const { hub } = this;
    const wish = { label: name, group: "all", uses: 1, minutes: 60, by: "test" };
    const token = parseJoinToken(hub.admin.createToken(wish).text);
    const key = signingKeyOf(newSeed());
    const statement = sealStatement(token.hub, {
      generation: 1,
      issued_at: meshTime(Date.now() * 1000),
      wireguard_key: toBase64(wireGuardKeyOf(newSeed()).publicKey),
      kem_key: toBase64(randomBytes(kemSizes.publicKey)),
    }, key);
    const members = {
      token_id: token.id,
      statement,
      hostname: name,
      version: "0.1.0",
      binary_sha256: sha256Hex("program"),
      nonce: newNonce(),
    };
    const token_mac = tokenMac(fromBase64(token.secret, 32), { ...members, hub: token.hub });
    const body = sealObject("ek.register", token.hub, { ...members, token_mac }, key);
    const { status, text } = await this.client.ask("POST", "/v1/register", { body });
    if (status !== 200) throw new Error(`The registration was answered with ${status}: ${text}`);
    const { epoch, sequence } = JSON.parse(text);
    return { nodeId: nodeIdOf(key.publicKey), key, position: `${epoch}-${sequence}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function open(folder: string, port: number): Promise<{ hub: OpenHub; api: HubApi }> {
  const nowUs = () => Date.now() * 1000;
  const faults = new FaultBoard(nowUs);
  const audit = new MemoryAudit();
  const hub = await openHubCore({
    dir: `${folder}/hub`,
    config: {
      url: `https://127.0.0.1:${port}`,
      listening: `127.0.0.1:${port}`,
      meshCidr: "10.100.0.0/16",
      pskMode: "end-to-end",
      address: null,
      observerPorts: [3478, 3479],
      rotateDays: 0,
      names: ["localhost"],
    },
    relay: () => null,
    audit,
    faults,
    feed: new EventFeed(nowUs),
    nowUs,
  });
  const { certificatePem: cert, privateKeyPem: key } = hub.tls();
  const api = await startHubApi({
    listen: `127.0.0.1:${port}`,
    core: hub.core,
    tls: { cert, key },
    faults,
    audit,
    nowUs,
    limits: { registersPerMinute: 1_000, nodeBurst: 10_000 },
  });
  return { hub, api };
}
