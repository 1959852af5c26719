import { createHash } from "node:crypto";
import { type OPCUAServer, type ServerSession, UserNameIdentityToken, X509IdentityToken } from "node-opcua";
import { engineOf } from "./library_internals.ts";

/** Whose a subscription was, as the library keeps it when its session goes. */
interface Owner {
  readonly kind: string;
  readonly userName?: string;
  readonly certificateThumbprint?: string;
}

interface Orphan {
  readonly $transferSessionIdentity?: Owner;
}

interface Engine {
  findOrphanSubscription(id: number): Orphan | null;
}

interface Services {
  _on_DeleteSubscriptionsRequest(message: { readonly session?: ServerSession }, channel: unknown): void;
}

/**
 * Lets a subscription whose session is gone be deleted by its own user alone. The library deletes such a one for whoever
 * names its number, and numbers are easily guessed; taking it over is only for its user already (OPC 10000-4 §5.14.7).
 */
export function keepOrphansFromOthers(server: OPCUAServer): void {
  const engine = engineOf(server) as unknown as Engine;
  const services = server as unknown as Services;
  const find = engine.findOrphanSubscription.bind(engine);
  const serve = services._on_DeleteSubscriptionsRequest.bind(server);
  let asking: ServerSession | null = null;
  engine.findOrphanSubscription = (id) => {
    const orphan = find(id);
    return orphan === null || asking === null || isOf(orphan.$transferSessionIdentity, asking) ? orphan : null;
  };
  // every subscription of the request is looked for before anything is waited for
  services._on_DeleteSubscriptionsRequest = (message, channel) => {
    asking = message.session ?? null;
    try {
      serve(message, channel);
    } finally {
      asking = null;
    }
  };
}

function isOf(owner: Owner | undefined, { userIdentityToken: token }: ServerSession): boolean {
  if (token instanceof UserNameIdentityToken) return owner?.kind === "username" && owner.userName === token.userName;
  if (!(token instanceof X509IdentityToken)) return false;
  return owner?.kind === "x509" &&
    owner.certificateThumbprint === createHash("sha1").update(token.certificateData).digest("hex");
}
