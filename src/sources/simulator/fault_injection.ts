/** What can go wrong with a server, set while it runs. All off at first. */
export interface FaultInjection {
  /** Every answer and every event comes so late, ms. */
  latencyMs: number;
  /** The server's clock is so far ahead of the real one, ms; negative: behind. */
  clockSkewMs: number;
  /** Decoded objects hold values of other types than the device's codec gives. */
  wrongTypes: boolean;
  /** Events carry a body that is no JSON. */
  garbageBody: boolean;
  /** Events are logged but never reach the streams that are open, without a word. */
  dropEvents: boolean;
  /** The event log is off, as with `per_device_event_log_max_history = 0`: streams open and stay silent. */
  eventLogOff: boolean;
  /** Devices do not acknowledge confirmed downlinks. */
  missAcks: boolean;
  /** Gateways send downlinks and never tell the server, which sends the same frame again after the next uplink. */
  missTxAcks: boolean;
  /** Gateways refuse to send: a line in the log, and the item stays in the queue. */
  gatewaysRefuse: boolean;
  /** Downlinks are enqueued, and nobody hears of it: the call never ends by itself. */
  loseEnqueueAnswers: boolean;
  /** Downlinks are enqueued so late, ms, whether the caller still waits or not. */
  enqueueDelayMs: number;
  /** Downlinks are enqueued at once and answered so late, ms. */
  enqueueAnswerDelayMs: number;
  /** Connections are accepted, and nothing ever answers: as a host behind a dead link. Ends with false. */
  halfOpen: boolean;
  /** Stops listening and resets every connection: connecting is refused until `resume`. */
  refuse(): Promise<void>;
  /** Listens again on the same port. */
  resume(): Promise<void>;
  /** Resets every open connection (TCP RST) and goes on listening. */
  resetConnections(): void;
}

/** The switches that the devices and the services look at. */
export type FaultSwitches = Pick<
  FaultInjection,
  | "latencyMs"
  | "clockSkewMs"
  | "wrongTypes"
  | "garbageBody"
  | "dropEvents"
  | "eventLogOff"
  | "missAcks"
  | "missTxAcks"
  | "gatewaysRefuse"
  | "loseEnqueueAnswers"
  | "enqueueDelayMs"
  | "enqueueAnswerDelayMs"
>;

/** All faults off. */
export function noFaults(): FaultSwitches {
  return {
    latencyMs: 0,
    clockSkewMs: 0,
    wrongTypes: false,
    garbageBody: false,
    dropEvents: false,
    eventLogOff: false,
    missAcks: false,
    missTxAcks: false,
    gatewaysRefuse: false,
    loseEnqueueAnswers: false,
    enqueueDelayMs: 0,
    enqueueAnswerDelayMs: 0,
  };
}

/** The connections that {@link faultInjection} can spoil. */
interface Connections {
  halfOpen: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  reset(): void;
}

/** The handle by which a test spoils a running server: the switches themselves, and the network below them. */
export function faultInjection(switches: FaultSwitches, connections: Connections): FaultInjection {
  const network = {
    refuse: () => connections.stop(),
    resume: () => connections.start(),
    resetConnections: () => connections.reset(),
    get halfOpen() {
      return connections.halfOpen;
    },
    set halfOpen(on: boolean) {
      connections.halfOpen = on;
    },
  };
  // the services look at the very object that the test sets
  return Object.defineProperties(switches, Object.getOwnPropertyDescriptors(network)) as FaultInjection;
}
