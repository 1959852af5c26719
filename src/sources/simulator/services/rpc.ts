import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import type { Delays } from "../delays.ts";
import type { FaultSwitches } from "../fault_injection.ts";
import type { VirtualNetwork } from "../virtual_network.ts";

/** A call that the server refuses. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: status;

  constructor(code: status, details: string) {
    super(details);
    this.code = code;
  }
}

/** What every service of the simulated server works with. */
export interface ServiceContext {
  readonly network: VirtualNetwork;
  readonly apiToken: string;
  readonly faults: FaultSwitches;
  /** The server's clock, µs. */
  readonly nowUs: () => number;
  readonly delays: Delays;
}

/** What is special about one call. */
export interface CallFaults {
  /** How late it is carried out, ms, beside what is so for all calls. */
  readonly delayMs: () => number;
  /** How late its answer comes once it is carried out, ms; `null`: never. */
  readonly answerDelayMs: () => number | null;
}

const none: CallFaults = { delayMs: () => 0, answerDelayMs: () => 0 };

/** A unary call: checks the token, answers, late if a fault says so; what is thrown becomes the call's status. */
export function unary<Request, Response>(
  context: ServiceContext,
  answer: (request: Request) => Response,
  { delayMs, answerDelayMs }: CallFaults = none,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const respond = () => {
      try {
        requireToken(context, call.metadata);
        const response = answer(call.request);
        const lateMs = answerDelayMs();
        if (lateMs === 0) callback(null, response);
        else if (lateMs !== null) context.delays.run(lateMs, () => callback(null, response));
      } catch (error) {
        callback(asStatus(error));
      }
    };
    const lateMs = context.faults.latencyMs + delayMs();
    if (lateMs > 0) context.delays.run(lateMs, respond);
    else respond();
  };
}

/** A call that is answered by a stream: checks the token, then lets `open` write until the client leaves. */
export function streaming<Request, Response>(
  context: ServiceContext,
  open: (request: Request, call: ServerWritableStream<Request, Response>) => void,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    try {
      requireToken(context, call.metadata);
      open(call.request, call);
    } catch (error) {
      // grpc-js sends an 'error' event of a stream as the call's status
      call.emit("error", asStatus(error));
    }
  };
}

// chirpstack/src/api/auth/mod.rs, `auth_interceptor`, and validator.rs for a call without a token
function requireToken({ apiToken }: ServiceContext, metadata: Metadata): void {
  const [header] = metadata.get("authorization");
  if (header === undefined) throw new Refusal(status.UNAUTHENTICATED, "no authorization provided");
  const text = header.toString();
  if (!text.startsWith("Bearer ")) {
    throw new Refusal(status.UNAUTHENTICATED, "authorization metadata must in format 'Bearer <TOKEN>");
  }
  if (text.slice("Bearer ".length) !== apiToken) throw new Refusal(status.UNAUTHENTICATED, "InvalidToken");
}

function asStatus(error: unknown): { code: status; details: string; message: string } {
  const code = error instanceof Refusal ? error.code : status.INTERNAL;
  const details = error instanceof Error ? error.message : String(error);
  return { code, details, message: details };
}

/** One page of a list as SQL gives it: a limit of 0 gives no rows, and the total counts all. */
export function page<Entry>(entries: readonly Entry[], limit: number, offset: number): readonly Entry[] {
  return entries.slice(offset, offset + limit);
}

/** Whether a name contains the searched text, whatever the case; an empty text finds all. */
export function matches(search: string, ...texts: readonly string[]): boolean {
  const wanted = search.toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(wanted));
}

/** Refuses a text that is no UUID, as ChirpStack's parser does. */
export function requireUuid(text: string): string {
  if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text)) {
    throw new Refusal(status.INVALID_ARGUMENT, `invalid UUID: '${text.slice(0, 64)}'`);
  }
  const digits = text.replaceAll("-", "").toLowerCase();
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)]
    .join("-");
}
