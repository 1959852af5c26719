import { z } from "zod";
import { fromBase64, meshTime, toBase64 } from "../../mesh/encoding.ts";
import { base64Field } from "../../mesh/fields.ts";
import { type HubId, isHubId, type NodeId, nodeIdOf } from "../../mesh/ids.ts";
import { type KemKey, kemKeyOf } from "../../mesh/kem.ts";
import { newSeed, type SigningKey, signingKeyOf, type WireGuardKey, wireGuardKeyOf } from "../../mesh/keys.ts";
import { type OpenStatement, openStatement, sealStatement } from "../../mesh/statements.ts";
import { AgentFileError } from "./agent_file_error.ts";
import { JsonFile } from "./json_file.ts";

const tunnelSchema = z.strictObject({
  /** Seed of the WireGuard key, base64. */
  seed: base64Field(32),
  /** Exact text of the statement that names its public key. */
  statement: z.string().min(2).max(8192),
});

const ownKeysSchema = z.strictObject({
  hub: z.custom<HubId>((value) => typeof value === "string" && isHubId(value)),
  identity_seed: base64Field(32),
  kem_seed: base64Field(64),
  tunnel: tunnelSchema,
  /** The next WireGuard key while it is being rotated; `switched`: the device may have it already. */
  next: tunnelSchema.extend({ switched: z.boolean() }).optional(),
});

type OwnKeysFile = z.output<typeof ownKeysSchema>;

/** A WireGuard key of this node and the statement that names it. */
export interface TunnelKey {
  readonly wireGuard: WireGuardKey;
  readonly statement: OpenStatement;
}

/** The WireGuard key that follows. `switched`: the device may have it already. */
export interface NextTunnelKey extends TunnelKey {
  readonly switched: boolean;
}

/**
 * The keys of this node: made here, kept here, never sent. The identity and the ML-KEM key stay for the life of the
 * node; the WireGuard key is rotated in steps that each are on disk before they act.
 */
export class OwnKeys {
  readonly hub: HubId;
  readonly nodeId: NodeId;
  readonly identity: SigningKey;
  readonly kem: KemKey;
  readonly #file: JsonFile<OwnKeysFile>;
  #value: OwnKeysFile;
  #tunnel: TunnelKey;
  #next: NextTunnelKey | null;

  private constructor(file: JsonFile<OwnKeysFile>, value: OwnKeysFile, kem: KemKey) {
    this.#file = file;
    this.#value = value;
    this.hub = value.hub;
    this.identity = signingKeyOf(fromBase64(value.identity_seed, 32));
    this.nodeId = nodeIdOf(this.identity.publicKey);
    this.kem = kem;
    this.#tunnel = this.#open(value.tunnel);
    this.#next = value.next === undefined ? null : { ...this.#open(value.next), switched: value.next.switched };
  }

  /** The keys in a file; `null` when there is none. Throws {@link AgentFileError}. */
  static async open(path: string): Promise<OwnKeys | null> {
    const file = fileOf(path);
    const value = await file.read();
    if (value === null) return null;
    return new OwnKeys(file, value, await kemKeyOf(fromBase64(value.kem_seed, 64)));
  }

  /** Makes the keys of a new node and its first statement, and stores them. Throws {@link AgentFileError}. */
  static async create(path: string, hub: HubId, nowUs: number): Promise<OwnKeys> {
    const [identitySeed, kemSeed, seed] = [newSeed(), newSeed(64), newSeed()];
    const kem = await kemKeyOf(kemSeed);
    const statement = sealStatement(hub, {
      generation: 1,
      issued_at: meshTime(nowUs),
      wireguard_key: toBase64(wireGuardKeyOf(seed).publicKey),
      kem_key: toBase64(kem.publicKey),
    }, signingKeyOf(identitySeed));
    const value: OwnKeysFile = {
      hub,
      identity_seed: toBase64(identitySeed),
      kem_seed: toBase64(kemSeed),
      tunnel: { seed: toBase64(seed), statement },
    };
    const file = fileOf(path);
    const keys = new OwnKeys(file, value, kem);
    await file.write(value);
    return keys;
  }

  /** The key that the mesh knows. */
  get tunnel(): TunnelKey {
    return this.#tunnel;
  }

  /** The key that follows; `null` while none is being rotated. */
  get next(): NextTunnelKey | null {
    return this.#next;
  }

  /** Makes the next WireGuard key and its statement, of the next generation, and stores them. */
  async prepareNext(nowUs: number): Promise<TunnelKey> {
    const seed = newSeed();
    const { generation } = this.#tunnel.statement;
    const statement = sealStatement(this.hub, {
      generation: generation + 1,
      issued_at: meshTime(nowUs),
      wireguard_key: toBase64(wireGuardKeyOf(seed).publicKey),
      kem_key: toBase64(this.kem.publicKey),
    }, this.identity);
    const next = { seed: toBase64(seed), statement, switched: false };
    await this.#store({ ...this.#value, next });
    this.#next = { ...this.#open(next), switched: false };
    return this.#next;
  }

  /** Notes that the device is about to get the next key: from here on there is no way back. */
  async switching(): Promise<void> {
    const { next } = this.#value;
    if (next === undefined || this.#next === null) throw new Error("Cannot switch keys as there is no next one");
    await this.#store({ ...this.#value, next: { ...next, switched: true } });
    this.#next = { ...this.#next, switched: true };
  }

  /** The next key is the key. */
  async commitNext(): Promise<void> {
    const { next, ...rest } = this.#value;
    if (next === undefined || this.#next === null) throw new Error("Cannot commit keys as there is no next one");
    await this.#store({ ...rest, tunnel: { seed: next.seed, statement: next.statement } });
    this.#tunnel = { wireGuard: this.#next.wireGuard, statement: this.#next.statement };
    this.#next = null;
  }

  /** Gives the next key up, which must not have been switched to. */
  async dropNext(): Promise<void> {
    if (this.#next?.switched === true) throw new Error("Cannot give a key up that the device may have");
    const { next: _, ...rest } = this.#value;
    await this.#store(rest);
    this.#next = null;
  }

  async #store(value: OwnKeysFile): Promise<void> {
    await this.#file.write(value);
    this.#value = value;
  }

  #open({ seed, statement: text }: { readonly seed: string; readonly statement: string }): TunnelKey {
    const wireGuard = wireGuardKeyOf(fromBase64(seed, 32));
    let statement: OpenStatement | null = null;
    try {
      statement = openStatement(text, this.hub);
    } catch {
      // said below
    }
    if (statement?.node_id === this.nodeId && statement.wireguard_key === toBase64(wireGuard.publicKey)) {
      return { wireGuard, statement };
    }
    throw new AgentFileError(
      "corrupt",
      this.#file.path,
      `Cannot use ${this.#file.path} (keys of this node): the statement in it is not that of its keys. Restore it from a ` +
        "backup, or have this node removed from its mesh and join anew: edgekeep agent join --force",
    );
  }
}

function fileOf(path: string): JsonFile<OwnKeysFile> {
  return new JsonFile({ path, what: "keys of this node", schema: ownKeysSchema, maxBytes: 65_536 });
}
