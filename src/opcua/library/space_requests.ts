import type { CallMethodRequest, CallMethodResultOptions, ISessionContext, OPCUAServer, StatusCode } from "node-opcua";
import type { WriteValue } from "node-opcua";
import { accessorOf } from "./library_internals.ts";

/** The two services of the address space that change something. */
export interface SpaceRequests {
  write(context: ISessionContext, nodesToWrite: WriteValue[]): Promise<StatusCode[]>;
  call(context: ISessionContext, methodsToCall: CallMethodRequest[]): Promise<CallMethodResultOptions[]>;
}

/** Write and Call as the server answers them; replacing one of them takes the service over. */
export function spaceRequestsOf(server: OPCUAServer): SpaceRequests {
  return accessorOf(server) as unknown as SpaceRequests;
}
