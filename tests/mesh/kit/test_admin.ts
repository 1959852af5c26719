import { newAdminKey, readAdminKey, recordUse } from "../../../src/cli/hub/admin_key.ts";
import { meshTime, toBase64 } from "../../../src/mesh/encoding.ts";
import type { HubId, NodeId } from "../../../src/mesh/ids.ts";
import type { SigningKey } from "../../../src/mesh/keys.ts";
import { sealObject } from "../../../src/mesh/signed_object.ts";
import type { ResultOf } from "../../../src/operations/schemas/operation_schemas.ts";
import type { TestAgent } from "./test_agent.ts";
import type { TestHub } from "./test_hub.ts";

const YEAR_US = 365 * 86_400_000_000;

/** The holder of the admin key: what `edgekeep hub keys` and `edgekeep hub recover` do with it, without their start-up. */
export class TestAdmin {
  private constructor(readonly hub: TestHub, readonly file: string, readonly key: SigningKey) {}

  /** Makes the key; tokens from now on tell agents to ask for co-signatures. */
  static async appoint(hub: TestHub, file: string): Promise<TestAdmin> {
    const { key } = await newAdminKey(file);
    await hub.call("hub.keys.set_admin", { publicKey: toBase64(key.publicKey) });
    return new TestAdmin(hub, file, key);
  }

  /** Co-signs a node, with the address that the hub gave it unless told. */
  async cosign(agent: TestAgent, meshIp?: string): Promise<string> {
    const object = sealObject("ek.cosign", await this.#hubId(), {
      node_id: await agent.nodeId(),
      mesh_ip: meshIp ?? await agent.meshIp(),
      serial: await this.#serial(),
      not_after: meshTime(Date.now() * 1000 + YEAR_US),
    }, this.key);
    if (meshIp === undefined) await this.hub.call("hub.keys.apply", { object });
    return object;
  }

  /** Takes back the co-signatures of nodes. */
  async revoke(nodes: readonly NodeId[]): Promise<void> {
    const { revoked } = await readAdminKey(this.file);
    const all = [...new Set([...revoked, ...nodes])].sort();
    const serial = await this.#serial(all);
    const object = sealObject("ek.revoke", await this.#hubId(), { serial, node_ids: all }, this.key);
    await this.hub.call("hub.keys.apply", { object });
  }

  /** Gives the hub a new key and a new epoch; what agents are shown. */
  async recover(): Promise<string> {
    const { hubId, epoch, keyIndex, signingKey, tlsSpki } = await this.hub.call(
      "hub.keys.propose_recovery",
    ) as ResultOf<"hub.keys.propose_recovery">;
    const object = sealObject("ek.recover", hubId as HubId, {
      epoch,
      key_index: keyIndex,
      signing_key: signingKey,
      tls_spki: tlsSpki,
      issued_at: meshTime(Date.now() * 1000),
    }, this.key);
    await this.hub.call("hub.keys.apply", { object });
    return object;
  }

  async #hubId(): Promise<HubId> {
    const { hubId } = await this.hub.call("hub.keys") as ResultOf<"hub.keys">;
    return hubId as HubId;
  }

  async #serial(revokedNow?: readonly NodeId[]): Promise<number> {
    const { serial, revoked } = await readAdminKey(this.file);
    await recordUse(this.file, serial + 1, revokedNow ?? revoked);
    return serial + 1;
  }
}
