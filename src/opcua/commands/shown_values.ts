import { DataType, DataValue, LocalizedText, StatusCodes, type Variant } from "node-opcua";
import type { ArgumentValue, Command } from "../../commands/commands.ts";
import { Quality } from "../../tags/quality.ts";
import type { DataTypeName } from "../../tags/tag.ts";
import type { LiveVariable } from "../library/library_internals.ts";
import { dataValue, scalar } from "../space/data_values.ts";
import type { CommandForm } from "./command_value.ts";

/** The type of the variable that shows what a command asked for. */
export function shownType(form: CommandForm): DataTypeName {
  return form.kind === "value" ? form.dataType : form.kind === "trigger" ? "Boolean" : "String";
}

/** What a command asked for, in the form of its variable, at the time of its last change. */
export function askedOf(command: Command, form: CommandForm): DataValue {
  const value = askedValue(command, form);
  const { updatedUs } = command;
  return value === undefined ? waitingValue() : dataValue(value, Quality.Good, updatedUs, updatedUs, shownType(form));
}

function askedValue(command: Command, form: CommandForm): ArgumentValue | undefined {
  switch (form.kind) {
    case "value":
      // a command from before a change of its definition may hold something else
      return command.arguments[form.argument.name];
    case "trigger":
      return true;
    case "method":
      return JSON.stringify(command.arguments);
  }
}

/** There is nothing to show yet. */
export function waitingValue(): DataValue {
  return new DataValue({ statusCode: StatusCodes.BadWaitingForInitialData });
}

/** A value that stays, from now on. */
export function goodValue(variant: Variant): DataValue {
  const result = new DataValue(null);
  result.value = variant;
  result.statusCode = StatusCodes.Good;
  result.sourceTimestamp = result.serverTimestamp = new Date();
  return result;
}

/** What a value is called: values have no other names than themselves. */
export function nameOf(named: DataValue): DataValue {
  const text = named.clone();
  const value: unknown = named.value?.value ?? null;
  if (value !== null) text.value = scalar(DataType.LocalizedText, new LocalizedText({ text: String(value) }));
  return text;
}

/** A time as a value, µs. */
export function timeValue(timeUs: number): DataValue {
  const result = dataValue(null, Quality.Good, timeUs, timeUs, "String");
  result.value = scalar(DataType.DateTime, new Date(Math.floor(timeUs / 1000)));
  return result;
}

/** Gives a variable its next value and tells those who monitor it; nothing when it is the one it has. */
export function showValue(variable: LiveVariable, next: DataValue): void {
  const before = variable.$dataValue;
  const isSame = before.statusCode.equals(next.statusCode) &&
    before.sourceTimestamp?.getTime() === next.sourceTimestamp?.getTime() &&
    before.sourcePicoseconds === next.sourcePicoseconds &&
    String(before.value?.value) === String(next.value?.value);
  if (isSame) return;
  variable.$dataValue = next;
  // monitored items keep and change what they are given
  if (variable.listenerCount("value_changed") > 0) variable.emit("value_changed", next.clone());
}
