import { strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, createSign, publicEncrypt, randomBytes } from "node:crypto";
import type { ServiceAnswer } from "../lib/opcua_client_process.ts";
import type { World } from "./world.ts";

type Bytes = { readonly $bytes: string };

/** A session that was created and not yet activated, with what its activation needs. */
export interface NewSession {
  readonly channel: number;
  readonly token: string;
  readonly sessionId: string;
  readonly serverCertificate: string;
  /** The nonce to sign next, hexadecimal. */
  readonly serverNonce: string;
  readonly answer: ServiceAnswer;
}

/** The DER of the client's own certificate, hexadecimal. */
export function clientCertificate(world: World): string {
  const folder = `${world.client.pki}/own/certs`;
  const [file] = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".pem"));
  const pem = Deno.readTextFileSync(`${folder}/${file?.name}`);
  return Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? "", "base64").toString("hex");
}

/** The fields of a CreateSession request that the server accepts on a secured channel. */
export function createSessionFields(world: World, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    clientDescription: { applicationUri: "urn:edgekeep:test:client", applicationType: 1 },
    endpointUrl: world.server.url,
    sessionName: "conformance",
    clientNonce: { $bytes: randomBytes(32).toString("hex") },
    clientCertificate: { $bytes: clientCertificate(world) },
    requestedSessionTimeout: 60_000,
    maxResponseMessageSize: 0,
    ...changes,
  };
}

/** Creates a session on a channel of its own, or the given one. */
export async function newSession(
  world: World,
  changes: Record<string, unknown> = {},
  channel?: number,
): Promise<NewSession> {
  const id = channel ?? await world.open();
  const answer = await world.call("CreateSession", createSessionFields(world, changes), { id });
  strictEqual(answer.responseHeader.serviceResult, "Good");
  return {
    channel: id,
    token: answer.authenticationToken as string,
    sessionId: answer.sessionId as string,
    serverCertificate: (answer.serverCertificate as Bytes).$bytes,
    serverNonce: (answer.serverNonce as Bytes).$bytes,
    answer,
  };
}

/** A UserNameIdentityToken with its password encrypted for the server (OPC 10000-4 §7.41.4). */
export function userToken(
  session: NewSession,
  changes: Record<string, unknown> = {},
  password = "correct horse",
): Record<string, unknown> {
  return {
    $type: "UserNameIdentityToken",
    policyId: tokenPolicy(session, 1),
    userName: "operator",
    password: { $bytes: encrypted(password, session) },
    encryptionAlgorithm: "http://www.w3.org/2001/04/xmlenc#rsa-oaep",
    ...changes,
  };
}

/** The id under which the session's endpoint takes a kind of user token (OPC 10000-4 §7.42). */
export function tokenPolicy({ answer }: NewSession, tokenType: number): string {
  type Endpoint = {
    securityMode: number;
    securityPolicyUri: string;
    userIdentityTokens: { tokenType: number; policyId: string }[];
  };
  const endpoint = (answer.serverEndpoints as Endpoint[]).find(({ securityMode, securityPolicyUri }) =>
    securityMode === 3 && securityPolicyUri.endsWith("#Basic256Sha256")
  );
  return endpoint?.userIdentityTokens.find((token) => token.tokenType === tokenType)?.policyId ?? "";
}

function encrypted(password: string, { serverCertificate, serverNonce }: NewSession): string {
  const secret = Buffer.concat([Buffer.from(password, "utf8"), Buffer.from(serverNonce, "hex")]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(secret.length);
  const certificate = Buffer.from(serverCertificate, "hex").toString("base64");
  const key = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----`;
  return publicEncrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
    Buffer.concat([length, secret]),
  ).toString("hex");
}

/** The client's proof that it has the key of its certificate (OPC 10000-4 §5.6.3.2), over what the server sent. */
export function clientSignature(world: World, { serverCertificate, serverNonce }: NewSession): Record<string, unknown> {
  const sign = createSign("RSA-SHA256");
  sign.update(Buffer.concat([Buffer.from(serverCertificate, "hex"), Buffer.from(serverNonce, "hex")]));
  const key = Deno.readTextFileSync(`${world.client.pki}/own/private/private_key.pem`);
  return {
    algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    signature: { $bytes: sign.sign(key).toString("hex") },
  };
}

/** Activates a session as the user `operator`, with what the test wants different. */
export async function activate(
  world: World,
  session: NewSession,
  changes: Record<string, unknown> = {},
  channel = session.channel,
): Promise<ServiceAnswer> {
  return await world.call("ActivateSession", {
    clientSignature: clientSignature(world, session),
    localeIds: ["en"],
    userIdentityToken: userToken(session),
    userTokenSignature: {},
    header: { authenticationToken: session.token },
    ...changes,
  }, { id: channel });
}

/** The session with the nonce that its next activation must sign. */
export function after(session: NewSession, answer: ServiceAnswer): NewSession {
  return { ...session, serverNonce: (answer.serverNonce as Bytes).$bytes };
}

/** Reads the server's state over a session of the test's own; the answer says whether the session is good. */
export async function probe(world: World, { channel, token }: NewSession, over = channel): Promise<string> {
  const answer = await world.call("Read", {
    nodesToRead: [{ nodeId: "i=2259", attributeId: 13 }],
    header: { authenticationToken: token },
  }, { id: over });
  return answer.responseHeader.serviceResult;
}
