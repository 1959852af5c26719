import type { Alarm, AlarmEvent } from "../alarms/alarms.ts";
import type { PairingInfo, TokenInfo, UserInfo } from "../access/access.ts";
import type { DeviceDefinition } from "../config/topology.ts";
import { qualityCause, type QualityCode, qualityName, severityOf } from "../tags/quality.ts";
import type { Tag, Value } from "../tags/tag.ts";
import type { TagStore } from "../tags/tag_store.ts";
import type { FeedEntry } from "../telemetry/event_feed.ts";
import type { ActiveFault } from "../telemetry/fault_board.ts";
import type { GatewayStatus, RoleStatus } from "../telemetry/status.ts";
import { formatTime, formatTimeOrNull } from "../telemetry/time_text.ts";
import type { ListedCertificate, ListedCrl } from "./client_certificates.ts";

/** The gateway's status as operations answer it: times as text, no paths of the machine. */
export function viewStatus(status: GatewayStatus) {
  const { opcua, history } = status;
  return {
    role: "gateway" as const,
    ...viewRoleStatus(status),
    sources: status.sources.map(({ sinceUs, lastEventUs, ...source }) => ({
      ...source,
      since: formatTime(sinceUs),
      lastEvent: formatTimeOrNull(lastEventUs),
    })),
    tags: { ...status.tags },
    opcua: opcua === null ? null : viewOpcUa(opcua),
    history: {
      fileBytes: history.fileBytes,
      series: history.series,
      rowsWritten: history.rowsWritten,
      rowsPending: history.rowsPending,
      rowsPruned: history.rowsPruned,
      lastWrite: formatTimeOrNull(history.lastWriteUs),
      lastBackup: formatTimeOrNull(history.lastBackupUs),
      integrity: history.integrity,
    },
    alarms: { ...status.alarms },
    commands: { ...status.commands },
  };
}

/** What every role tells of itself. */
export function viewRoleStatus(status: RoleStatus) {
  const { id, name, site, version, verdict, summary, process } = status;
  return {
    id,
    name,
    site,
    version,
    started: formatTime(status.startedUs),
    now: formatTime(status.nowUs),
    verdict,
    summary,
    faults: status.faults.map(viewFault),
    process: { ...process },
  };
}

function viewOpcUa({ certificateNotAfterUs, ...opcua }: NonNullable<GatewayStatus["opcua"]>) {
  return {
    ...opcua,
    endpoints: [...opcua.endpoints],
    securityPolicies: [...opcua.securityPolicies],
    certificateNotAfter: formatTimeOrNull(certificateNotAfterUs),
  };
}

/** A present fault. */
export function viewFault({ sinceUs, ...fault }: ActiveFault) {
  return { ...fault, since: formatTime(sinceUs) };
}

/** An entry of the event feed. */
export function viewEvent({ timeUs, ...entry }: FeedEntry) {
  return { ...entry, time: formatTime(timeUs) };
}

/** A tag with its newest sample. */
export function viewTag(tag: Tag, tags: TagStore, device: DeviceDefinition | undefined) {
  const { type, dataType, unit } = tag.definition;
  return {
    ...viewChange(tag),
    device: device?.name ?? null,
    application: device?.applicationName ?? null,
    type,
    dataType,
    unit,
    forced: tags.isForced(tag.id),
  };
}

/** What changes about a tag. */
export function viewChange(tag: Tag) {
  return {
    id: tag.id,
    value: viewValue(tag.value),
    quality: viewQuality(tag.quality),
    sourceTime: formatTimeOrNull(tag.sourceTimeUs),
    serverTime: formatTime(tag.serverTimeUs),
  };
}

function viewQuality(quality: QualityCode) {
  return {
    code: quality >>> 0,
    name: qualityName(quality),
    severity: severityOf(quality),
    cause: qualityCause(quality),
  };
}

/** The state of an alarm. */
export function viewAlarm(alarm: Alarm) {
  const { activeSinceUs, inactiveSinceUs, acknowledgedUs, confirmedUs, timeUs, eventId, ...shown } = alarm;
  const { shelving, comment } = alarm;
  return {
    ...shown,
    value: viewValue(alarm.value),
    quality: viewQuality(alarm.quality),
    shelving: { kind: shelving.kind, until: shelving.kind === "timed" ? formatTime(shelving.untilUs) : null },
    comment: comment === null ? null : { text: comment.text, by: comment.by, time: formatTime(comment.timeUs) },
    event: timeUs === 0 ? null : eventId,
    time: formatTimeOrNull(timeUs),
    activeSince: formatTimeOrNull(activeSinceUs),
    inactiveSince: formatTimeOrNull(inactiveSinceUs),
    acknowledgedAt: formatTimeOrNull(acknowledgedUs),
    confirmedAt: formatTimeOrNull(confirmedUs),
  };
}

/** An event of an alarm. */
export function viewAlarmEvent({ sequence, cause, by, alarm }: AlarmEvent) {
  return { sequence, cause, by, alarm: viewAlarm(alarm) };
}

/** JSON has no NaN and no infinity: such a number is shown as `null`. */
export function viewValue(value: Value): Value {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

/** A user, without anything secret. */
export function viewUser({ name, role, disabled, source, certificates, ...times }: UserInfo) {
  return {
    name,
    role,
    disabled,
    source,
    created: formatTimeOrNull(times.createdUs),
    lastUsed: formatTimeOrNull(times.lastUsedUs),
    passwordChanged: formatTimeOrNull(times.passwordChangedUs),
    certificates: [...certificates],
  };
}

/** A token, without its secret. */
export function viewToken({ id, kind, label, role, createdBy, lastAddress, ...times }: TokenInfo) {
  return {
    id,
    kind,
    label,
    role,
    created: formatTime(times.createdUs),
    createdBy,
    expires: formatTimeOrNull(times.expiresUs),
    lastUsed: formatTimeOrNull(times.lastUsedUs),
    lastAddress,
  };
}

/** An open pairing code, without the code. */
export function viewPairing({ id, role, label, createdBy, wrongTries, createdUs, expiresUs }: PairingInfo) {
  return { id, role, label, created: formatTime(createdUs), createdBy, expires: formatTime(expiresUs), wrongTries };
}

/** A certificate. */
export function viewCertificate(facts: ListedCertificate) {
  const { subject, issuer, names, notBeforeUs, notAfterUs, fingerprint } = facts;
  return {
    subject,
    issuer,
    names: [...names],
    notBefore: formatTime(notBeforeUs),
    notAfter: formatTime(notAfterUs),
    fingerprint,
  };
}

/** A revocation list. */
export function viewCrl({ issuer, revoked, thisUpdateUs, nextUpdateUs, fingerprint }: ListedCrl) {
  return {
    issuer,
    revoked,
    thisUpdate: formatTime(thisUpdateUs),
    nextUpdate: formatTimeOrNull(nextUpdateUs),
    fingerprint,
  };
}
