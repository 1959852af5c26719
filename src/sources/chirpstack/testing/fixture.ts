import { type ChirpStackConfig, chirpstackSchema, configSchema } from "../../../config/schema.ts";
import { type DeviceDefinition, topologyOf } from "../../../config/topology.ts";
import { type TagId, tagId, type TagUpdate } from "../../../tags/tag.ts";
import type { Tag } from "../../../tags/tag.ts";
import { TagStore } from "../../../tags/tag_store.ts";
import { EventFeed } from "../../../telemetry/event_feed.ts";
import { type ActiveFault, FaultBoard } from "../../../telemetry/fault_board.ts";
import type { FaultCode } from "../../../telemetry/fault_catalogue.ts";

/** A metric as a test writes it: the config's keys, name and path being the same unless both are given. */
export type MetricSketch = { readonly metric_name: string } & Readonly<Record<string, unknown>>;

/** A device as a test writes it. */
export interface DeviceSketch {
  readonly devEui: string;
  readonly applicationId?: string;
  readonly metrics?: readonly MetricSketch[];
  readonly more?: Readonly<Record<string, unknown>>;
}

/** What a source works on, with a clock that stands still unless the test uses the real one, and all that it was told. */
export interface Fixture {
  readonly config: ChirpStackConfig;
  readonly devices: readonly DeviceDefinition[];
  readonly tags: TagStore;
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  readonly nowUs: () => number;
  /** Every batch that the store told, as copies, oldest first. */
  readonly batches: readonly TagUpdate[][];
  setNowUs(us: number): void;
  tag(devEui: string, name: string): Tag;
  fault(code: FaultCode, subject?: string): ActiveFault | undefined;
}

/** Builds the tags of a configuration through the real schema and topology. */
export function fixture(
  devices: readonly DeviceSketch[],
  chirpstack: Readonly<Record<string, unknown>> = {},
  startUs: number | null = null,
): Fixture {
  const applications = Map.groupBy(devices, (device) => device.applicationId ?? "application-1");
  const section = { server_address: "http://127.0.0.1:1", api_token: "test-token", ...chirpstack };
  const config = configSchema.parse({
    chirpstack: section,
    application: [...applications].map(([application_id, members]) => ({
      application_id,
      application_name: application_id,
      device: members.map(({ devEui, metrics = [], more = {} }) => ({
        device_id: devEui,
        device_name: `device ${devEui}`,
        read_metric: metrics.map((metric) => ({
          chirpstack_metric_name: metric.metric_name,
          metric_type: "Float",
          ...metric,
        })),
        ...more,
      })),
    })),
  });
  let us = startUs;
  const nowUs = () => us ?? Date.now() * 1000;
  const topology = topologyOf(config);
  const tags = new TagStore({ nowUs });
  tags.define(topology.tags);
  const batches: TagUpdate[][] = [];
  tags.subscribe((batch) => batches.push(batch.map((entry) => ({ ...entry }))));
  const faults = new FaultBoard(nowUs);
  return {
    config: chirpstackSchema.parse(section),
    devices: topology.devices,
    tags,
    faults,
    feed: new EventFeed(nowUs),
    nowUs,
    batches,
    setNowUs: (next) => us = next,
    tag: (devEui, name) => tagOf(tags, tagId(devEui, name)),
    fault: (code, subject) =>
      faults.list().find((fault) => fault.code === code && (subject === undefined || fault.subject === subject)),
  };
}

function tagOf(tags: TagStore, id: TagId): Tag {
  const tag = tags.get(id);
  if (tag === undefined) throw new RangeError(`Cannot find tag '${id}'`);
  return tag;
}
