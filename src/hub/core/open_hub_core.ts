import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { Audit } from "../../audit/audit.ts";
import { SetAsideError } from "../../history/database_file.ts";
import { toBase64 } from "../../mesh/encoding.ts";
import type { HubAdmin } from "../../mesh/hub_admin.ts";
import { newSeed, wireGuardKeyOf } from "../../mesh/keys.ts";
import type { Observer } from "../../mesh/state.ts";
import type { EventFeed } from "../../telemetry/event_feed.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { AdminDesk } from "../admin/admin_desk.ts";
import type { HubCore, Relay } from "../hub_core.ts";
import type { HubStore } from "../store/hub_store.ts";
import { SqliteHubStore } from "../store/sqlite_hub_store.ts";
import { EndpointDesk } from "./endpoint_desk.ts";
import { HubOpenError } from "./hub_open_error.ts";
import type { HubSettings } from "./hub_settings.ts";
import { MailRoom } from "./mail_room.ts";
import { Membership } from "./membership.ts";
import { MeshBook, type MeshWide } from "./mesh_book.ts";
import { PolicyDesk } from "./policy_desk.ts";
import { firstGenerations, type PskGenerations } from "./psk_generations.ts";
import { PskRefresher } from "./psk_refresher.ts";
import { PskTable } from "./psk_table.ts";
import { HubAudit } from "./hub_audit.ts";
import { Registrar } from "./registrar.ts";
import { RelayDesk } from "./relay_desk.ts";
import { Rotations } from "./rotations.ts";
import { ServedCore } from "./served_core.ts";
import { settingsEvent, settingsText } from "./settings_event.ts";
import { SigningKeys } from "./signing_keys.ts";
import { StoreRefused } from "./store_trouble.ts";
import { type HubTls, TlsKeys } from "./tls_keys.ts";
import { TokenDesk } from "./token_desk.ts";
import { TrustDesk } from "./trust_desk.ts";
import { Upkeep } from "./upkeep.ts";

const log = getLogger(["edgekeep", "hub"]);

/** Counts the ways in which states were ever made of what is stored: another one is another state of each node. */
const stateVersion = 1;

/** What a hub is opened with. */
export interface HubCoreOptions {
  /** Absolute path of the hub's folder; made (0700) when it is not there. */
  readonly dir: string;
  readonly config: HubSettings;
  /** The relay, once it runs; asked for again each time. */
  readonly relay: () => Relay | null;
  readonly audit: Audit;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** 0 up to 1, for jitter. */
  readonly random?: () => number;
}

/** An open hub. */
export interface OpenHub {
  readonly core: HubCore;
  readonly admin: HubAdmin;
  /** X25519 seeds of the two observers, for the sockets that read handshake initiations. */
  readonly observerSeeds: readonly [Uint8Array, Uint8Array];
  tls(): HubTls;
  /** Calls back when {@link OpenHub.tls} gives another certificate; returns what ends it. */
  onTls(listener: () => void): () => void;
  /** Does what is due now; the hub does it each second by itself. */
  look(): void;
  stop(): Promise<void>;
}

/**
 * Opens a hub, and makes it when the folder is empty: its keys, its id, its TLS certificate.
 *
 * @throws HubOpenError when the store cannot be used, or the configuration contradicts it
 */
export async function openHubCore(options: HubCoreOptions): Promise<OpenHub> {
  const { config, faults, feed, nowUs, random = Math.random } = options;
  const store = openStore(options.dir, nowUs);
  try {
    const keys = new SigningKeys(store, nowUs);
    const tls = new TlsKeys(store, config.names, nowUs);
    await tls.certify();
    const master = secretOf(store, "master");
    const observerSeeds = [secretOf(store, "observer_0"), secretOf(store, "observer_1")] as const;
    const wide = wideOf(store, config, tls, observerSeeds);
    const book = new MeshBook({
      store,
      hubId: keys.hubId,
      wide,
      psk: new PskTable(master),
      onStore: (trouble) => {
        if (trouble === null) faults.clear("hub_store_failed");
        else faults.raise("hub_store_failed", trouble instanceof Error ? trouble.message : String(trouble));
      },
    });
    const audit = new HubAudit(options.audit);
    const policy = new PolicyDesk(book);
    const relays = new RelayDesk(book, options.relay, config.address, nowUs);
    const rotations = new Rotations(book, {
      nowUs,
      rotateDays: config.rotateDays,
      random,
      keysChanged: (node) => relays.keysChanged(node),
    });
    const trust = new TrustDesk(book, keys, tls, (reason) => {
      if (reason === null) faults.clear("hub_stopped_signing");
      else faults.raise("hub_stopped_signing", reason);
    });
    const endpoints = new EndpointDesk(book, nowUs);
    const mail = new MailRoom(book, nowUs);
    const psk = new PskRefresher(book, nowUs);
    const tokens = new TokenDesk(book, keys, config.url, nowUs);
    const membership = new Membership({ book, policy, psk, relays, endpoints, trust, nowUs });
    const registrar = new Registrar({
      book,
      keys,
      policy,
      audit,
      nowUs,
      keysChanged: (node) => relays.keysChanged(node),
    });
    tellChangedSettings(book, config);
    const core = new ServedCore({
      book,
      keys,
      registrar,
      membership,
      mail,
      rotations,
      endpoints,
      relays,
      trust,
      audit,
      faults,
      feed,
      nowUs,
    });
    const admin = new AdminDesk({
      settings: config,
      book,
      keys,
      tls,
      tokens,
      policy,
      membership,
      rotations,
      trust,
      audit,
      feed,
      relay: options.relay,
      refused: () => audit.refusals,
      nowUs,
    });
    const upkeep = new Upkeep({ book, psk, relays, rotations, endpoints, mail, tokens, membership, tls, audit, nowUs });
    return {
      core,
      admin,
      observerSeeds,
      tls: () => tls.current,
      onTls: (listener) => tls.onChange(listener),
      look: () => upkeep.look(),
      stop: async () => {
        upkeep.stop();
        book.stop();
        await tls.stop();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

function openStore(dir: string, nowUs: () => number): HubStore {
  const path = join(dir, "hub.db");
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    chmodSync(dir, 0o700);
    const names = readdirSync(dir);
    const aside = names.findLast((name) => name.startsWith("hub.db.corrupt-") && !/-(?:wal|shm)$/.test(name));
    if (aside !== undefined && !names.includes("hub.db")) {
      throw new HubOpenError(
        "hub_store_missing",
        `The hub's store ${path} is missing; a damaged one was set aside as ${aside}. Restore a backup as ${path}: a ` +
          "new hub would have other keys, and no agent would trust it. To begin anew all the same, move that file away",
      );
    }
    return SqliteHubStore.open(path, nowUs);
  } catch (error) {
    if (error instanceof HubOpenError) throw error;
    if (error instanceof SetAsideError) {
      throw new HubOpenError(
        "hub_store_unusable",
        `The hub's store ${path} is damaged and was set aside as ${error.aside}: ${error.message}. Restore a backup`,
        { cause: error },
      );
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new HubOpenError(
      "hub_store_unusable",
      `Cannot open the hub's store ${path}: ${reason}. Folder and file must be writable for the user of this program`,
      { cause: error },
    );
  }
}

function secretOf(store: HubStore, name: "master" | "observer_0" | "observer_1"): Uint8Array {
  const known = store.secret(name);
  if (known !== null) return known;
  const fresh = newSeed();
  store.transact(() => store.setSecret(name, fresh));
  return fresh;
}

function wideOf(
  store: HubStore,
  config: HubSettings,
  tls: TlsKeys,
  seeds: readonly [Uint8Array, Uint8Array],
): MeshWide {
  const meshCidr = store.meta("mesh_cidr");
  if (meshCidr === null) {
    store.transact(() => {
      store.setMeta("mesh_cidr", config.meshCidr);
      store.setMeta("epoch", "0");
    });
  } else if (meshCidr !== config.meshCidr) {
    throw new HubOpenError(
      "hub_cidr_changed",
      `Cannot change [hub].mesh_cidr to ${config.meshCidr}: every node has its address in ${meshCidr}. Write that again`,
    );
  }
  const generations = store.meta("psk_refresh");
  return {
    epoch: Number(store.meta("epoch")),
    meshCidr: meshCidr ?? config.meshCidr,
    pskMode: config.pskMode,
    tlsSpki: tls.pins,
    observers: observersOf(config, seeds),
    revocation: store.meta("revocation"),
    generations: generations === null ? firstGenerations : JSON.parse(generations) as PskGenerations,
  };
}

function observersOf({ address, observerPorts }: HubSettings, seeds: readonly [Uint8Array, Uint8Array]): Observer[] {
  if (address === null) return [];
  const host = isIPv6(address) ? `[${address}]` : address;
  return seeds.map((seed, index) => ({
    address: `${host}:${observerPorts[index] ?? 0}`,
    public_key: toBase64(wireGuardKeyOf(seed).publicKey),
  }));
}

/** What the configuration, or another version of this program, changed in every state is an event like any other change. */
function tellChangedSettings(book: MeshBook, { address }: HubSettings): void {
  const settings = settingsText(book.wide);
  const version = `${stateVersion} ${address ?? ""}`;
  if (book.store.meta("settings") === settings && book.store.meta("state_version") === version) return;
  try {
    book.change((change) => {
      change.meta("settings", settings);
      change.meta("state_version", version);
      change.broadcast(settingsEvent(book.wide));
    });
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error;
    throw new HubOpenError("hub_store_unusable", error.message, { cause: error });
  }
  log.info("The hub {hub} is open with {nodes} nodes", {
    event: "hub_settings",
    hub: book.hubId,
    nodes: book.active.length,
  });
}
