import { meshTime } from "../../mesh/encoding.ts";
import type { NodeId } from "../../mesh/ids.ts";
import { MeshError, type MeshErrorCode } from "../../mesh/mesh_error.ts";
import { readRequestClaims, type RequestClaims, verifyRequest } from "../../mesh/request_signature.ts";
import { requestLifeMs } from "../../mesh/constants.ts";
import { type HubCore, HubRequestRefused } from "../hub_core.ts";
import { ApiProblem } from "./api_problem.ts";

/** Whoever signed a request. */
export interface Caller {
  readonly node: NodeId;
  /** Nonce of the request, base64: what envelopes that answer it name as `reply_to`. */
  readonly nonce: string;
}

/** A request, as far as its signature is about it. */
export interface AskedRequest {
  /** `Authorization` as sent; undefined without one. */
  readonly header: string | undefined;
  readonly method: string;
  /** Path with query, as sent. */
  readonly path: string;
  /** The node that the path names as the caller; null where it names none. */
  readonly pathNode: string | null;
}

/** Stable codes of a request that is not what its signature says. */
const codes: Partial<Record<MeshErrorCode, string>> = {
  E_SIZE: "authorization_malformed",
  E_FORM: "authorization_malformed",
  E_HUB: "other_hub",
  E_AUDIENCE: "other_node",
  E_KEY: "identity_unusable",
  E_SIGNATURE: "signature_refused",
  E_AGE: "clock_off",
};

/**
 * What a request claims, looked at before its body is read: of this hub, of a node that is active, of this path and
 * time. Nothing of it is proved.
 *
 * @throws ApiProblem 401
 */
export function readClaims(core: HubCore, asked: AskedRequest, nowUs: number): RequestClaims {
  if (asked.header === undefined) {
    throw new ApiProblem(401, "not_signed", "This address answers signed requests of nodes alone");
  }
  const claims = asProblem(nowUs, () => readRequestClaims(asked.header ?? ""));
  if (claims.aud !== core.hubId) throw new ApiProblem(401, "other_hub", "The request is signed for another hub");
  if (asked.pathNode !== null && claims.iss !== asked.pathNode) {
    throw new ApiProblem(401, "other_node", "The request is signed by another node than its path names");
  }
  if (claims.htm !== asked.method || claims.htu !== asked.path) {
    throw new ApiProblem(401, "signature_refused", "The request is signed for another method or path");
  }
  if (Math.abs(claims.iat - nowUs / 1_000_000) > requestLifeMs / 1000) throw clockOff(nowUs);
  identityOf(core, claims.iss);
  return claims;
}

/**
 * Proves who sent a request whose body has been read. That it was not seen before is the caller's to ask.
 *
 * @param body bytes as sent
 * @throws ApiProblem 401
 */
export async function verifyCaller(
  core: HubCore,
  { asked, claims, body, nowUs }: {
    readonly asked: AskedRequest;
    readonly claims: RequestClaims;
    readonly body: Uint8Array;
    readonly nowUs: number;
  },
): Promise<Caller & { readonly jti: string; readonly expUs: number }> {
  const node = claims.iss;
  // anew: the node may have been removed while its body came
  const publicKey = identityOf(core, node);
  const { method, path, header = "" } = asked;
  try {
    const proof = await verifyRequest({
      header,
      publicKey,
      nodeId: node,
      hub: core.hubId,
      method,
      path,
      body,
      nowUs,
    });
    return { ...proof, node };
  } catch (error) {
    throw refusalOf(error, nowUs);
  }
}

function identityOf(core: HubCore, node: NodeId): Uint8Array {
  try {
    return core.identityKey(node);
  } catch (error) {
    if (!(error instanceof HubRequestRefused)) throw error;
    // a hub that cannot judge at all says so; everything else is one node's fault
    if (error.status === 503) throw error;
    throw new ApiProblem(401, error.code, error.message);
  }
}

function asProblem<T>(nowUs: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw refusalOf(error, nowUs);
  }
}

function refusalOf(error: unknown, nowUs: number): unknown {
  if (!(error instanceof MeshError)) return error;
  if (error.code === "E_AGE") return clockOff(nowUs);
  return new ApiProblem(401, codes[error.code] ?? "signature_refused", error.message);
}

function clockOff(nowUs: number): ApiProblem {
  const hubTime = meshTime(nowUs);
  return new ApiProblem(
    401,
    "clock_off",
    `The request is from more than ${requestLifeMs / 1000} s before or after hub time, which is ${hubTime}`,
    { hubTime },
  );
}
