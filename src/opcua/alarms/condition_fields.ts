import { Buffer } from "node:buffer";
import { DataType, LocalizedText, NodeId, StatusCodes, type Variant } from "node-opcua";
import type { Alarm, LimitState } from "../../alarms/alarms.ts";
import { MAX_SHELVED_MS } from "../../alarms/alarm_state.ts";
import type { AlarmDefinition, AlarmLimits } from "../../config/alarm_definition.ts";
import { picosecondsOf, scalar } from "../space/data_values.ts";
import { statusCodeOf } from "../space/status_codes.ts";
import { conditionTypes, standard } from "./condition_types.ts";

/** Longest Duration that makes sense as "without end", ms: MaxTimeShelved. */
const ONE_SHOT_MS = MAX_SHELVED_MS;

/** The certificate that a certificate alarm is about. */
export interface ConditionCertificate {
  readonly der: Uint8Array;
  readonly notAfterUs: number;
  /** Whether it is that of the OPC UA application, whose type the standard knows. */
  readonly ofApplication: boolean;
}

/** Where a condition stands in the address space. */
export interface ConditionPlace {
  readonly sourceNode: NodeId;
  readonly sourceName: string;
  /** The variable that the alarm watches; `null` for an alarm without a tag. */
  readonly inputNode: NodeId | null;
  readonly conditionName: string;
  /** Node of the value that counts as normal; `null` for an alarm without one. */
  readonly normalNode: NodeId | null;
}

/** Everything that the fields of a condition are made from. */
export interface ConditionView {
  readonly alarm: Alarm;
  readonly definition: AlarmDefinition | undefined;
  readonly place: ConditionPlace;
  /** Severity before the last change of it; `null` when it is not known. */
  readonly lastSeverity: number | null;
  readonly receiveTimeUs: number;
  readonly nowUs: number;
  readonly certificate: ConditionCertificate | null;
}

type Field = (view: ConditionView) => Variant | null;

const states: Readonly<Record<LimitState, number>> = { HighHigh: 9329, High: 9331, Low: 9333, LowLow: 9335 };
const shelvingStates = {
  unshelved: { text: "Unshelved", id: 2930 },
  timed: { text: "Timed Shelved", id: 2932 },
  one_shot: { text: "One Shot Shelved", id: 2933 },
} as const;

/**
 * The fields of conditions by their browse path, as events carry them and the children of condition nodes show them
 * (OPC 10000-9 §5.5 to §5.8). `null`: this alarm does not have the field.
 */
export const conditionFields: ReadonlyMap<string, Field> = new Map<string, Field>([
  ["EventId", ({ alarm }) => scalar(DataType.ByteString, Buffer.from(alarm.eventId, "hex"))],
  ["EventType", ({ alarm }) => nodeId(conditionTypes[alarm.kind].typeId)],
  ["SourceNode", ({ place }) => nodeId(place.sourceNode)],
  ["SourceName", ({ place }) => string(place.sourceName)],
  ["Time", ({ alarm }) => time(alarm.timeUs)],
  ["ReceiveTime", ({ receiveTimeUs }) => time(receiveTimeUs)],
  ["Message", ({ alarm }) => text(alarm.message)],
  ["Severity", ({ alarm }) => scalar(DataType.UInt16, alarm.severity)],
  ["ConditionClassId", ({ alarm }) => nodeId(conditionTypes[alarm.kind].classId)],
  ["ConditionClassName", ({ alarm }) => text(conditionTypes[alarm.kind].className)],
  ["ConditionName", ({ place }) => string(place.conditionName)],
  ["BranchId", () => nodeId(NodeId.nullNodeId)],
  ["Retain", ({ alarm }) => bool(alarm.retain)],
  ["SupportsFilteredRetain", () => bool(false)],
  ["EnabledState", ({ alarm }) => text(alarm.enabled ? "Enabled" : "Disabled")],
  ["EnabledState/Id", ({ alarm }) => bool(alarm.enabled)],
  ["EnabledState/EffectiveDisplayName", ({ alarm }) => text(inAWord(alarm))],
  ["Quality", whileEnabled(({ alarm }) => scalar(DataType.StatusCode, statusCodeOf(alarm.quality)))],
  ["Quality/SourceTimestamp", ({ alarm }) => time(alarm.timeUs)],
  ["LastSeverity", ({ lastSeverity }) => scalar(DataType.UInt16, lastSeverity ?? 0)],
  ["LastSeverity/SourceTimestamp", ({ alarm }) => time(alarm.timeUs)],
  ["Comment", ({ alarm }) => text(alarm.comment?.text ?? "")],
  ["Comment/SourceTimestamp", ({ alarm }) => time(alarm.comment?.timeUs ?? 0)],
  ["ClientUserId", ({ alarm }) => string(alarm.comment?.by ?? "")],
  ["AckedState", whileEnabled(({ alarm }) => text(alarm.acknowledged ? "Acknowledged" : "Unacknowledged"))],
  ["AckedState/Id", whileEnabled(({ alarm }) => bool(alarm.acknowledged))],
  [
    "AckedState/TransitionTime",
    ({ alarm }) => time(alarm.acknowledged ? alarm.acknowledgedUs ?? 0 : alarm.activeSinceUs ?? alarm.timeUs),
  ],
  ["ConfirmedState", whileEnabled(({ alarm }) => text(alarm.confirmed ? "Confirmed" : "Unconfirmed"))],
  ["ConfirmedState/Id", whileEnabled(({ alarm }) => bool(alarm.confirmed))],
  [
    "ConfirmedState/TransitionTime",
    ({ alarm }) => time(alarm.confirmed ? alarm.confirmedUs ?? 0 : alarm.activeSinceUs ?? alarm.timeUs),
  ],
  ["ActiveState", whileEnabled(({ alarm }) => text(alarm.active ? "Active" : "Inactive"))],
  ["ActiveState/Id", whileEnabled(({ alarm }) => bool(alarm.active))],
  [
    "ActiveState/EffectiveDisplayName",
    whileEnabled(({ alarm }) => text(activeWord(alarm))),
  ],
  [
    "ActiveState/TransitionTime",
    ({ alarm }) => time((alarm.active ? alarm.activeSinceUs : alarm.inactiveSinceUs) ?? 0),
  ],
  ["InputNode", ({ place }) => nodeId(place.inputNode ?? NodeId.nullNodeId)],
  // nothing in the gateway suppresses an alarm; people shelve it
  ["SuppressedState", () => text("Unsuppressed")],
  ["SuppressedState/Id", () => bool(false)],
  ["SuppressedOrShelved", ({ alarm }) => bool(alarm.shelving.kind !== "unshelved")],
  ["MaxTimeShelved", () => duration(MAX_SHELVED_MS)],
  ["ShelvingState/CurrentState", ({ alarm }) => text(shelvingStates[alarm.shelving.kind].text)],
  ["ShelvingState/CurrentState/Id", ({ alarm }) => nodeId(standard(shelvingStates[alarm.shelving.kind].id))],
  ["ShelvingState/UnshelveTime", ({ alarm, nowUs }) => duration(unshelveMs(alarm, nowUs))],
  ["LimitState/CurrentState", whileEnabled(limitState)],
  ["LimitState/CurrentState/Id", whileEnabled(limitStateId)],
  ["HighHighLimit", limit("hihi")],
  ["HighLimit", limit("hi")],
  ["LowLimit", limit("lo")],
  ["LowLowLimit", limit("lolo")],
  ["SeverityHighHigh", limitSeverity("hihi")],
  ["SeverityHigh", limitSeverity("hi")],
  ["SeverityLow", limitSeverity("lo")],
  ["SeverityLowLow", limitSeverity("lolo")],
  ["HighHighDeadband", limitDeadband("hihi")],
  ["HighDeadband", limitDeadband("hi")],
  ["LowDeadband", limitDeadband("lo")],
  ["LowLowDeadband", limitDeadband("lolo")],
  ["OnDelay", onDelay],
  ["NormalState", ({ alarm, place }) => isOffNormal(alarm) ? nodeId(place.normalNode ?? NodeId.nullNodeId) : null],
  ["ExpirationDate", ofCertificate((certificate) => time(certificate?.notAfterUs ?? 0))],
  // RsaSha256ApplicationCertificateType: the only kind that the OPC UA server has
  [
    "CertificateType",
    ofCertificate((certificate) => nodeId(certificate?.ofApplication ? standard(12_560) : NodeId.nullNodeId)),
  ],
  [
    "Certificate",
    ofCertificate((certificate) =>
      scalar(DataType.ByteString, certificate === null ? null : Buffer.from(certificate.der))
    ),
  ],
]);

/** The value of a field; `null` when this alarm does not have it. */
export function conditionField(path: string, view: ConditionView): Variant | null {
  return conditionFields.get(path)?.(view) ?? null;
}

/** While it is disabled nothing watches the condition, so what it was last seen as is no answer (§5.5.2). */
function whileEnabled(field: Field): Field {
  return (view) => {
    const value = field(view);
    if (value === null || view.alarm.enabled) return value;
    return scalar(DataType.StatusCode, StatusCodes.BadConditionDisabled);
  };
}

function limitState({ alarm }: ConditionView): Variant | null {
  if (alarm.kind !== "limit") return null;
  return alarm.limitState === null ? scalar(DataType.LocalizedText, new LocalizedText({})) : text(alarm.limitState);
}

function limitStateId({ alarm }: ConditionView): Variant | null {
  if (alarm.kind !== "limit") return null;
  return nodeId(alarm.limitState === null ? NodeId.nullNodeId : standard(states[alarm.limitState]));
}

function limit(which: keyof AlarmLimits): Field {
  return ({ definition }) => {
    const value = definition?.kind === "limit" ? definition.limits[which] : null;
    return value === null ? null : scalar(DataType.Double, value);
  };
}

function limitSeverity(which: keyof AlarmLimits): Field {
  return ({ definition }) =>
    definition?.kind === "limit" && definition.limits[which] !== null
      ? scalar(DataType.UInt16, definition.severities[which])
      : null;
}

function limitDeadband(which: keyof AlarmLimits): Field {
  return ({ definition }) =>
    definition?.kind === "limit" && definition.limits[which] !== null
      ? scalar(DataType.Double, definition.deadband)
      : null;
}

function onDelay({ definition }: ConditionView): Variant | null {
  return definition === undefined || !("delayMs" in definition) ? null : duration(definition.delayMs);
}

function ofCertificate(field: (certificate: ConditionCertificate | null) => Variant): Field {
  return ({ alarm, certificate }) => alarm.kind === "certificate_expiry" ? field(certificate) : null;
}

/** Whether the alarm's type is OffNormalAlarmType or below it. */
function isOffNormal({ kind }: Alarm): boolean {
  return kind !== "limit";
}

function activeWord({ active, limitState }: Alarm): string {
  if (!active) return "Inactive";
  return limitState === null ? "Active" : `Active | ${limitState}`;
}

function inAWord(alarm: Alarm): string {
  if (!alarm.enabled) return "Disabled";
  const waiting = !alarm.acknowledged ? "Unacknowledged" : !alarm.confirmed ? "Unconfirmed" : null;
  return [activeWord(alarm), ...waiting === null ? [] : [waiting]].join(" | ");
}

function unshelveMs({ shelving }: Alarm, nowUs: number): number {
  if (shelving.kind === "unshelved") return 0;
  if (shelving.kind === "one_shot") return ONE_SHOT_MS;
  return Math.max(0, Math.ceil((shelving.untilUs - nowUs) / 1000));
}

function bool(value: boolean): Variant {
  return scalar(DataType.Boolean, value);
}

function string(value: string): Variant {
  return scalar(DataType.String, value);
}

function duration(ms: number): Variant {
  return scalar(DataType.Double, ms);
}

function nodeId(value: NodeId): Variant {
  return scalar(DataType.NodeId, value);
}

function text(value: string): Variant {
  return scalar(DataType.LocalizedText, new LocalizedText({ locale: "en", text: value }));
}

/** A DateTime from µs, with what a Date cannot hold beside it; 0 is no time (`DateTime.MinValue`). */
function time(us: number): Variant {
  if (us <= 0) return scalar(DataType.DateTime, new Date(Date.UTC(1601, 0, 1)));
  const date = new Date(Math.floor(us / 1000));
  return scalar(DataType.DateTime, Object.assign(date, { picoseconds: picosecondsOf(us) }));
}
