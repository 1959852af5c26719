import { getLogger } from "@logtape/logtape";
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import applicationGrpc from "@chirpstack/chirpstack-api/api/application_grpc_pb.js";
import deviceGrpc from "@chirpstack/chirpstack-api/api/device_grpc_pb.js";
import profileGrpc from "@chirpstack/chirpstack-api/api/device_profile_grpc_pb.js";
import internalGrpc from "@chirpstack/chirpstack-api/api/internal_grpc_pb.js";
import tenantGrpc from "@chirpstack/chirpstack-api/api/tenant_grpc_pb.js";
import type { SimulatorStartOptions } from "../../supervisor/role_protocol.ts";
import type { DeviceStatus } from "./device_events.ts";
import type { SentDownlink } from "./downlink_queue.ts";
import { type FaultInjection, faultInjection, noFaults } from "./fault_injection.ts";
import type { FleetDevice } from "./fleet.ts";
import type { JsonObject } from "./json_object.ts";
import { Listener } from "./listener.ts";
import { type Random, seededRandom } from "./seeded_random.ts";
import { applicationService } from "./services/application_service.ts";
import { deviceProfileService } from "./services/device_profile_service.ts";
import { deviceService } from "./services/device_service.ts";
import { internalService } from "./services/internal_service.ts";
import type { ServiceContext } from "./services/rpc.ts";
import { tenantService } from "./services/tenant_service.ts";
import { Traffic } from "./traffic.ts";
import type { VirtualDevice } from "./virtual_device.ts";
import { createNetwork } from "./virtual_network.ts";

const log = getLogger(["edgekeep", "simulator"]);

/** How a simulator is started. */
export interface SimulatorOptions extends SimulatorStartOptions {
  /** The real time, µs. Default: the machine's clock. */
  readonly nowUs?: () => number;
  /** Jitter of the traffic. Default: always the same sequence. */
  readonly random?: Random;
  /** Events that the log of a device keeps (ChirpStack: `per_device_event_log_max_history`). Default 10. */
  readonly retainedEvents?: number;
  /** Frames of the past that each device has sent before the start. Default: 10 with traffic of its own, else 0. */
  readonly history?: number;
  /** Calls that one connection may have open; all beyond wait, without an answer. Default 200. */
  readonly streamsPerConnection?: number;
}

/** A running simulator: a ChirpStack v4 look-alike with its field of devices. */
export interface Simulator {
  /** `http://127.0.0.1:<port>`, for `server_address`. */
  readonly url: string;
  readonly devices: readonly FleetDevice[];
  /** UUID of the one tenant. */
  readonly tenantId: string;
  readonly inject: FaultInjection;
  /** Open TCP connections. */
  readonly connections: number;
  /** A device sends now (or at `timeUs`), with that decoded object; `null`: the codec could not decode the frame. */
  sendUplink(devEui: string, object: unknown, options?: { timeUs?: number; fPort?: number }): void;
  /** A device answers a status request. */
  sendStatus(devEui: string, status: DeviceStatus): void;
  /** A device joins anew: its frame counters begin at 0. */
  sendJoin(devEui: string): void;
  /** The downlinks that a device received, oldest first. */
  downlinks(devEui: string): readonly SentDownlink[];
  /** Sends every frame of the devices' own traffic that is due by the injected clock; returns how many. */
  runDue(): number;
  stop(): Promise<void>;
}

/** Starts the simulator. Rejects with `code` EADDRINUSE when the port is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { hostname, port, apiToken, intervalMs, retainedEvents = 10, streamsPerConnection = 200 } = options;
  const { history = intervalMs > 0 ? 10 : 0, random = seededRandom("traffic") } = options;
  const realNowUs = options.nowUs ?? (() => Math.floor((performance.timeOrigin + performance.now()) * 1000));
  const faults = noFaults();
  const nowUs = () => realNowUs() + faults.clockSkewMs * 1000;
  const network = createNetwork({ devices: options.devices, retainedEvents, faults, nowUs });
  for (const device of network.devices.values()) sendHistory(device, nowUs(), history, intervalMs);

  const timers = new Set<ReturnType<typeof setTimeout>>();
  const later = (delayMs: number, run: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, delayMs);
    timers.add(timer);
    return () => {
      clearTimeout(timer);
      timers.delete(timer);
    };
  };

  const server = createServer({ network, apiToken, faults, nowUs, later }, streamsPerConnection);
  const connections = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = new Listener(hostname, port, (socket) => connections.injectConnection(socket));
  await listener.start();

  const senders = [...network.devices.values()].map((device) => ({
    send: (timeUs: number) => device.sendOwn(timeUs + faults.clockSkewMs * 1000),
  }));
  const traffic = new Traffic(intervalMs > 0 ? senders : [], { intervalMs, nowUs: realNowUs, random });
  if (intervalMs > 0 && options.nowUs === undefined) traffic.start();
  log.info("Simulated ChirpStack with {devices} devices listens on {hostname}:{port}", {
    event: "simulator_listening",
    devices: network.devices.size,
    hostname,
    port: listener.port,
  });

  const deviceOf = (devEui: string): VirtualDevice => {
    const device = network.devices.get(devEui.toLowerCase());
    if (device === undefined) throw new RangeError(`Cannot find the simulated device '${devEui}'`);
    return device;
  };
  return {
    url: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${listener.port}`,
    devices: network.fleet,
    tenantId: network.tenant.id,
    get connections() {
      return listener.connections;
    },
    inject: faultInjection(faults, listener),
    sendUplink: (devEui, object, { timeUs = nowUs(), fPort = 1 } = {}) => {
      deviceOf(devEui).send(timeUs, { fPort, data: new Uint8Array([0]), object: object as JsonObject | null });
    },
    sendStatus: (devEui, status) => deviceOf(devEui).answerStatus(nowUs(), status),
    sendJoin: (devEui) => deviceOf(devEui).join(nowUs()),
    downlinks: (devEui) => deviceOf(devEui).received,
    runDue: () => traffic.runDue(),
    stop: async () => {
      traffic.stop();
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      await listener.stop();
      connections.destroy();
      server.forceShutdown();
    },
  };
}

function createServer(context: ServiceContext, streamsPerConnection: number): Server {
  const server = new Server({ "grpc.max_concurrent_streams": streamsPerConnection });
  server.addService(asUntyped(tenantGrpc.TenantServiceService), tenantService(context));
  server.addService(asUntyped(applicationGrpc.ApplicationServiceService), applicationService(context));
  server.addService(asUntyped(profileGrpc.DeviceProfileServiceService), deviceProfileService(context));
  server.addService(asUntyped(deviceGrpc.DeviceServiceService), deviceService(context));
  server.addService(asUntyped(internalGrpc.InternalServiceService), internalService(context));
  return server;
}

// the services implement the methods that the gateway calls; grpc-js answers the others with UNIMPLEMENTED
function asUntyped(service: unknown): ServiceDefinition {
  return service as ServiceDefinition;
}

/** The past of a device, so that a fresh start has something to show: frames up to one interval ago. */
function sendHistory(device: VirtualDevice, nowUs: number, frames: number, intervalMs: number): void {
  const stepUs = (intervalMs > 0 ? intervalMs : 60_000) * 1000;
  for (let back = frames; back > 0; back--) device.sendOwn(Math.floor(nowUs - back * stepUs));
}
