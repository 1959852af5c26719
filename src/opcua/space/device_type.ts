import type { Namespace, UAObjectType } from "node-opcua";
import { READ_ONLY } from "./folders.ts";

const ID = "$type/LoRaWANDeviceType";

/**
 * The type of every device object: a folder, so that clients which only know folders open it, with the device's own
 * properties, its online state and a folder of radio diagnostics.
 */
export function addDeviceType(namespace: Namespace): UAObjectType {
  const type = namespace.addObjectType({ nodeId: `s=${ID}`, browseName: "LoRaWANDeviceType", subtypeOf: "FolderType" });
  for (const name of ["DevEUI", "ApplicationName"]) {
    namespace.addVariable({
      nodeId: `s=${ID}/${name}`,
      browseName: name,
      propertyOf: type,
      dataType: "String",
      modellingRule: "Mandatory",
      ...READ_ONLY,
    });
  }
  namespace.addVariable({
    nodeId: `s=${ID}/Online`,
    browseName: "Online",
    componentOf: type,
    dataType: "Boolean",
    modellingRule: "Optional",
    ...READ_ONLY,
  });
  namespace.addObject({
    nodeId: `s=${ID}/Diagnostics`,
    browseName: "Diagnostics",
    componentOf: type,
    typeDefinition: "FolderType",
    modellingRule: "Optional",
  });
  return type;
}
