import { fileExists } from "../config/optional_file.ts";
import type { Config } from "../config/schema.ts";
import { pkiStore } from "../opcua/security/pki_directory.ts";
import { formatTime } from "../telemetry/time_text.ts";
import { CertificateError } from "../tls/certificate_error.ts";
import { readPairFiles, usablePair } from "../tls/read_pair.ts";
import { readCertificate } from "../tls/read_certificate.ts";
import type { CertificateFacts } from "../tls/server_certificate.ts";
import { visible } from "./visible.ts";

const DAY_US = 86_400_000_000;
const EXPIRING_DAYS = 30;

/** A certificate that was found, or why it was not. */
export interface ShownCertificate {
  readonly path: string;
  /** `null` when it cannot be read. */
  readonly facts: CertificateFacts | null;
}

/** The certificates of a gateway as its configuration and files have them. */
export interface CertificateReport {
  readonly mode: Config["runtime"]["tls"]["mode"];
  /** Of web and control; `null` without TLS. */
  readonly server: ShownCertificate | null;
  /** The CA of `[runtime.tls]`; `null` when none is configured. */
  readonly ca: ShownCertificate | null;
  /** The OPC UA server's own; `null` while there is none, which is so before the first start. */
  readonly own: ShownCertificate | null;
  readonly problems: readonly {
    readonly certificate: "server" | "ca" | "own";
    readonly severity: "error" | "warning";
    readonly text: string;
  }[];
}

type Problem = CertificateReport["problems"][number];

/** Reads the certificates and says what is wrong with them. */
export async function certificateReport(config: Config, nowUs: number): Promise<CertificateReport> {
  const { tls } = config.runtime;
  const problems: Problem[] = [];
  const on = tls.mode !== "disabled";
  const server = on ? await shown(tls.cert_path ?? "", "server", problems) : null;
  const ca = on && tls.ca_path !== undefined ? await shown(tls.ca_path, "ca", problems) : null;
  const ownPath = pkiStore(`${config.opcua.pki_dir}/application`).certificateFile;
  const own = await fileExists(ownPath) ? await shown(ownPath, "own", problems) : null;
  if (server !== null && server.facts !== null) {
    try {
      usablePair(await readPairFiles({ ...tls, client_auth: "none" }));
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      problems.push({ certificate: "server", severity: "error", text: error.message });
    }
  }
  for (const [certificate, found] of Object.entries({ server, ca, own }) as ["server" | "ca" | "own", typeof own][]) {
    if (found?.facts === null || found === null) continue;
    const problem = expiryOf(found.facts, nowUs);
    if (problem !== null) problems.push({ certificate, ...problem });
  }
  return { mode: tls.mode, server, ca, own, problems };
}

/** For programs: one JSON document whose keys stay. Times are ISO 8601 in UTC. */
export function reportJson({ mode, server, ca, own, problems }: CertificateReport): string {
  return `${JSON.stringify({ mode, server: view(server), ca: view(ca), own: view(own), problems }, null, 2)}\n`;
}

/** For people. */
export function reportText({ mode, server, ca, own, problems }: CertificateReport): string {
  const parts = [
    section("Web and control", server, `none: [runtime.tls].mode is "${mode}"`),
    ...(ca === null ? [] : [section("CA", ca, "")]),
    section("OPC UA server", own, "none yet: the first start makes it"),
    ...problems.map(({ severity, certificate, text }) =>
      `${severity === "error" ? "Error" : "Warning"} (${titles[certificate]}): ${visible(text)}\n`
    ),
  ];
  return parts.join("\n");
}

const titles = { server: "web and control", ca: "CA", own: "OPC UA server" };

function section(title: string, certificate: ShownCertificate | null, without: string): string {
  if (certificate === null) return `${title}: ${without}\n`;
  const { path, facts } = certificate;
  if (facts === null) return `${title}: ${visible(path)} cannot be read\n`;
  const lines = [
    ["File", path],
    ["Subject", facts.subject],
    ["Issuer", facts.selfSigned ? "itself" : facts.issuer],
    ["Names", facts.names.join(", ") || "none"],
    ["Key", facts.keyType],
    ["Valid", `${day(facts.notBeforeUs)} to ${day(facts.notAfterUs)}`],
    ["SHA-256", facts.fingerprint],
  ];
  return `${title}\n${lines.map(([name, value]) => `  ${(name ?? "").padEnd(9)}${visible(value ?? "")}\n`).join("")}`;
}

function view(certificate: ShownCertificate | null) {
  if (certificate === null || certificate.facts === null) {
    return certificate === null ? null : { path: certificate.path };
  }
  const { notBeforeUs, notAfterUs, ...facts } = certificate.facts;
  return {
    path: certificate.path,
    ...facts,
    notBefore: formatTime(notBeforeUs),
    notAfter: formatTime(notAfterUs),
  };
}

async function shown(
  path: string,
  certificate: Problem["certificate"],
  problems: Problem[],
): Promise<ShownCertificate> {
  try {
    return { path, facts: readCertificate(new TextDecoder("latin1").decode(await Deno.readFile(path))) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const text = error instanceof Deno.errors.NotFound ? `There is no file ${path}` : error.message;
    problems.push({ certificate, severity: "error", text });
    return { path, facts: null };
  }
}

function expiryOf({ notBeforeUs, notAfterUs }: CertificateFacts, nowUs: number): Omit<Problem, "certificate"> | null {
  if (notAfterUs < nowUs) return { severity: "error", text: `It expired on ${day(notAfterUs)}` };
  if (notBeforeUs > nowUs) return { severity: "error", text: `It is not valid before ${day(notBeforeUs)}` };
  const days = Math.floor((notAfterUs - nowUs) / DAY_US);
  return days < EXPIRING_DAYS
    ? { severity: "warning", text: `It expires on ${day(notAfterUs)}, in ${days} days` }
    : null;
}

function day(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString().slice(0, 10);
}
