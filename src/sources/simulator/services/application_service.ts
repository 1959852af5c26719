import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import applicationPb from "@chirpstack/chirpstack-api/api/application_pb.js";
import type { ListApplicationsRequest } from "@chirpstack/chirpstack-api/api/application_pb.js";
import { toTimestamp } from "../../protobuf_time.ts";
import { matches, page, requireUuid, type ServiceContext, unary } from "./rpc.ts";

/** `ApplicationService`: List, by name; a tenant that does not exist has none. */
export function applicationService(context: ServiceContext): UntypedServiceImplementation {
  const { tenant, applications, createdUs } = context.network;
  return {
    list: unary(context, (request: ListApplicationsRequest) => {
      const found = requireUuid(request.getTenantId()) === tenant.id
        ? applications.filter(({ name }) => matches(request.getSearch(), name))
        : [];
      const response = new applicationPb.ListApplicationsResponse();
      response.setTotalCount(found.length);
      for (const { id, name } of page(found, request.getLimit(), request.getOffset())) {
        const item = new applicationPb.ApplicationListItem();
        item.setId(id);
        item.setName(name);
        item.setCreatedAt(toTimestamp(createdUs));
        item.setUpdatedAt(toTimestamp(createdUs));
        response.addResult(item);
      }
      return response;
    }),
  };
}
