import type { Socket } from "node:net";
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import applicationGrpc from "@chirpstack/chirpstack-api/api/application_grpc_pb.js";
import deviceGrpc from "@chirpstack/chirpstack-api/api/device_grpc_pb.js";
import profileGrpc from "@chirpstack/chirpstack-api/api/device_profile_grpc_pb.js";
import internalGrpc from "@chirpstack/chirpstack-api/api/internal_grpc_pb.js";
import tenantGrpc from "@chirpstack/chirpstack-api/api/tenant_grpc_pb.js";
import { applicationService } from "./application_service.ts";
import { deviceProfileService } from "./device_profile_service.ts";
import { deviceService } from "./device_service.ts";
import { internalService } from "./internal_service.ts";
import type { ServiceContext } from "./rpc.ts";
import { tenantService } from "./tenant_service.ts";

/** A gRPC server that listens nowhere: connections are handed to it. */
export interface GrpcServer {
  readonly accept: (socket: Socket) => void;
  stop(): void;
}

/**
 * The API of the simulated ChirpStack over plain HTTP/2.
 *
 * @param streamsPerConnection calls that a connection may have open at once; the client holds back all beyond, so that
 *   with as many event streams nothing else gets through on that connection
 */
export function createServer(context: ServiceContext, streamsPerConnection: number): GrpcServer {
  const server = new Server({ "grpc.max_concurrent_streams": streamsPerConnection });
  server.addService(asUntyped(tenantGrpc.TenantServiceService), tenantService(context));
  server.addService(asUntyped(applicationGrpc.ApplicationServiceService), applicationService(context));
  server.addService(asUntyped(profileGrpc.DeviceProfileServiceService), deviceProfileService(context));
  server.addService(asUntyped(deviceGrpc.DeviceServiceService), deviceService(context));
  server.addService(asUntyped(internalGrpc.InternalServiceService), internalService(context));
  const connections = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    accept: (socket) => connections.injectConnection(socket),
    stop: () => {
      connections.destroy();
      server.forceShutdown();
    },
  };
}

// the services implement the methods that the gateway calls; grpc-js answers the others with UNIMPLEMENTED
function asUntyped(service: unknown): ServiceDefinition {
  return service as ServiceDefinition;
}
