import type { Principal } from "../access/principal.ts";
import type { Asker, ReloadTrigger } from "../supervisor/role_protocol.ts";
import { type CallContext, OperationError } from "./operation.ts";

/** The caller, who is known. Throws when nobody is: the table lets strangers call some operations. */
export function requirePrincipal({ caller: { principal } }: CallContext): Principal {
  if (principal === null) throw new OperationError("unauthenticated", "Log in, or send a token");
  return principal;
}

/** The caller as the supervisor notes it. */
export function askerOf(context: CallContext): Asker {
  const { name, role, credential } = requirePrincipal(context);
  const { address, transport } = context.caller;
  return { principal: name, role, credential, address, transport };
}

/** The way through which the caller came, as versions of the configuration name it. */
export function triggerOf({ caller: { transport } }: CallContext): ReloadTrigger {
  if (transport === "http" || transport === "https") return "web";
  return transport === "cli" ? "cli" : "control";
}
