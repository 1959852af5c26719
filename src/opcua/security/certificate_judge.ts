import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import type { OPCUACertificateManager } from "node-opcua";
import { derLength } from "../library/client_chains.ts";
import type { PkiStore } from "./pki_directory.ts";

type Verify = OPCUACertificateManager["verifyCertificate"];

/** Longest chain that is followed; the library's own limit. */
const LONGEST_CHAIN = 5;
/** Files of a folder that has not changed for so long are complete, ms. */
const SETTLED_MS = 60_000;

/** What a judge is told. */
export interface JudgeOptions {
  /** Refuses a certificate of a CA whose revocation list is missing. */
  readonly requireCrl: boolean;
}

/** Judges certificates by a store. */
export interface CertificateJudge {
  /** The name of an OPC UA status code (OPC 10000-4 §6.1.3); `Good` for a trusted one. Files nothing. */
  verdict(certificate: Uint8Array): Promise<string>;
  /** Whether files of the store were added, changed or removed since the last verdict. */
  hasChanged(): boolean;
  /** Reads the store again before the next verdict. */
  forget(): void;
}

/**
 * Takes the verdicts of a certificate manager over. Beyond the library's check of trust, signatures, times and revocation:
 *
 * - the store is read again when one of its files changed;
 * - a chain counts as trusted when any CA in it is trusted, not only the one that issued the certificate
 *   (OPC 10000-4 §6.1.3);
 * - whoever issues must be a CA. The library also takes any trusted certificate for an issuer, so that every client could
 *   make itself further ones.
 */
export function judgeCertificates(
  manager: OPCUACertificateManager,
  store: PkiStore,
  { requireCrl }: JudgeOptions,
): CertificateJudge {
  const verifyByLibrary: Verify = manager.verifyCertificate.bind(manager);
  let seen = markOf(store);

  async function current(): Promise<void> {
    const now = markOf(store);
    if (now === seen) return;
    await manager.reloadCertificates();
    seen = now;
  }

  async function judge(
    certificate: Buffer,
    options: Parameters<Verify>[1],
    depth: number,
  ): Promise<Awaited<ReturnType<Verify>>> {
    const status = await verifyByLibrary(certificate, {
      ...options,
      acceptCertificateWithValidIssuerChain: true,
      ignoreMissingRevocationList: !requireCrl,
    });
    if (status !== "Good" && status !== "BadCertificateUntrusted") return status;
    const [leaf, ...others] = certificatesIn(certificate);
    if (leaf === undefined) return status;
    const issuer = await issuerOf(leaf, others);
    // it signed itself, or is in the trust list itself, of a CA that nobody here knows
    if (issuer === null || issuer.raw.equals(leaf.raw)) return status;
    if (!issuer.ca) return "BadCertificateIssuerUseNotAllowed" as typeof status;
    if (status === "Good" || depth >= LONGEST_CHAIN) return status;
    const now = Date.now();
    if (now < Date.parse(leaf.validFrom) || now > Date.parse(leaf.validTo)) return status;
    return await judge(Buffer.concat([issuer.raw, ...others.map(({ raw }) => raw)]), options, depth + 1);
  }

  async function issuerOf(leaf: X509Certificate, others: readonly X509Certificate[]): Promise<X509Certificate | null> {
    const known = await manager.findIssuerCertificate(leaf.raw);
    if (known !== null) return new X509Certificate(known);
    return others.find((other) => leaf.checkIssued(other)) ?? null;
  }

  const verify: Verify = async (certificate, options) => {
    await current();
    try {
      return await judge(Buffer.concat(Array.isArray(certificate) ? certificate : [certificate]), options, 0);
    } catch {
      return "BadCertificateInvalid" as Awaited<ReturnType<Verify>>;
    }
  };
  manager.verifyCertificate = verify;

  return {
    verdict: async (certificate) => await verify(Buffer.from(certificate)),
    hasChanged: () => markOf(store) !== seen,
    forget: () => seen = "",
  };
}

/** The certificates of a chain, which is their DER forms one behind the other; empty when it is damaged. */
function certificatesIn(chain: Buffer): X509Certificate[] {
  const found: X509Certificate[] = [];
  try {
    for (let rest = chain; rest.length > 4 && found.length <= LONGEST_CHAIN;) {
      const length = derLength(rest);
      found.push(new X509Certificate(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  } catch {
    return [];
  }
  return found;
}

/** Changes with every file that decides; `rejected/` decides nothing, and strangers write it. */
function markOf(store: PkiStore): string {
  const folders = [store.trustedCertificates, store.trustedCrls, store.issuerCertificates, store.issuerCrls];
  return folders.map((folder) => {
    try {
      const changedMs = Deno.statSync(folder).mtime?.getTime() ?? 0;
      // a copy may still be going on: then the sizes count too
      const sizes = Date.now() - changedMs > SETTLED_MS ? "" : [...Deno.readDirSync(folder)].map(({ name }) => {
        return Deno.statSync(`${folder}/${name}`).size;
      });
      return `${changedMs}/${sizes}`;
    } catch {
      return "";
    }
  }).join();
}
