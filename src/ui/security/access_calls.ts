import type {
  AuditRecordView,
  AuditVerificationView,
  CertificatesAnswer,
  CertificateView,
  ExposureAnswer,
  NewPairingAnswer,
  NewTokenAnswer,
  PairingView,
  Role,
  SessionView,
  TokenView,
  UserView,
} from "../access_answers.ts";
import { request } from "../api_request.ts";

const at = (...parts: readonly string[]) => `/api/v1/${parts.map(encodeURIComponent).join("/")}`;

/** Lifetime and role of a new token. */
export interface Grant {
  readonly label: string;
  readonly role: Role;
  /** Days from now; `null`: until revoked. */
  readonly days: number | null;
}

/** Who can reach which port, with findings. */
export function readExposure(signal: AbortSignal): Promise<ExposureAnswer> {
  return request("GET", at("policy", "exposure"), { signal });
}

/** All users. */
export async function readUsers(signal: AbortSignal): Promise<readonly UserView[]> {
  return (await request<{ users: readonly UserView[] }>("GET", at("users"), { signal })).users;
}

/** Adds a user. */
export async function addUser(user: { name: string; password: string; role: Role }): Promise<void> {
  await request("POST", at("users"), { body: user });
}

/** Changes what is given of a user. */
export async function setUser(
  name: string,
  change: { role?: Role; password?: string; disabled?: boolean; certificates?: readonly string[] },
): Promise<void> {
  await request("PUT", at("users", name), { body: change });
}

/** Removes a user. */
export async function removeUser(name: string): Promise<void> {
  await request("DELETE", at("users", name));
}

/** Changes one's own password. */
export async function changePassword(old: string, next: string): Promise<void> {
  await request("POST", at("password"), { body: { old, next } });
}

/** All tokens, without secrets. */
export async function readTokens(signal: AbortSignal): Promise<readonly TokenView[]> {
  return (await request<{ tokens: readonly TokenView[] }>("GET", at("tokens"), { signal })).tokens;
}

/** Makes a token; the answer is the only time that its secret is seen. */
export function createToken(grant: Grant): Promise<NewTokenAnswer> {
  return request("POST", at("tokens"), { body: grant });
}

/** Gives a token a new end. */
export async function renewToken(id: string, days: number | null): Promise<void> {
  await request("POST", at("tokens", id, "renew"), { body: { days } });
}

/** Revokes a token. */
export async function revokeToken(id: string): Promise<void> {
  await request("DELETE", at("tokens", id));
}

/** Open pairing codes. */
export async function readPairings(signal: AbortSignal): Promise<readonly PairingView[]> {
  return (await request<{ pairings: readonly PairingView[] }>("GET", at("pairing"), { signal })).pairings;
}

/** Makes a pairing code. */
export function startPairing(grant: Grant): Promise<NewPairingAnswer> {
  return request("POST", at("pairing"), { body: grant });
}

/** Withdraws a pairing code. */
export async function revokePairing(id: string): Promise<void> {
  await request("DELETE", at("pairing", id));
}

/** Open sessions of every kind. */
export async function readSessions(signal: AbortSignal): Promise<readonly SessionView[]> {
  return (await request<{ sessions: readonly SessionView[] }>("GET", at("sessions"), { signal })).sessions;
}

/** Ends a session. */
export async function closeSession(id: string): Promise<void> {
  await request("DELETE", at("sessions", id));
}

/** Own, trusted and rejected certificates. */
export function readCertificates(signal: AbortSignal): Promise<CertificatesAnswer> {
  return request("GET", at("pki"), { signal });
}

/** Certificates of OPC UA clients, or of people. */
export type CertificateStore = "application" | "users";

/** Trusts a rejected certificate, or withdraws the trust. */
export async function judgeCertificate(
  verdict: "trust" | "reject",
  store: CertificateStore,
  fingerprint: string,
): Promise<void> {
  await request("POST", at("pki", verdict), { body: { fingerprint, store } });
}

/** Makes a new certificate and key for the OPC UA server. */
export function renewOpcUaCertificate(): Promise<{ readonly certificate: CertificateView }> {
  return request("POST", at("pki", "renew_opcua"), { body: {} });
}

/** Makes a new server certificate for web and control. */
export function renewCertificate(): Promise<{ readonly notAfter: string; readonly fingerprint: string }> {
  return request("POST", at("pki", "renew"));
}

/** Opens debug operations. */
export async function unlockDebug(minutes: number): Promise<void> {
  await request("POST", at("debug", "unlock"), { body: { minutes } });
}

/** Closes debug operations. */
export async function lockDebug(): Promise<void> {
  await request("POST", at("debug", "lock"));
}

/** Newest audit records, newest first. */
export async function readAudit(
  limit: number,
  event: string,
  signal: AbortSignal,
): Promise<readonly AuditRecordView[]> {
  const query = { limit: String(limit), ...(event === "" ? {} : { event }) };
  const { records } = await request<{ records: readonly AuditRecordView[] }>("GET", at("audit"), { query, signal });
  return records.toReversed();
}

/** Checks the chain of the audit records. */
export function verifyAudit(): Promise<AuditVerificationView> {
  return request("GET", at("audit", "verify"));
}
