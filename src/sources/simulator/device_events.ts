import { Buffer } from "node:buffer";
import type { QueueItem, SentDownlink } from "./downlink_queue.ts";
import type { DeviceEvent } from "./event_log.ts";
import type { JsonObject } from "./json_object.ts";
import { toEventTime } from "./event_time.ts";
import { modulation, type Transmission } from "./radio.ts";

/** An event before the log gives it an id. */
export type NewEvent = Omit<DeviceEvent, "id">;

/** What every event says of its device (`integration.DeviceInfo`). */
export interface DeviceInfo extends JsonObject {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly applicationId: string;
  readonly applicationName: string;
  readonly deviceProfileId: string;
  readonly deviceProfileName: string;
  readonly deviceName: string;
  readonly devEui: string;
  readonly deviceClassEnabled: "CLASS_A" | "CLASS_C";
  readonly tags: JsonObject;
}

/** An uplink as the network server decoded it. */
export interface Uplink {
  readonly deduplicationId: string;
  readonly timeUs: number;
  readonly devAddr: string;
  readonly fCnt: number;
  readonly fPort: number;
  readonly data: Uint8Array;
  /** `null`: the codec failed. */
  readonly object: JsonObject | null;
  readonly uplinkId: number;
  readonly transmission: Transmission;
}

const regionMetadata = { region_config_id: "eu868", region_common_name: "EU868" };

/** `up`. All fields of ChirpStack's own messages are written, also those with a default value; a missing object is not. */
export function uplinkEvent(device: DeviceInfo, uplink: Uplink): NewEvent {
  const { transmission } = uplink;
  return {
    type: "up",
    timeUs: uplink.timeUs,
    properties: {
      DR: `${transmission.dr}`,
      FPort: `${uplink.fPort}`,
      FCnt: `${uplink.fCnt}`,
      Data: Buffer.from(uplink.data).toString("hex"),
    },
    body: () => ({
      deduplicationId: uplink.deduplicationId,
      time: toEventTime(uplink.timeUs),
      deviceInfo: device,
      devAddr: uplink.devAddr,
      adr: true,
      dr: transmission.dr,
      fCnt: uplink.fCnt,
      fPort: uplink.fPort,
      confirmed: false,
      data: Buffer.from(uplink.data).toString("base64"),
      ...(uplink.object === null ? {} : { object: uplink.object }),
      rxInfo: transmission.receptions.map((reception, index) => ({
        gatewayId: reception.gatewayId,
        uplinkId: uplink.uplinkId + index,
        nsTime: toEventTime(uplink.timeUs),
        rssi: reception.rssi,
        snr: reception.snr,
        location: {},
        context: "AAAAAA==",
        metadata: regionMetadata,
        crcStatus: "CRC_OK",
      })),
      txInfo: { frequency: transmission.frequencyHz, modulation: modulation(transmission.dr) },
      regionConfigId: "eu868",
    }),
  };
}

/** `join`: sent with the first uplink of a new session. */
export function joinEvent(device: DeviceInfo, timeUs: number, deduplicationId: string, devAddr: string): NewEvent {
  return {
    type: "join",
    timeUs,
    properties: { DevAddr: devAddr },
    body: () => ({ deduplicationId, time: toEventTime(timeUs), deviceInfo: device, devAddr }),
  };
}

/** A device's answer to a status request. */
export interface DeviceStatus {
  /** Demodulation margin of the last request, dB, -32 to 31. */
  readonly margin: number;
  /** 0 to 100. */
  readonly batteryPercent: number;
  readonly externalPower: boolean;
}

/** `status`. */
export function statusEvent(
  device: DeviceInfo,
  timeUs: number,
  deduplicationId: string,
  status: DeviceStatus,
): NewEvent {
  return {
    type: "status",
    timeUs,
    properties: {
      "Margin": `${status.margin}`,
      "Battery level": `${status.batteryPercent.toFixed(0)}%`,
      "Battery level unavailable": "false",
      "External power source": `${status.externalPower}`,
    },
    body: () => ({
      deduplicationId,
      time: toEventTime(timeUs),
      deviceInfo: device,
      margin: status.margin,
      externalPowerSource: status.externalPower,
      batteryLevelUnavailable: false,
      batteryLevel: status.batteryPercent,
    }),
  };
}

/** `txack`: the gateway took a downlink for transmission. */
export function txAckEvent(device: DeviceInfo, sent: SentDownlink, downlinkId: number, heard: Transmission): NewEvent {
  return {
    type: "txack",
    timeUs: sent.timeUs,
    properties: {},
    body: () => ({
      downlinkId,
      time: toEventTime(sent.timeUs),
      deviceInfo: device,
      queueItemId: sent.id,
      fCntDown: sent.fCntDown,
      gatewayId: heard.receptions[0].gatewayId,
      txInfo: {
        frequency: heard.frequencyHz,
        power: 14,
        modulation: {
          lora: { ...(modulation(heard.dr)["lora"] as JsonObject), polarizationInversion: true },
        },
        timing: { delay: { delay: "1s" } },
        context: "AAAAAA==",
      },
    }),
  };
}

/** `ack`: the device acknowledged a confirmed downlink, or its next uplink came without. */
export function ackEvent(
  device: DeviceInfo,
  timeUs: number,
  deduplicationId: string,
  item: QueueItem,
  acknowledged: boolean,
): NewEvent {
  return {
    type: "ack",
    timeUs,
    properties: {},
    body: () => ({
      deduplicationId,
      time: toEventTime(timeUs),
      deviceInfo: device,
      queueItemId: item.id,
      acknowledged,
      fCntDown: item.fCntDown ?? 0,
    }),
  };
}

/** `log`: ChirpStack has something to say about the device. */
export function logEvent(
  device: DeviceInfo,
  timeUs: number,
  log: { readonly level: "INFO" | "WARNING" | "ERROR"; readonly code: string; readonly description: string },
  context: Readonly<Record<string, string>>,
): NewEvent {
  return {
    type: "log",
    timeUs,
    properties: { Level: log.level, Code: log.code },
    body: () => ({ time: toEventTime(timeUs), deviceInfo: device, ...log, context }),
  };
}
