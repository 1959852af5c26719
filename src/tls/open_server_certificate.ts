import { getLogger } from "@logtape/logtape";
import type { TlsConfig } from "../config/schema.ts";
import type { EventFeed } from "../telemetry/event_feed.ts";
import type { FaultBoard } from "../telemetry/fault_board.ts";
import { CertificateError } from "./certificate_error.ts";
import { ExpiryWatch } from "./expiry_watch.ts";
import { type PairTexts, readPairFiles, type UsablePair, usablePair } from "./read_pair.ts";
import type { ServerCertificate, TlsMaterial } from "./server_certificate.ts";

const log = getLogger(["edgekeep", "tls"]);
const CHECK_EVERY_MS = 30_000;

/** What the server certificate is opened with. */
export interface ServerCertificateOptions {
  /** With paths of certificate and key, absolute, and of a CA where client certificates are asked for. */
  readonly config: TlsConfig;
  readonly faults: FaultBoard;
  /** Told of a new certificate, and two months before its end. */
  readonly feed?: EventFeed;
  readonly nowUs: () => number;
  /** Time between two looks at the files, ms. */
  readonly checkEveryMs?: number;
}

/**
 * Reads the pair of `[runtime.tls]` and watches its files. They are read and compared as a whole at each look: times and
 * sizes of files say too little on file systems with coarse times, and they are small. A pair that is replaced file by
 * file is given until the second look before it counts as unusable; {@link ServerCertificate.check}, which a person asks
 * for, reports at once.
 *
 * @throws {CertificateError} when there is no usable pair to begin with
 */
export async function openServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
  const texts = await readPairFiles(options.config);
  return new WatchedCertificate(options, texts, usablePair(texts));
}

class WatchedCertificate implements ServerCertificate {
  readonly #options: ServerCertificateOptions;
  readonly #subject: string;
  readonly #expiry: ExpiryWatch;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #texts: PairTexts;
  #pair: UsablePair;
  /** The error that the last look found; a second look that finds the same is believed. */
  #doubt: string | null = null;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ServerCertificateOptions, texts: PairTexts, pair: UsablePair) {
    this.#options = options;
    this.#texts = texts;
    this.#pair = pair;
    this.#subject = options.config.cert_path ?? "";
    this.#expiry = new ExpiryWatch({ ...options, subject: this.#subject });
    this.#expiry.check(pair.facts);
    this.#timer = setInterval(() => void this.#look(false), options.checkEveryMs ?? CHECK_EVERY_MS);
  }

  get material(): TlsMaterial {
    return this.#pair.material;
  }

  get facts(): UsablePair["facts"] {
    return this.#pair.facts;
  }

  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  check(): Promise<void> {
    return this.#look(true);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#listeners.clear();
    this.#options.faults.clear("tls_certificate_unusable", this.#subject);
    this.#expiry.stop();
  }

  /** One look after the other: two that overlap could put an old pair in place of a new one. */
  #look(certain: boolean): Promise<void> {
    return this.#looking = this.#looking.then(() => this.#lookNow(certain));
  }

  /** Never rejects. */
  async #lookNow(certain: boolean): Promise<void> {
    if (this.#stopped) return;
    try {
      const texts = await readPairFiles(this.#options.config);
      if (this.#stopped) return;
      if (!same(texts, this.#texts)) this.#take(texts, usablePair(texts));
      this.#doubt = null;
      this.#options.faults.clear("tls_certificate_unusable", this.#subject);
    } catch (error) {
      if (!this.#stopped) this.#doubtful(error, certain);
    }
    if (!this.#stopped) this.#expiry.check(this.#pair.facts);
  }

  #take(texts: PairTexts, pair: UsablePair): void {
    const before = this.#pair.facts.fingerprint;
    this.#texts = texts;
    this.#pair = pair;
    const { fingerprint, notAfterUs } = pair.facts;
    const until = new Date(notAfterUs / 1000).toISOString().slice(0, 10);
    log.info("The certificate {certificate} changed; it is valid until {until}", {
      event: "tls_certificate_changed",
      certificate: this.#subject,
      until,
      fingerprint,
      before,
    });
    this.#options.feed?.add(
      "info",
      "tls_certificate_changed",
      "gateway",
      `Web and control have a new certificate, valid until ${until}: ${fingerprint}`,
    );
    for (const listener of this.#listeners) {
      try {
        listener(pair.material);
      } catch (error) {
        log.error("A listener could not take over the new certificate: {error}", {
          event: "tls_certificate_listener_failed",
          error,
        });
      }
    }
  }

  #doubtful(error: unknown, certain: boolean): void {
    const text = error instanceof CertificateError
      ? error.message
      : `Cannot use the certificate: ${error instanceof Error ? error.name : "unknown error"}`;
    const seenBefore = this.#doubt === text;
    this.#doubt = text;
    if (!certain && !seenBefore) return;
    this.#options.faults.raise(
      "tls_certificate_unusable",
      `${text}. The certificate that was read before goes on`,
      this.#subject,
    );
  }
}

function same(one: PairTexts, other: PairTexts): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca === other.ca;
}
