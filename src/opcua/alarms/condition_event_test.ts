import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  AddressSpace,
  AttributeIds,
  DataType,
  extractEventFields,
  generateAddressSpace,
  NodeClass,
  nodesets,
  SessionContext,
  SimpleAttributeOperand,
} from "node-opcua";
import { newAlarm } from "../../alarms/alarm_state.ts";
import { Quality } from "../../tags/quality.ts";
import { fieldPath } from "../library/field_events.ts";
import { ConditionEvent } from "./condition_event.ts";
import { conditionFields } from "./condition_fields.ts";
import { conditionTypes, standard } from "./condition_types.ts";
import { typeDeclarations } from "./type_declarations.ts";

const operand = (path: string, attributeId = AttributeIds.Value) =>
  new SimpleAttributeOperand({
    typeDefinitionId: standard(2782),
    browsePath: path === "" ? [] : path.split("/").map((name) => ({ namespaceIndex: 0, name })),
    attributeId,
  });

Deno.test("a condition's event has the fields that the library finds in it by browsing", async (t) => {
  const space = AddressSpace.create();
  try {
    await generateAddressSpace(space, [nodesets.standard]);
    const namespace = space.registerNamespace("urn:test");
    for (const kind of ["limit", "off_normal", "certificate_expiry"] as const) {
      await t.step(kind, () => {
        const { typeId } = conditionTypes[kind];
        const node = namespace.addObject({ nodeId: `s=${kind}`, browseName: kind, typeDefinition: typeId });
        const declarations = typeDeclarations(space, typeId);
        const alarm = newAlarm({
          id: kind,
          kind,
          source: "d/t",
          name: "t",
          severity: 700,
          message: "m",
          quality: Quality.Good,
        });
        const event = new ConditionEvent(node, declarations, {
          alarm: { ...alarm, active: true, limitState: kind === "limit" ? "High" : null, timeUs: 5_000_001 },
          definition: undefined,
          place: {
            sourceNode: standard(2253),
            sourceName: "Device/t",
            inputNode: standard(2258),
            conditionName: "Limit",
            normalNode: null,
          },
          lastSeverity: 300,
          receiveTimeUs: 5_000_002,
          nowUs: 10_000_000,
          certificate: null,
        });
        const objects = [...declarations].filter(([, { node }]) => node.nodeClass === NodeClass.Object);
        const paths = new Set([...conditionFields.keys(), ...declarations.keys(), "Nothing", "EnabledState/Nothing"]);
        for (const path of paths) {
          const [found] = extractEventFields(SessionContext.defaultContext, [operand(path)], event);
          deepStrictEqual(event.fieldAt(path).toJSON(), found?.toJSON(), path);
        }
        for (const [path] of objects) strictEqual(event.fieldAt(path).dataType, DataType.StatusCode, path);
        strictEqual(event.fieldAt("Severity").value, 700);
        strictEqual(event.fieldAt("Message"), event.fieldAt("Message"), "made once for all who ask");
        const [id] = extractEventFields(SessionContext.defaultContext, [operand("", AttributeIds.NodeId)], event);
        deepStrictEqual(event.fieldAt("").toJSON(), id?.toJSON());
        strictEqual(event.fieldAt("").value, node.nodeId);
      });
    }
  } finally {
    await space.shutdown();
    space.dispose();
  }
});

Deno.test("fieldPath() names the field that an operand asks for", () => {
  strictEqual(fieldPath(operand("ActiveState/Id")), "ActiveState/Id");
  strictEqual(fieldPath(operand("", AttributeIds.NodeId)), "", "the ConditionId");
  strictEqual(fieldPath(operand("")), null, "the condition has no value");
  const foreign = new SimpleAttributeOperand({ browsePath: [{ namespaceIndex: 2, name: "Message" }] });
  strictEqual(fieldPath(foreign), "2:Message", "of another namespace: another field");
});
