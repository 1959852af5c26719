import { status } from "@grpc/grpc-js";

/**
 * What a failed call means for the gateway.
 * - `unauthorized`: the token is not accepted for this.
 * - `unknown`: the server does not know what was asked for.
 * - `unreachable`: no answer.
 * - `failed`: an answer that helps nobody: not ChirpStack, another version, an error inside it.
 */
export type CallErrorKind = "unauthorized" | "unknown" | "unreachable" | "failed";

/** A call to ChirpStack that did not succeed. Its message never holds the token. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly kind: CallErrorKind;
  /** The gRPC status that the call ended with; `null` when no call was made. */
  readonly code: number | null;

  constructor(kind: CallErrorKind, message: string, code: number | null = null) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

const kinds: Partial<Record<number, CallErrorKind>> = {
  [status.UNAUTHENTICATED]: "unauthorized",
  [status.PERMISSION_DENIED]: "unauthorized",
  [status.NOT_FOUND]: "unknown",
  [status.UNAVAILABLE]: "unreachable",
  [status.DEADLINE_EXCEEDED]: "unreachable",
};

/**
 * The error for the status that a call ended with.
 *
 * @param secret the token, taken out of the text should the server repeat it
 */
export function callError(code: number, details: string, secret: string): CallError {
  const kind = kinds[code] ?? "failed";
  const text = (secret === "" ? details : details.replaceAll(secret, "***")).replace(/\s+/g, " ");
  // grpc-js wraps the socket's error into two sentences and a time of day, which would make each failure a new one
  const cause = /connect E[A-Z]+ \S+/.exec(text)?.[0] ?? text.replace(/ ?\(\d{4}-\d\d-\d\dT[^)]*\)/g, "").trim();
  return new CallError(
    kind,
    `${status[code] ?? `Status ${code}`}: ${cause === "" ? "no reason given" : cause.slice(0, 240)}`,
    code,
  );
}
