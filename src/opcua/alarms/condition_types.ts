import { NodeId } from "node-opcua";
import type { AlarmKind } from "../../alarms/alarms.ts";

/** What a kind of alarm is in OPC UA. */
export interface ConditionType {
  /** The ObjectType of its condition, which is the EventType of its events. */
  readonly typeId: NodeId;
  /** Name of the type in the standard. */
  readonly typeName: string;
  /** Whose business it is (OPC 10000-9 §5.9). */
  readonly classId: NodeId;
  readonly className: string;
  /** ConditionName of all of the kind; `null` for the gateway's own, which are named by their id. */
  readonly conditionName: string | null;
}

const process = { classId: standard(11_164), className: "ProcessConditionClassType" };
const maintenance = { classId: standard(11_165), className: "MaintenanceConditionClassType" };
const system = { classId: standard(11_166), className: "SystemConditionClassType" };
const systemOffNormal = { typeId: standard(11_753), typeName: "SystemOffNormalAlarmType" };

/**
 * The standard's type for each kind. A limit alarm is of the exclusive *level* type, a subtype of ExclusiveLimitAlarmType
 * without additions: what it watches is the level of the value itself. A device that is not heard is a fault of an
 * instrument; a source of many devices, and storage, are systems below the server (OPC 10000-9 §5.8.24).
 */
export const conditionTypes: Readonly<Record<AlarmKind, ConditionType>> = {
  limit: { typeId: standard(9482), typeName: "ExclusiveLevelAlarmType", conditionName: "Limit", ...process },
  off_normal: { typeId: standard(10_637), typeName: "OffNormalAlarmType", conditionName: "OffNormal", ...process },
  stale_device: {
    typeId: standard(18_347),
    typeName: "InstrumentDiagnosticAlarmType",
    conditionName: "NotHeard",
    ...maintenance,
  },
  source_outage: { ...systemOffNormal, conditionName: null, ...system },
  certificate_expiry: {
    typeId: standard(13_225),
    typeName: "CertificateExpirationAlarmType",
    conditionName: null,
    ...system,
  },
  storage: { ...systemOffNormal, conditionName: null, ...system },
};

/** A node of the standard's namespace by its number. */
export function standard(value: number): NodeId {
  return new NodeId(NodeId.NodeIdType.NUMERIC, value, 0);
}
