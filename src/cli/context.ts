/** What commands need to know of the program around them. Only the root module can find it out. */
export interface CliContext {
  /** Entry modules of the roles' workers. */
  readonly gatewayEntry: URL;
  readonly agentEntry: URL;
  readonly hubEntry: URL;
  readonly simulatorEntry: URL;
  /** The module that works on OPC UA certificates without a gateway. */
  readonly opcuaPkiEntry: URL;
  /** Where the program's own files lie. */
  readonly codePaths: readonly string[];
}
