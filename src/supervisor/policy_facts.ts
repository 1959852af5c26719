import { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { parseEndpoint } from "../config/address.ts";
import { machineNames } from "../config/machine_names.ts";
import { pathInData } from "../config/paths.ts";
import { readPlainFile } from "../config/read_plain_file.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import { reasonOf } from "../config/unreadable.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import type { PolicyFacts, Unread, Unusable } from "../policy/policy_facts.ts";
import { CertificateError } from "../tls/certificate_error.ts";
import { certificateBlocks, checkPair, readCertificate, readPrivateKey } from "../tls/read_certificate.ts";

/**
 * Finds out what the policy wants to know besides the configuration: reads the certificate, its key and the CA, and asks
 * for the machine's addresses. Never rejects: what cannot be read is such a fact.
 *
 * @param role the role that is to run with it
 * @param directory where relative paths start
 */
export async function gatherPolicyFacts(
  config: Draft<Config>,
  role: ConfiguredRole,
  directory: string,
  nowUs: number,
): Promise<PolicyFacts> {
  const { cert_path, key_path, ca_path } = config.runtime?.tls ?? {};
  const [certificate, key, ca] = await Promise.all([
    look(cert_path, directory),
    look(key_path, directory),
    look(ca_path, directory),
  ]);
  return {
    role,
    nowUs,
    machine: machineNames(),
    controlSocket: controlSocket(config, directory),
    certificate: certificateFact(certificate, key, ca),
    key: keyFact(certificate, key),
    ca: caFact(ca),
  };
}

type Look = { readonly state: "read"; readonly text: string; readonly mode: number | null } | Unread | null;

async function look(path: string | undefined, directory: string): Promise<Look> {
  if (path === undefined) return null;
  const file = resolve(directory, path);
  try {
    // a file that is not text must be told apart from one that is not there
    const text = new TextDecoder("latin1").decode(await readPlainFile(file));
    return { state: "read", text, mode: (await Deno.stat(file)).mode };
  } catch (error) {
    return error instanceof Deno.errors.NotFound
      ? { state: "missing" }
      : { state: "unreadable", reason: reasonOf(error) };
  }
}

function certificateFact(certificate: Look, key: Look, ca: Look): PolicyFacts["certificate"] {
  if (certificate?.state !== "read") return certificate;
  try {
    const { names, notBeforeUs, notAfterUs } = readCertificate(certificate.text);
    const pair = pairError(certificate, key);
    if (pair?.code === "key_unsuitable") return unusable(pair);
    return { state: "read", names, notBeforeUs, notAfterUs, fromCa: fromCa(certificate.text, ca) };
  } catch (error) {
    return unusable(error);
  }
}

function keyFact(certificate: Look, key: Look): PolicyFacts["key"] {
  if (key?.state !== "read") return key;
  try {
    readPrivateKey(key.text);
  } catch (error) {
    return unusable(error);
  }
  const error = pairError(certificate, key);
  const judged = certificate?.state === "read" && (error === null || error.code === "key_mismatch");
  return { state: "read", mode: key.mode, matches: judged ? error === null : null };
}

function caFact(ca: Look): PolicyFacts["ca"] {
  if (ca?.state !== "read") return ca;
  try {
    readCertificate(ca.text);
    return { state: "read" };
  } catch (error) {
    return unusable(error);
  }
}

/** What keeps servers from using the two together; `null` when nothing does, or when one of them was not read. */
function pairError(certificate: Look, key: Look): CertificateError | null {
  if (certificate?.state !== "read" || key?.state !== "read") return null;
  try {
    checkPair(certificate.text, key.text);
    return null;
  } catch (error) {
    if (error instanceof CertificateError) return error;
    throw error;
  }
}

function unusable(error: unknown): Unusable {
  if (error instanceof CertificateError) return { state: "unusable", reason: error.message };
  throw error;
}

/** Whether the certificate or the end of its chain is one of the CA's, or signed by one. */
function fromCa(chain: string, ca: Look): boolean | null {
  if (ca?.state !== "read") return null;
  try {
    const issuers = certificates(ca.text);
    return certificates(chain).some((one) =>
      issuers.some((issuer) => one.fingerprint256 === issuer.fingerprint256 || one.verify(issuer.publicKey))
    );
  } catch {
    // a kind of key that the library does not know
    return null;
  }
}

function certificates(pem: string): X509Certificate[] {
  return certificateBlocks(pem).split(/(?=-----BEGIN )/).filter((block) => block.trim() !== "")
    .map((block) => new X509Certificate(block));
}

function controlSocket({ gateway, runtime }: Draft<Config>, directory: string): string | null {
  const endpoint = parseEndpoint(runtime?.control?.endpoint ?? "");
  if (endpoint?.kind !== "unix" || gateway?.data_dir === undefined) return null;
  return pathInData(endpoint.path, gateway.data_dir, directory);
}
