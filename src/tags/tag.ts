import { Quality, type QualityCode } from "./quality.ts";

/** `<group>/<name>`, the one name of a tag everywhere: OPC UA NodeId, URL part, glob, CLI, JSON. */
export type TagId = string & { readonly __brand: "TagId" };

/** What a tag can hold. Int is a JavaScript integer within ±2^53. `null` only before the first value. */
export type Value = boolean | number | string | null;

/** The type that the configuration declares (`metric_type`). */
export type MetricType = "Bool" | "Int" | "Float" | "String";

/** The OPC UA built-in type a tag is served as (`data_type`, OPC 10000-6 §5.1.2). */
export type DataTypeName =
  | "Boolean"
  | "Int16"
  | "UInt16"
  | "Int32"
  | "UInt32"
  | "Int64"
  | "Float"
  | "Double"
  | "String";

/** Joins a group (DevEUI, `gateway`, …) and a name to the id of a tag. */
export function tagId(group: string, name: string): TagId {
  return `${group}/${name}` as TagId;
}

/** How a tag is configured: plain data, compared field by field when the configuration changes. */
export interface TagDefinition {
  readonly id: TagId;
  /** DevEUI (16 hex digits, lower case) or `gateway`. */
  readonly group: string;
  /** Name inside the group; `$` as the first character marks a tag that this program adds itself. */
  readonly name: string;
  readonly type: MetricType;
  readonly dataType: DataTypeName;
  /** Where the source finds the value: a path into the decoded object, or a reserved `$name`. */
  readonly sourcePath: string;
  /** UNECE common code or free text; empty when none. */
  readonly unit: string;
  /** Values outside become `UncertainEngineeringUnitsExceeded`; also the OPC UA EURange. */
  readonly range: { readonly low: number; readonly high: number } | null;
  /** Fixed stale-after in ms; `null` derives it from the device's observed interval. */
  readonly staleAfterMs: number | null;
  /** The least that a derived stale-after may be, in ms (`stale_threshold_seconds`). */
  readonly minStaleAfterMs: number;
  /** Age at which the last value stops being usable, in ms. */
  readonly badAfterMs: number;
  /** Linear scaling applied when decoding: value × scale + offset. */
  readonly scale: number;
  readonly offset: number;
  /** History: least change that is stored, in the tag's unit; 0 stores every sample. */
  readonly deadband: number;
  /** History: store only changes of value or quality, and one sample each `maxIntervalMs`. */
  readonly changeOnly: boolean;
  readonly maxIntervalMs: number;
  /** The value only counts up; a fall is accepted and marked in history as a reset. */
  readonly counter?: boolean;
  /** History kept for this many days, 7 to 3650; `null` keeps none (diagnostics). */
  readonly retentionDays: number | null;
  /** Stamp samples with their arrival time instead of the device's (`source_timestamp_server`). */
  readonly stampArrival: boolean;
  readonly enabled: boolean;
  /** A name that stays when another device takes this one's place, unique in the gateway. */
  readonly alias?: string;
}

/** A value with its status and its two times, in µs since the Unix epoch, UTC. */
export interface Sample {
  readonly value: Value;
  readonly quality: QualityCode;
  readonly sourceTimeUs: number;
  readonly serverTimeUs: number;
}

/** A tag of the process image. Only the {@link import("./tag_store.ts").TagStore} writes its fields. */
export interface Tag extends Sample {
  readonly definition: TagDefinition;
  readonly id: TagId;
  /** The quality that the last sample itself had, before age changed it. */
  readonly sampleQuality: QualityCode;
}

/**
 * What became of an update.
 * - `live`: newer than what the tag had; the tag moved.
 * - `backfill`: not newer; for the history alone.
 * - `status`: made here: the quality changed by age, or somebody forced a value or took the force away.
 * - `ignored`: the tag is switched off, gone, or forced.
 */
export type UpdateKind = "live" | "backfill" | "status" | "ignored";

/** One entry of a batch. The source fills the first four fields, the store the rest; nobody copies it. */
export interface TagUpdate {
  readonly tag: Tag;
  value: Value;
  quality: QualityCode;
  /**
   * What history files instead of `quality` while that is Good: an aggregate that the source computed is plain Good live
   * and `GoodCalculated` in history. `undefined`: the same in both.
   */
  storedQuality?: QualityCode;
  /** Set by the store: a counter fell against the sample before it. Not judged for `backfill`, whose order is unknown. */
  counterReset?: boolean;
  sourceTimeUs: number;
  serverTimeUs: number;
  kind: UpdateKind;
  /** The time under which history files it: the source time, or for `status` the moment the quality changed. */
  historyTimeUs: number;
}

/** A new update as a source hands it to the store. `quality` defaults to Good. */
export function tagUpdate(
  tag: Tag,
  value: Value,
  sourceTimeUs: number,
  quality: QualityCode = Quality.Good,
): TagUpdate {
  return { tag, value, quality, sourceTimeUs, serverTimeUs: 0, kind: "live", historyTimeUs: sourceTimeUs };
}
