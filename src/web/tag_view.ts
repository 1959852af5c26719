import { qualityCause, qualityName, severityOf } from "../tags/quality.ts";
import type { Tag, Value } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { QualityAnswer, TagAnswer, TagChangeAnswer } from "./api_schema.ts";
import { formatTime, formatTimeOrNull } from "../telemetry/time_text.ts";
import type { DeviceDirectory } from "./device_directory.ts";

/** A tag with its newest sample, as the API shows it. */
export function viewTag(tag: Tag, tags: TagStore, devices: DeviceDirectory): TagAnswer {
  const { definition } = tag;
  const device = devices.get(definition.group);
  return {
    id: tag.id,
    group: definition.group,
    name: definition.name,
    device: device?.name ?? null,
    application: device?.applicationName ?? null,
    type: definition.type,
    dataType: definition.dataType,
    nodeId: `ns=2;s=${tag.id}`,
    unit: definition.unit,
    range: definition.range,
    diagnostic: definition.name.startsWith("$"),
    stored: definition.retentionDays !== null,
    staleAfterMs: Math.round(tags.staleAfterMs(tag)),
    value: viewValue(tag.value),
    quality: viewQuality(tag.quality),
    sourceTime: formatTimeOrNull(tag.sourceTimeUs),
    serverTime: formatTime(tag.serverTimeUs),
  };
}

/** What changes about a tag, for the live stream. */
export function viewTagChange(tag: Tag): TagChangeAnswer {
  return {
    id: tag.id,
    value: viewValue(tag.value),
    quality: tag.quality >>> 0,
    sourceTime: formatTimeOrNull(tag.sourceTimeUs),
    serverTime: formatTime(tag.serverTimeUs),
  };
}

/** A status code with its name and cause in words. */
export function viewQuality(code: number): QualityAnswer {
  return { code: code >>> 0, name: qualityName(code), severity: severityOf(code), cause: qualityCause(code) };
}

/** JSON has no NaN and no infinity: such a number is shown as `null`. */
export function viewValue(value: Value): Value {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}
