import { formatTime } from "../../telemetry/time_text.ts";
import { askerOf } from "../asker.ts";
import {
  CertificateRefused,
  type ClientCertificates,
  type ListedCertificate,
  type ListedCrl,
  type OwnCertificate,
  type StoreContents,
} from "../client_certificates.ts";
import { answers } from "../define.ts";
import { type CallContext, type Operation, OperationError } from "../operation.ts";
import type { RoleParts } from "../operation_parts.ts";
import { viewCertificate, viewCrl } from "../views.ts";

/** What the operations on OPC UA certificates need; the command line has it without a gateway that runs. */
export type PkiParts = Pick<RoleParts, "access" | "clientCertificates">;

/** Certificates of the OPC UA server: its own, and whom it trusts. */
export function opcuaPkiOperations(parts: PkiParts): Operation[] {
  const { access } = parts;
  return [
    answers("pki.trust", async ({ fingerprint, store, user }, { note }) => {
      const list = trustList(parts);
      note("store", store);
      if (user !== undefined && store !== "users") {
        throw new OperationError("bad_params", "Only the certificate of a person can stand for a user", {
          field: "store",
          fix: "Give store = users",
        });
      }
      const owner = user === undefined ? undefined : access.users().find(({ name }) => name === user);
      if (user !== undefined && owner === undefined) {
        throw new OperationError("not_found", `There is no user '${user}'`, {
          field: "user",
          fix: "users.list names them",
        });
      }
      const already = (await list.list(store)).trusted.find((one) => one.fingerprint === fingerprint) ?? null;
      const trusted = already ?? found(await saying(() => list.trust(store, fingerprint)), fingerprint);
      note("subject", trusted.subject);
      if (owner !== undefined) {
        await access.setUser(owner.name, { certificates: [...new Set([...owner.certificates, fingerprint])] });
        note("user", owner.name);
      }
      return viewCertificate(trusted);
    }),
    answers("pki.reject", async ({ fingerprint, store }, { note }) => {
      note("store", store);
      const moved = found(await trustList(parts).reject(store, fingerprint), fingerprint);
      note("subject", moved.subject);
      return viewCertificate(moved);
    }),
    answers("pki.add", async ({ store, kind, data }, { note }) => {
      note("store", store);
      note("kind", kind);
      const added = await saying(() => trustList(parts).add(store, kind, bytesOf(data)));
      note("subject", nameOf(added));
      note("fingerprint", added.fingerprint);
      return { kind, name: nameOf(added), fingerprint: added.fingerprint };
    }),
    answers("pki.remove", async ({ store, fingerprint }, { note }) => {
      note("store", store);
      const removed = await trustList(parts).remove(store, fingerprint);
      if (removed === null) throw unknown(fingerprint);
      note("subject", nameOf(removed));
      return { name: nameOf(removed), fingerprint };
    }),
    answers("pki.renew_opcua", async (wishes, context) => {
      context.note("new_key", wishes.newKey);
      return installed(await saying(() => trustList(parts).renew(wishes)), context);
    }),
    answers("pki.csr", async () => ({ request: await trustList(parts).signingRequest() })),
    answers(
      "pki.import",
      async ({ certificate }, context) => installed(await saying(() => trustList(parts).install(certificate)), context),
    ),
  ];
}

/** Certificates of all listeners, and a new one for web and control. */
export function pkiOperations(parts: RoleParts): Operation[] {
  return [
    listOperation(parts, () => parts.serverCertificate()?.facts ?? null),
    answers("pki.renew", async (_, context) => {
      const { notAfterUs, fingerprint } = await parts.host.call("pki.renew", { by: askerOf(context) });
      context.note("fingerprint", fingerprint);
      await parts.serverCertificate()?.check();
      return { notAfter: formatTime(notAfterUs), fingerprint };
    }),
  ];
}

/** `pki.list`, given the certificate of web and control. */
export function listOperation({ clientCertificates }: PkiParts, server: () => ListedCertificate | null): Operation {
  return answers("pki.list", async () => {
    const facts = server();
    const clients = clientCertificates();
    const own = await clients?.own() ?? null;
    const none: StoreContents = { trusted: [], issuers: [], crls: [], rejected: [] };
    const [application, users] = clients === null
      ? [none, none]
      : await Promise.all([clients.list("application"), clients.list("users")]);
    return {
      server: facts === null ? null : viewCertificate(facts),
      own: own === null ? null : viewCertificate(own),
      ...viewStore(application),
      users: viewStore(users),
    };
  });
}

function viewStore({ trusted, issuers, crls, rejected }: StoreContents) {
  return {
    trusted: trusted.map(viewCertificate),
    issuers: issuers.map(viewCertificate),
    crls: crls.map(viewCrl),
    rejected: rejected.map(viewCertificate),
  };
}

function installed({ certificate, mismatches, backups }: OwnCertificate, { note }: CallContext) {
  note("fingerprint", certificate.fingerprint);
  return {
    certificate: viewCertificate(certificate),
    mismatches: [...mismatches],
    // the names alone: a page has no business with folders of the machine
    backups: backups.map((path) => path.split("/").at(-1) ?? path),
  };
}

function trustList({ clientCertificates }: PkiParts): ClientCertificates {
  const list = clientCertificates();
  if (list !== null) return list;
  throw new OperationError("not_configured", "The OPC UA server is not running", {
    fix: "Set [opcua].enabled, and look at the faults",
  });
}

function found(certificate: ListedCertificate | null, fingerprint: string): ListedCertificate {
  if (certificate !== null) return certificate;
  throw unknown(fingerprint);
}

function unknown(fingerprint: string): OperationError {
  return new OperationError("not_found", `There is no such certificate: ${fingerprint}`, {
    field: "fingerprint",
    fix: "pki.list names those that are there",
  });
}

async function saying<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (CertificateRefused.is(error)) throw new OperationError("bad_params", error.message);
    throw error;
  }
}

function nameOf(one: ListedCertificate | ListedCrl): string {
  return "subject" in one ? one.subject : one.issuer;
}

/** PEM as it is; anything else is base64 of DER. */
function bytesOf(data: string): Uint8Array {
  if (data.includes("-----BEGIN ")) return new TextEncoder().encode(data);
  try {
    return Uint8Array.fromBase64(data);
  } catch {
    throw new OperationError("bad_params", "The data must be PEM, or DER in base64", { field: "data" });
  }
}
