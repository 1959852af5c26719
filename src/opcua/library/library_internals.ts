import type { Server, Socket } from "node:net";
import {
  type AddressSpace,
  type BrowseDescriptionOptions,
  type BrowseResult,
  type CallMethodRequest,
  type CallMethodResultOptions,
  type DataValue,
  type HistoryReadRequest,
  type HistoryReadResult,
  type ISessionContext,
  MonitoredItem,
  type MonitoredItemNotification,
  type OPCUAServer,
  type ReadRequestOptions,
  type ServerSession,
  StatusCode,
  type UAVariable,
} from "node-opcua";

import { peerAddress } from "../../config/address.ts";

/**
 * The few parts of node-opcua that its public types hide and that this room stands on. Everything that reaches behind
 * the library's face is here, so that a new version has one place to be checked against. Versions are pinned exactly.
 */

/** A variable with the value it serves. */
export interface LiveVariable extends UAVariable {
  /** Replaced, never changed in place: monitored items keep the objects they were given. */
  $dataValue: DataValue;
}

/** The object behind `engine.addressSpaceAccessor`, which answers the services that touch nodes. */
export interface SpaceAccessor {
  read(context: ISessionContext, request: ReadRequestOptions): Promise<DataValue[]>;
  historyRead(context: ISessionContext, request: HistoryReadRequest): Promise<HistoryReadResult[]>;
  callMethod(context: ISessionContext, request: CallMethodRequest): Promise<CallMethodResultOptions>;
  browseNode(description: BrowseDescriptionOptions, context?: ISessionContext): Promise<BrowseResult>;
}

interface Engine {
  addressSpace: AddressSpace | null;
  addressSpaceAccessor: SpaceAccessor | null;
  serverDiagnosticsEnabled: boolean;
  _sessions: Record<string, ServerSession>;
  _globalCounter: { totalMonitoredItemCount: number };
  /** What the nodes of `HistoryServerCapabilities` show (OPC 10000-11 §5.4.2). */
  historyServerCapabilities: {
    accessHistoryDataCapability: boolean;
    maxReturnDataValues: number;
    accessHistoryEventsCapability: boolean;
    maxReturnEventValues: number;
  };
  closeSession(token: unknown, deleteSubscriptions: boolean, reason: "Forcing" | "Terminated"): void;
}

/** The server's engine, typed as far as this room uses it. */
export function engineOf(server: OPCUAServer): Engine {
  return server.engine as unknown as Engine;
}

/** The services that touch nodes; there from `initialize()` on. */
export function accessorOf(server: OPCUAServer): SpaceAccessor {
  const accessor = engineOf(server).addressSpaceAccessor;
  if (accessor === null) throw new Error("Cannot reach the address space as the server is not initialised");
  return accessor;
}

/** Monitored items of all sessions. */
export function monitoredItemsOf(server: OPCUAServer): number {
  return engineOf(server)._globalCounter.totalMonitoredItemCount;
}

/** All sessions, in the order of their creation. */
export function sessionsOf(server: OPCUAServer): ServerSession[] {
  return Object.values(engineOf(server)._sessions);
}

interface EndpointChannel {
  readonly hasSession: boolean;
  readonly remoteAddress: string;
}

/** Open channels and connections on their way to one, the oldest first, and how many there may be. */
export function channelsOf(server: OPCUAServer): { readonly open: readonly EndpointChannel[]; readonly most: number } {
  const endpoint = server.endpoints[0];
  const open = (endpoint?.getChannels() ?? []) as unknown as EndpointChannel[];
  return { open, most: endpoint?.maxConnections ?? 0 };
}

/** The TCP listener of the server's one port. */
export function listenerOf(server: OPCUAServer): Server {
  return (server.endpoints[0] as unknown as { _server: Server })._server;
}

/**
 * Puts a test before every accepted connection. A refused socket is destroyed before node-opcua sees it.
 *
 * node-opcua registers its own `connection` handler when it makes the listener, so it must be taken off and called from
 * here: a listener that merely runs first could not keep it from starting a channel on a dead socket.
 *
 * @param onFault told of bytes that node-opcua threw at; their connection is already gone
 */
export function guardConnections(
  server: OPCUAServer,
  accept: (socket: Socket) => boolean,
  onFault: (address: string, error: unknown) => void,
): void {
  const listener = listenerOf(server);
  const own = listener.listeners("connection") as ((socket: Socket) => void)[];
  listener.removeAllListeners("connection");
  listener.on("connection", (socket: Socket) => {
    if (!accept(socket)) {
      socket.destroy();
      return;
    }
    // a socket forgets its peer when it closes
    const address = peerAddress(socket.remoteAddress);
    containFaults(socket, (error) => onFault(address, error));
    for (const handle of own) handle.call(listener, socket);
  });
}

/**
 * Ends a connection at whose bytes node-opcua throws. What is thrown in a socket's event is nobody's to catch and would
 * end the process: a Hello and a chunk of a wrong size in one segment are enough, as the assembler that goes on with the
 * second has lost its listeners by then.
 */
export function containFaults(socket: Socket, onFault: (error: unknown) => void): void {
  const addListener = socket.on.bind(socket) as (event: string, listener: (...args: unknown[]) => void) => Socket;
  const contained = (event: string, listener: (...args: unknown[]) => void) =>
    addListener(
      event,
      event !== "data" ? listener : (...args) => {
        try {
          listener.apply(socket, args);
        } catch (error) {
          socket.destroy();
          onFault(error);
        }
      },
    );
  socket.on = socket.addListener = contained as Socket["on"];
}

/**
 * node-opcua sets the overflow bits of a full queue only on a Good value and throws on any other, in the middle of the
 * push. OPC 10000-4 §7.22 asks for the bits on whatever status the entry has.
 */
export function mendOverflowBit(): void {
  const prototype = MonitoredItem.prototype as unknown as {
    _setOverflowBit(this: MonitoredItem, notification: unknown): void;
  };
  prototype._setOverflowBit = function (this: MonitoredItem, notification: unknown): void {
    const value = (notification as Partial<MonitoredItemNotification>).value;
    if (value !== undefined) {
      value.statusCode = StatusCode.makeStatusCode(value.statusCode, "Overflow | InfoTypeDataValue");
    }
    const diagnostics = this.$subscription?.subscriptionDiagnostics;
    if (diagnostics) diagnostics.monitoringQueueOverflowCount++;
  };
}

interface SampledItem {
  readonly node: LiveVariable | null;
  readonly _samplingId?: unknown;
  _on_sampling_timer(): void;
  _on_value_changed(value: DataValue): void;
  /** The value that the last sample saw. */
  $sampled?: DataValue;
}

let sampledNamespace = -1;

/**
 * Samples variables of one namespace by looking whether their value object is still the same. Every change there puts a
 * new object in place, so an unchanged variable costs a comparison instead of an asynchronous read of eight closures.
 */
export function sampleByIdentity(namespaceIndex: number): void {
  const patched = sampledNamespace >= 0;
  sampledNamespace = namespaceIndex;
  if (patched) return;
  const prototype = MonitoredItem.prototype as unknown as SampledItem;
  const sampleByReading = prototype._on_sampling_timer;
  prototype._on_sampling_timer = function (this: SampledItem): void {
    const { node } = this;
    if (node === null || node.nodeId.namespace !== sampledNamespace || !this._samplingId) {
      sampleByReading.call(this);
      return;
    }
    const value = node.$dataValue;
    if (value === this.$sampled) return;
    this.$sampled = value;
    this._on_value_changed(value.clone());
  };
}
