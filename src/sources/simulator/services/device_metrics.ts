import { status } from "@grpc/grpc-js";
import devicePb from "@chirpstack/chirpstack-api/api/device_pb.js";
import type {
  GetDeviceLinkMetricsRequest,
  GetDeviceLinkMetricsResponse,
  GetDeviceMetricsRequest,
  GetDeviceMetricsResponse,
} from "@chirpstack/chirpstack-api/api/device_pb.js";
import commonPb from "@chirpstack/chirpstack-api/common/common_pb.js";
import type { Metric } from "@chirpstack/chirpstack-api/common/common_pb.js";
import type { Aggregation, BucketKind, BucketRecord, MetricBuckets } from "../metric_buckets.ts";
import { fromTimestamp, toTimestamp } from "../../protobuf_time.ts";
import type { VirtualDevice } from "../virtual_device.ts";
import { requireDevice } from "./device_lookup.ts";
import { Refusal, type ServiceContext } from "./rpc.ts";

const kinds = {
  counter: commonPb.MetricKind.COUNTER,
  absolute: commonPb.MetricKind.ABSOLUTE,
  gauge: commonPb.MetricKind.GAUGE,
} as const satisfies Record<BucketKind, number>;

/**
 * `GetMetrics` (chirpstack/src/api/device.rs): numbers as buckets, texts as states. Inside a bucket a gauge is the
 * mean, an absolute the sum and a counter the last reading; a bucket that nothing fell into reads 0, as does a real 0.
 */
export function deviceMetrics(context: ServiceContext): (request: GetDeviceMetricsRequest) => GetDeviceMetricsResponse {
  return (request) => {
    const device = requireDevice(context.network, request.getDevEui());
    const read = reader(context, request);
    const response = new devicePb.GetDeviceMetricsResponse();
    for (const [key, { name, kind }] of measurements(context, device)) {
      if (kind === "string") {
        const state = new devicePb.DeviceState();
        state.setName(name);
        state.setValue(device.state(key));
        response.getStatesMap().set(key, state);
      } else {
        const records = read(device.metric(key));
        const values = records.map(({ fields }) => fields["value"] ?? 0);
        response.getMetricsMap().set(key, metric(name, kind, records, [[key, values]]));
      }
    }
    return response;
  };
}

/** `GetLinkMetrics`: frames, mean signal of the best gateway, frames by frequency and by data rate. */
export function linkMetrics(
  context: ServiceContext,
): (request: GetDeviceLinkMetricsRequest) => GetDeviceLinkMetricsResponse {
  return (request) => {
    const device = requireDevice(context.network, request.getDevEui());
    const records = reader(context, request)(device.linkMetrics);
    const mean = (field: string) =>
      records.map(({ fields }) => {
        const count = fields["rx_count"] ?? 0;
        return count > 0 ? (fields[field] ?? 0) / count : 0;
      });
    const split = (prefix: string): [string, number[]][] => {
      const labels = new Set(
        records.flatMap(({ fields }) => Object.keys(fields).filter((key) => key.startsWith(prefix))),
      );
      return [...labels].map((label) => [label.slice(prefix.length), records.map(({ fields }) => fields[label] ?? 0)]);
    };
    const received = records.map(({ fields }) => fields["rx_count"] ?? 0);
    const response = new devicePb.GetDeviceLinkMetricsResponse();
    response.setRxPackets(metric("Received", "absolute", records, [["rx_count", received]]));
    response.setGwRssi(metric("RSSI", "absolute", records, [["rssi", mean("gw_rssi_sum")]]));
    response.setGwSnr(metric("SNR", "absolute", records, [["snr", mean("gw_snr_sum")]]));
    response.setRxPacketsPerFreq(metric("Received / frequency", "absolute", records, split("rx_freq_")));
    response.setRxPacketsPerDr(metric("Received / DR", "absolute", records, split("rx_dr_")));
    response.setErrors(metric("Errors", "absolute", records, split("error_")));
    return response;
  };
}

function measurements({ network }: ServiceContext, device: VirtualDevice) {
  return network.profiles.get(device.info.deviceProfileId)?.measurements ?? new Map();
}

function reader(
  { nowUs }: ServiceContext,
  request: GetDeviceMetricsRequest | GetDeviceLinkMetricsRequest,
): (buckets: MetricBuckets) => BucketRecord[] {
  const start = request.getStart();
  if (start === undefined) throw new Refusal(status.INTERNAL, "start is None");
  const end = request.getEnd();
  if (end === undefined) throw new Refusal(status.INTERNAL, "end is None");
  const aggregation = aggregationOf(request.getAggregation());
  return (buckets) => buckets.read(aggregation, fromTimestamp(start), fromTimestamp(end), nowUs());
}

function aggregationOf(value: number): Aggregation {
  switch (value) {
    case commonPb.Aggregation.HOUR:
      return "HOUR";
    case commonPb.Aggregation.DAY:
      return "DAY";
    case commonPb.Aggregation.MONTH:
      return "MONTH";
    default:
      throw new Refusal(status.UNIMPLEMENTED, `Aggregation ${value} is not simulated`);
  }
}

function metric(
  name: string,
  kind: BucketKind,
  records: readonly BucketRecord[],
  datasets: readonly (readonly [label: string, data: readonly number[]])[],
): Metric {
  const message = new commonPb.Metric();
  message.setName(name);
  message.setKind(kinds[kind]);
  message.setTimestampsList(records.map(({ timeUs }) => toTimestamp(timeUs)));
  for (const [label, data] of datasets) {
    const dataset = new commonPb.MetricDataset();
    dataset.setLabel(label);
    dataset.setDataList([...data]);
    message.addDatasets(dataset);
  }
  return message;
}
