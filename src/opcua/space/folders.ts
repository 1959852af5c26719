import { makeAccessLevelFlag, type Namespace, type UAObject } from "node-opcua";

/** Access of nodes that are neither written nor historised. */
export const READ_ONLY = {
  accessLevel: makeAccessLevelFlag("CurrentRead"),
  userAccessLevel: makeAccessLevelFlag("CurrentRead"),
  minimumSamplingInterval: 0,
};

/**
 * Adds a folder `id` below `parent`. It carries a NodeVersion, so that adding and removing what it holds is told to
 * clients by a model change event (OPC 10000-5 §6.4.32).
 */
export function addFolder(namespace: Namespace, parent: UAObject, id: string, name: string): UAObject {
  const folder = namespace.addFolder(parent, { nodeId: `s=${id}`, browseName: name });
  addNodeVersion(namespace, folder, id);
  return folder;
}

/** Gives an object the property that counts changes of what it holds. */
export function addNodeVersion(namespace: Namespace, object: UAObject, id: string): void {
  const version = namespace.addVariable({
    nodeId: `s=${id}/$NodeVersion`,
    browseName: { name: "NodeVersion", namespaceIndex: 0 },
    propertyOf: object,
    dataType: "String",
    ...READ_ONLY,
  });
  version.setValueFromSource({ dataType: "String", value: "1" });
}
