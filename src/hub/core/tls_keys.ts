import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { nextPinLeadMs } from "../../mesh/constants.ts";
import { sha256Hex } from "../../mesh/encoding.ts";
import { HubRefusal } from "../../mesh/hub_admin.ts";
import { makeServerCertificate, MOST_DAYS } from "../../tls/make_certificate.ts";
import { readCertificate } from "../../tls/read_certificate.ts";
import type { HubStore } from "../store/hub_store.ts";
import type { MeshBook } from "./mesh_book.ts";
import type { MeshChange } from "./mesh_change.ts";
import { settingsEvent } from "./settings_event.ts";

const log = getLogger(["edgekeep", "hub"]);

/** A certificate is renewed, for the same key, when it has less than this left. */
const renewBeforeUs = 90 * 86_400_000_000;

/** What the API's listener serves. */
export interface HubTls {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** SHA-256 of the SPKI of each pinned key, lowercase hex, the served one first. */
  readonly spki: readonly string[];
}

interface TlsMeta {
  readonly spki: string;
  /** PEM; `null`: still to be made for this key. */
  readonly certificate: string | null;
  readonly next: { readonly spki: string; readonly useFromUs: number } | null;
}

/**
 * The keys of the hub's TLS. Agents know them by the hash of their SPKI and look at nothing else of a certificate, so the
 * next key is pinned a week before it is served, and a certificate may be renewed at any time.
 */
export class TlsKeys {
  readonly #store: HubStore;
  readonly #names: readonly string[];
  readonly #nowUs: () => number;
  readonly #listeners = new Set<() => void>();
  #meta: TlsMeta;
  #key: string;
  #served: { readonly certificatePem: string; readonly privateKeyPem: string; readonly notAfterUs: number } | null =
    null;
  #making: Promise<void> = Promise.resolve();

  /** Reads the keys, and makes one when the hub is new. `certify` has to follow. */
  constructor(store: HubStore, names: readonly string[], nowUs: () => number) {
    this.#store = store;
    this.#names = names.length > 0 ? names : ["edgekeep-hub"];
    this.#nowUs = nowUs;
    const meta = store.meta("tls");
    const key = store.secret("tls");
    if (meta !== null && key !== null) {
      this.#meta = JSON.parse(meta) as TlsMeta;
      this.#key = Buffer.from(key).toString();
      return;
    }
    this.#key = newKey();
    this.#meta = { spki: spkiOf(this.#key), certificate: null, next: null };
    store.transact(() => {
      store.setSecret("tls", Buffer.from(this.#key));
      store.setMeta("tls", JSON.stringify(this.#meta));
    });
  }

  /** The served key first, then the next one. */
  get pins(): readonly string[] {
    return [this.#meta.spki, ...(this.#meta.next === null ? [] : [this.#meta.next.spki])];
  }

  get notAfterUs(): number {
    return this.#served?.notAfterUs ?? 0;
  }

  get current(): HubTls {
    if (this.#served === null) throw new Error("Cannot serve TLS before the certificate is made");
    const { certificatePem, privateKeyPem } = this.#served;
    return { certificatePem, privateKeyPem, spki: this.pins };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes the certificate that is missing or near its end, and serves it. Rejects when it cannot be made. */
  async certify(): Promise<void> {
    const { certificate } = this.#meta;
    const key = this.#key;
    let pem = certificate;
    if (pem === null || readCertificate(pem).notAfterUs - this.#nowUs() < renewBeforeUs) {
      pem = (await makeServerCertificate({ names: this.#names, days: MOST_DAYS, key })).cert;
      if (key !== this.#key) return; // another key has its turn by now, and its own call
    }
    if (this.#served?.certificatePem !== pem || this.#served.privateKeyPem !== key) {
      // before it is stored: agents pin this key already, and a disk that refuses must not keep them out
      this.#served = { certificatePem: pem, privateKeyPem: key, notAfterUs: readCertificate(pem).notAfterUs };
      for (const listener of this.#listeners) listener();
    }
    if (pem === certificate) return;
    const meta = { ...this.#meta, certificate: pem };
    this.#store.transact(() => this.#store.setMeta("tls", JSON.stringify(meta)));
    this.#meta = meta;
  }

  /** A key that is pinned from now on, and its pin. */
  prepareNext(change: MeshChange, book: MeshBook): string {
    if (this.#meta.next !== null) {
      throw new HubRefusal(
        "conflict",
        `A next TLS key is pinned already; it is served from ${
          new Date(this.#meta.next.useFromUs / 1000).toISOString()
        } on`,
        "Wait, or serve it now: agents that were away since it was pinned have to join again",
      );
    }
    const key = newKey();
    const spki = spkiOf(key);
    this.#store.setSecret("tls_next", Buffer.from(key));
    this.#set(change, book, { ...this.#meta, next: { spki, useFromUs: this.#nowUs() + nextPinLeadMs * 1000 } });
    return spki;
  }

  /** Whether a next key is pinned, and its time has come. */
  isDue(): boolean {
    return this.#meta.next !== null && this.#meta.next.useFromUs <= this.#nowUs();
  }

  get hasNext(): boolean {
    return this.#meta.next !== null;
  }

  /** Serves the next key, and pins the one before no longer. */
  switchToNext(change: MeshChange, book: MeshBook): void {
    const next = this.#store.secret("tls_next");
    if (this.#meta.next === null || next === null) {
      throw new HubRefusal("conflict", "There is no next TLS key to serve");
    }
    this.#store.setSecret("tls", next);
    this.#store.setSecret("tls_next", null);
    const before = this.#key;
    this.#key = Buffer.from(next).toString();
    change.undo(() => {
      this.#key = before;
    });
    this.#set(change, book, { spki: this.#meta.next.spki, certificate: null, next: null });
    change.after(() => this.certifySoon());
  }

  /** As {@link certify}, in the background. */
  certifySoon(): void {
    this.#making = this.#making.then(() => this.certify()).catch((error: unknown) => {
      log.error("The hub's TLS certificate cannot be made: {error}", { event: "hub_tls_failed", error });
    });
  }

  async stop(): Promise<void> {
    await this.#making;
    this.#listeners.clear();
  }

  #set(change: MeshChange, book: MeshBook, meta: TlsMeta): void {
    const before = this.#meta;
    this.#meta = meta;
    change.undo(() => {
      this.#meta = before;
    });
    change.meta("tls", JSON.stringify(meta));
    change.assign(book.wide, "tlsSpki", this.pins);
    const event = settingsEvent(book.wide);
    change.meta("settings", event.body);
    change.broadcast(event);
    change.topics.add("keys");
  }
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return String(privateKey.export({ type: "pkcs8", format: "pem" }));
}

function spkiOf(key: string): string {
  return sha256Hex(new Uint8Array(createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" })));
}
