import type { AddressSpace, ISessionContext, Namespace, ServerSession, UAMethod, UAObject } from "node-opcua";
import { getLogger } from "@logtape/logtape";
import type { Caller } from "../../access/principal.ts";
import type { OperationAnswer, Operations } from "../../operations/operation.ts";
import { sessionOf } from "../library/session_roles.ts";
import type { SpaceRequests } from "../library/space_requests.ts";
import { addCommandMethods, sendByMethod } from "./command_methods.ts";
import { CommandNodes, type DeviceObjects, type ShownCommands } from "./command_nodes.ts";
import { type JudgedMethod, serveCommandRequests } from "./command_service.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** What commands need of the server around them. */
export interface ServeCommandsOptions {
  readonly space: AddressSpace;
  readonly namespace: Namespace;
  /** The folder `Gateway`, which gets the methods. */
  readonly gatewayFolder: UAObject;
  readonly devices: DeviceObjects;
  readonly requests: SpaceRequests;
  readonly commands: ShownCommands;
  readonly operations: Pick<Operations, "call">;
  readonly callerOf: (session: ServerSession) => Caller;
}

/** Commands that are served. */
export interface ServedCommands {
  /** Resolves when the nodes show what is defined. */
  settled(): Promise<void>;
  stop(): void;
}

/** Serves commands as variables that are written, as methods, and as what became of them. */
export function serveCommands(options: ServeCommandsOptions): ServedCommands {
  const { space, namespace, gatewayFolder, devices, requests, commands, operations, callerOf } = options;
  const stopping = new AbortController();
  const ask = (name: string, params: unknown, context: ISessionContext): Promise<OperationAnswer> => {
    const session = sessionOf(context);
    if (session === undefined) {
      return Promise.resolve({ ok: false, code: "unauthenticated", message: "There is no session" });
    }
    return operations.call(name, params, callerOf(session as ServerSession), stopping.signal);
  };
  const nodes = new CommandNodes({
    space,
    namespace,
    devices,
    commands,
    send: (definition, inputs, context) => sendByMethod(definition, inputs, context, ask),
  });
  nodes.addAll();
  const methods = new Map(
    addCommandMethods(namespace, gatewayFolder, ask).map((judged) => [judged.method.nodeId.toString(), judged]),
  );
  const methodOfCommand = (nodeId: string): JudgedMethod | undefined => {
    const id = /^ns=\d+;s=(.+)\/\$send$/.exec(nodeId)?.[1];
    const node = id === undefined ? undefined : nodes.get(id);
    const method = node === undefined ? null : space.findNode(nodeId) as UAMethod | null;
    if (node === undefined || method === null) return undefined;
    const { devEui: device, name: command } = node.definition;
    return { method, operation: "commands.send", target: () => ({ device, command }) };
  };
  serveCommandRequests({
    requests,
    namespaceIndex: namespace.index,
    nodes,
    methodOf: (nodeId) => methods.get(nodeId) ?? methodOfCommand(nodeId),
    ask,
  });
  const unsubscribe = [
    commands.onDefinitions(() => nodes.apply()),
    commands.subscribe((command) => {
      try {
        nodes.show(command);
      } catch (error) {
        // what the nodes cannot show must not keep the command from going on
        const reason = error instanceof Error ? error.message : String(error);
        log.error("Cannot show a command: {reason}", { event: "opcua_node_failed", reason });
      }
    }),
  ];
  return {
    settled: () => nodes.settled(),
    stop: () => {
      stopping.abort();
      for (const undo of unsubscribe) undo();
      nodes.stop();
    },
  };
}
