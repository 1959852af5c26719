import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import tenantPb from "@chirpstack/chirpstack-api/api/tenant_pb.js";
import type { ListTenantsRequest } from "@chirpstack/chirpstack-api/api/tenant_pb.js";
import { toTimestamp } from "../../protobuf_time.ts";
import { matches, page, type ServiceContext, unary } from "./rpc.ts";

/** `TenantService`: List. */
export function tenantService(context: ServiceContext): UntypedServiceImplementation {
  const { tenant, createdUs } = context.network;
  return {
    list: unary(context, (request: ListTenantsRequest) => {
      const found = [tenant].filter(({ name }) => matches(request.getSearch(), name));
      const response = new tenantPb.ListTenantsResponse();
      response.setTotalCount(found.length);
      for (const { id, name } of page(found, request.getLimit(), request.getOffset())) {
        const item = new tenantPb.TenantListItem();
        item.setId(id);
        item.setName(name);
        item.setCanHaveGateways(true);
        item.setCreatedAt(toTimestamp(createdUs));
        item.setUpdatedAt(toTimestamp(createdUs));
        response.addResult(item);
      }
      return response;
    }),
  };
}
