/** What a request is told apart by on its connection: a whole number or a text of 1 to 64 characters. */
export type RequestId = string | number;

/** One line from the gateway. All lines that answer one request carry its id. */
export interface AnswerLine {
  /** `null` for an answer to a line whose id could not be read, and for a notice before the gateway hangs up. */
  readonly id: RequestId | null;
  readonly ok: boolean;
  /** More lines with this id follow. The first such line of a stream has no `result`: it says that the stream is open. */
  readonly more?: true;
  readonly result?: unknown;
  /** For people. */
  readonly error?: string;
  /** Stable, for programs: one of the codes in `operations/operation.ts`. */
  readonly error_code?: string;
  /** The parameter or key that is wrong. */
  readonly field?: string;
  /** What to do about it. */
  readonly fix?: string;
  readonly retry_after_ms?: number;
  readonly details?: unknown;
  /** The audit record of this call. */
  readonly audit_id?: string;
  /** As the request had it. */
  readonly request_id?: string;
}

/** One request, checked. */
export interface Request {
  readonly id: RequestId;
  /** Name of an operation, or `auth` or `cancel`, which the connection itself answers. */
  readonly type: string;
  readonly params: unknown;
  /** A token: counts for this line alone, or for the connection when `type` is `auth`. */
  readonly auth: string | undefined;
  readonly requestId: string | undefined;
}

/** What every answer to the request repeats. */
export function echoOf({ id, requestId }: Pick<Request, "id" | "requestId">): Pick<AnswerLine, "id" | "request_id"> {
  return requestId === undefined ? { id } : { id, request_id: requestId };
}

/** A line as a {@link Request}, or what is wrong with it. */
export type ReadRequest =
  | { readonly ok: true; readonly request: Request }
  | {
    readonly ok: false;
    /** What could be read of them, for the answer. */
    readonly id: RequestId | null;
    readonly requestId: string | undefined;
    readonly reason: "utf8" | "json" | "depth" | "envelope";
    readonly message: string;
    readonly field?: string;
  };

/** Longest line from a peer, bytes. */
export const MAX_LINE_BYTES = 1_048_576;
/** Arrays and objects within each other in one line. */
export const MAX_DEPTH = 64;

const known: readonly string[] = ["id", "type", "params", "auth", "request_id"];
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads one line of a peer. Never throws. */
export function readRequest(bytes: Uint8Array): ReadRequest {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return bad("utf8", "The line is not UTF-8");
  }
  if (nestedDeeper(text, MAX_DEPTH)) return bad("depth", `The line nests deeper than ${MAX_DEPTH} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad("json", "The line is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return bad("envelope", "The line is not a JSON object");
  }
  return readEnvelope(value as Readonly<Record<string, unknown>>);
}

function readEnvelope(line: Readonly<Record<string, unknown>>): ReadRequest {
  const { id, type, params, auth, request_id: requestId } = line;
  const echoes = {
    id: isId(id) ? id : null,
    requestId: isRequestId(requestId) ? requestId : undefined,
  };
  const wrong = (field: string, message: string): ReadRequest => ({
    ok: false,
    reason: "envelope",
    message,
    field,
    ...echoes,
  });
  if (!isId(id)) return wrong("id", "id must be a whole number or a text of 1 to 64 characters");
  if (typeof type !== "string" || type === "" || type.length > 64) {
    return wrong("type", "type must be the name of an operation");
  }
  if (auth !== undefined && (typeof auth !== "string" || auth === "" || auth.length > 1024)) {
    return wrong("auth", "auth must be a token");
  }
  if (requestId !== undefined && !isRequestId(requestId)) {
    return wrong("request_id", "request_id must be a text of 1 to 128 printable ASCII characters");
  }
  const unknown = Object.keys(line).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    return wrong(unknown.slice(0, 64), `A line has ${known.join(", ")} and nothing else`);
  }
  return { ok: true, request: { id, type, params: params ?? {}, auth, requestId } };
}

function bad(reason: "utf8" | "json" | "depth" | "envelope", message: string): ReadRequest {
  return { ok: false, id: null, requestId: undefined, reason, message };
}

/** Whether the value can be a request's id. */
export function isId(value: unknown): value is RequestId {
  return Number.isSafeInteger(value) || (typeof value === "string" && value !== "" && value.length <= 64);
}

function isRequestId(value: unknown): value is string {
  return typeof value === "string" && /^[\x20-\x7e]{1,128}$/.test(value);
}

/** What is too deep would overflow the stack of whatever walks it later, be it a schema or the answer's writer. */
function nestedDeeper(text: string, most: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inText) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > most) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}
