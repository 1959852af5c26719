import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import profilePb from "@chirpstack/chirpstack-api/api/device_profile_pb.js";
import type { GetDeviceProfileRequest } from "@chirpstack/chirpstack-api/api/device_profile_pb.js";
import commonPb from "@chirpstack/chirpstack-api/common/common_pb.js";
import type { MeasurementKind } from "../device_template.ts";
import { toTimestamp } from "../../protobuf_time.ts";
import { Refusal, requireUuid, type ServiceContext, unary } from "./rpc.ts";

const kinds = {
  counter: profilePb.MeasurementKind.COUNTER,
  absolute: profilePb.MeasurementKind.ABSOLUTE,
  gauge: profilePb.MeasurementKind.GAUGE,
  string: profilePb.MeasurementKind.STRING,
} as const satisfies Record<MeasurementKind, number>;

/** `DeviceProfileService`: Get, with the measurements. */
export function deviceProfileService(context: ServiceContext): UntypedServiceImplementation {
  const { tenant, profiles, createdUs } = context.network;
  return {
    get: unary(context, (request: GetDeviceProfileRequest) => {
      const id = requireUuid(request.getId());
      const found = profiles.get(id);
      if (found === undefined) throw new Refusal(status.NOT_FOUND, `Object does not exist (id: ${id})`);
      const profile = new profilePb.DeviceProfile();
      profile.setId(found.id);
      profile.setTenantId(tenant.id);
      profile.setName(found.name);
      profile.setRegion(commonPb.Region.EU868);
      profile.setMacVersion(commonPb.MacVersion.LORAWAN_1_0_3);
      profile.setPayloadCodecRuntime(profilePb.CodecRuntime.JS);
      profile.setSupportsOtaa(true);
      profile.setSupportsClassC(found.template.deviceClass === "C");
      profile.setAutoDetectMeasurements(true);
      for (const [key, { name, kind }] of found.measurements) {
        const measurement = new profilePb.Measurement();
        measurement.setName(name);
        measurement.setKind(kinds[kind]);
        profile.getMeasurementsMap().set(key, measurement);
      }
      const response = new profilePb.GetDeviceProfileResponse();
      response.setDeviceProfile(profile);
      response.setCreatedAt(toTimestamp(createdUs));
      response.setUpdatedAt(toTimestamp(createdUs));
      return response;
    }),
  };
}
