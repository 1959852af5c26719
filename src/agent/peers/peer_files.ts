import { z } from "zod";
import { isNodeId, type NodeId } from "../../mesh/ids.ts";
import { type PeerRecord, peerRecordSchema, type PeerStore } from "./peer_record.ts";

/** One value on disk that is replaced as a whole; `AgentFolder.store` makes them. */
export interface StoredValue<T> {
  /** `null` when there is none. Rejects when it cannot be read. */
  read(): Promise<T | null>;
  /** Resolves when it is safe on the disk; after a rejection the old value is there. */
  write(value: T): Promise<void>;
}

/** The folder that the records lie in. */
export interface RecordFolder {
  readonly dir: string;
  /** A file `<name>.json` of the folder. */
  store<T>(name: string, schema: z.ZodType<T>): StoredValue<T>;
}

const name = (peer: NodeId) => `peer-${peer}`;

/** The records of peers as files of the agent's folder, one each: a change of one peer writes only a few kilobytes. */
export function peerFiles(folder: RecordFolder): PeerStore {
  const files = new Map<NodeId, StoredValue<PeerRecord>>();
  const fileOf = (peer: NodeId) => {
    const file = files.get(peer) ?? folder.store(name(peer), peerRecordSchema);
    files.set(peer, file);
    return file;
  };
  return {
    async load() {
      const records: PeerRecord[] = [];
      const damaged: NodeId[] = [];
      for await (const { name: entry } of Deno.readDir(folder.dir)) {
        const peer = /^peer-(n_[0-9a-f]{32})\.json$/.exec(entry)?.[1];
        if (peer === undefined || !isNodeId(peer)) continue;
        try {
          const record = await fileOf(peer).read();
          if (record?.node_id === peer) records.push(record);
          else if (record !== null) damaged.push(peer);
        } catch {
          damaged.push(peer);
        }
      }
      return { records, damaged };
    },
    save: (record) => fileOf(record.node_id).write(record),
  };
}

/** What this node keeps of its hub's settings, since a hub may not take them back. */
export const peerPinsSchema = z.strictObject({
  /** `end-to-end` once the hub said so: then its own part alone is never a key again. */
  psk_mode: z.enum(["end-to-end", "hub"]),
  /** Exact text of the newest revocation list; `null`: none. */
  revocation: z.string().min(2).max(1024 * 1024).nullable(),
});
/** @see peerPinsSchema */
export type PeerPins = z.output<typeof peerPinsSchema>;
