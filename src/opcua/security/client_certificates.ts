import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import type { ClientCertificates, ListedCertificate } from "../../operations/client_certificates.ts";
import { readCertificate } from "../../tls/read_certificate.ts";
import type { Pki } from "./open_pki.ts";

/** More files than this in one folder are not looked at: strangers fill `rejected/`, and each file is read and parsed. */
const MOST_FILES = 500;
const LARGEST_BYTES = 65_536;

interface Filed {
  readonly facts: ListedCertificate;
  readonly der: Buffer;
}

/** The trust list for client applications, over the files of the certificate store. Files that hold none are passed over. */
export function clientCertificates({ server, directory: { application } }: Pki): ClientCertificates {
  const inFolder = async (folder: string) => (await filed(folder)).map(({ facts }) => facts);
  const move = async (fingerprint: string, from: string, into: "trust" | "reject") => {
    const found = (await filed(from)).find(({ facts }) => facts.fingerprint === fingerprint);
    if (found === undefined) return null;
    // somebody may have moved files by hand since the library looked
    await server.reloadCertificates();
    if (into === "trust") await server.trustCertificate(found.der);
    else await server.rejectCertificate(found.der);
    await server.reloadCertificates();
    return found.facts;
  };
  return {
    list: async () => {
      const [own, trusted, rejected] = await Promise.all([
        read(application.certificateFile),
        inFolder(application.trustedCertificates),
        inFolder(application.rejected),
      ]);
      return { own: own?.facts ?? null, trusted, rejected };
    },
    trust: (fingerprint) => move(fingerprint, application.rejected, "trust"),
    reject: (fingerprint) => move(fingerprint, application.trustedCertificates, "reject"),
  };
}

async function filed(folder: string): Promise<Filed[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /\.(pem|der|crt|cer)$/i.test(name)) names.push(name);
  }
  const read = await Promise.all(names.sort().slice(0, MOST_FILES).map((name) => readIn(`${folder}/${name}`)));
  return read.filter((one) => one !== null);
}

const readIn = (path: string) => read(path).catch(() => null);

/** The first certificate of a file, PEM or DER; `null` when it holds none. */
async function read(path: string): Promise<Filed | null> {
  const { size } = await Deno.stat(path);
  if (size > LARGEST_BYTES) return null;
  try {
    const certificate = new X509Certificate(Buffer.from(await Deno.readFile(path)));
    const { subject, issuer, names, notBeforeUs, notAfterUs, fingerprint } = readCertificate(certificate.toString());
    const uris = [...(certificate.subjectAltName ?? "").matchAll(/(?:^|, )URI:([\x21-\x7e]+?)(?=,|$)/g)]
      .map(([, uri = ""]) => uri);
    const facts = { subject, issuer, names: [...uris, ...names], notBeforeUs, notAfterUs, fingerprint };
    return { facts, der: certificate.raw };
  } catch {
    return null;
  }
}
