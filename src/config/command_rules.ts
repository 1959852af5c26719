import type { KeyPath } from "./key_path.ts";
import { objectArguments, ObjectTemplateError } from "./object_template.ts";
import {
  formatWidth,
  integerLimits,
  MAX_PAYLOAD_BYTES,
  parsePayloadTemplate,
  payloadInteger,
  type PayloadPart,
  PayloadTemplateError,
  type Placeholder,
  templateLength,
} from "./payload_template.ts";
import type { Hit, Rule } from "./rules.ts";
import type { Draft } from "./salvage.ts";
import type { CommandConfig, Config } from "./schema.ts";

type DraftCommand = Draft<CommandConfig>;

interface PlacedCommand {
  readonly at: KeyPath;
  readonly command: DraftCommand;
}

/** What a command takes: an entry of its argument list, or the one value that its own keys describe. */
interface PlacedArgument {
  readonly at: KeyPath;
  readonly name: string;
  readonly type: "Bool" | "Int" | "Float" | "String";
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly values: readonly (number | string)[] | undefined;
}

const ownKeys = ["type", "min", "max", "enum"] as const;

function* devices(config: Draft<Config>): Generator<PlacedCommand[]> {
  for (const [a, application] of (config.application ?? []).entries()) {
    for (const [d, device] of (application.device ?? []).entries()) {
      yield (device.command ?? []).map((command, c) => ({
        at: ["application", a, "device", d, "command", c],
        command,
      }));
    }
  }
}

function* commands(config: Draft<Config>): Generator<PlacedCommand> {
  for (const device of devices(config)) yield* device;
}

function argumentsOf({ at, command }: PlacedCommand): readonly PlacedArgument[] {
  if (command.argument !== undefined) {
    return command.argument.flatMap(({ name, type, min, max, enum: values }, entry) =>
      name === undefined || type === undefined ? [] : [{ at: [...at, "argument", entry], name, type, min, max, values }]
    );
  }
  const { type = command.class === "valve" ? "Bool" : "Int", min, max, enum: values } = command;
  return [{ at, name: "value", type, min, max, values }];
}

/** The template in its parts; `null` when there is none or it cannot be read. */
function partsOf({ payload }: DraftCommand): readonly PayloadPart[] | null {
  try {
    return payload?.bytes === undefined ? null : parsePayloadTemplate(payload.bytes);
  } catch {
    return null;
  }
}

function placeholdersOf(command: DraftCommand): readonly Placeholder[] {
  return (partsOf(command) ?? []).flatMap((part) => "placeholder" in part ? [part.placeholder] : []);
}

/** Names of the arguments that the payload uses; `null` when that cannot be known. */
function usedBy({ command }: PlacedCommand): { readonly key: string; readonly names: ReadonlySet<string> } | null {
  if (command.payload?.bytes !== undefined) {
    return partsOf(command) === null
      ? null
      : { key: "bytes", names: new Set(placeholdersOf(command).map(({ name }) => name)) };
  }
  if (command.payload?.object === undefined) return null;
  try {
    return { key: "object", names: objectArguments(command.payload.object) };
  } catch {
    return null;
  }
}

function* repeated<T>(
  items: readonly { readonly at: KeyPath; readonly value: T | undefined }[],
  what: string,
  fix: string,
): Generator<Hit> {
  const seen = new Set<T>();
  for (const { at, value } of items) {
    if (value === undefined) continue;
    if (seen.has(value)) yield { at, text: `${what} ${JSON.stringify(value)} is used twice`, fix };
    seen.add(value);
  }
}

/** Why a placeholder cannot carry a type; `null`: it can. */
function misfit({ format, text }: Placeholder, type: PlacedArgument["type"]): string | null {
  const isText = format.kind === "text";
  if (isText === (type === "String") && (format.kind !== "bool" || type === "Bool")) {
    return format.kind === "float" && type === "Bool" ? `${text} cannot carry Bool` : null;
  }
  return `${text} cannot carry ${type}`;
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Why the payload cannot carry a value of an argument; `null`: it can. */
function tooMuch(placeholder: Placeholder, value: number | string, isLimit: boolean): string | null {
  const { format, scale, text } = placeholder;
  if (typeof value === "string") {
    if (format.kind !== "text") return null;
    if (format.encoding === "ascii" && !/^[\x20-\x7e]*$/.test(value)) return `${text} holds ASCII characters alone`;
    const width = format.width ?? MAX_PAYLOAD_BYTES;
    return byteLength(value) > width ? `${text} holds at most ${width} bytes` : null;
  }
  if (format.kind === "float") {
    return Number.isFinite(format.bytes === 4 ? Math.fround(value * scale) : value * scale)
      ? null
      : `${text} cannot hold ${value}`;
  }
  if (format.kind === "text") {
    const width = format.width ?? MAX_PAYLOAD_BYTES;
    return value > width ? `${text} holds at most ${width} bytes` : null;
  }
  if (format.kind !== "integer") return null;
  const [low, high] = integerLimits(format).map((limit) => limit / scale).toSorted((a, b) => a - b);
  const found = payloadInteger(isLimit && scale === 1 ? Math.trunc(value) : value, scale, format);
  if (found === "beyond") return `${text} holds ${low} to ${high}`;
  return found === "between" && !isLimit ? `${text} holds steps of ${1 / Math.abs(scale)}` : null;
}

const oneByte: Placeholder = {
  name: "value",
  format: { kind: "integer", bytes: 1, signed: false, littleEndian: false },
  scale: 1,
  text: "One byte",
};

/** Rules of commands to devices. */
export const commandRules: readonly Rule[] = [
  {
    id: "duplicate_command_id",
    severity: "error",
    *check(config) {
      for (const device of devices(config)) {
        const ids = device.map(({ at, command }) => ({ at: [...at, "command_id"], value: command.command_id }));
        yield* repeated(ids, "command_id", "Give each command of a device its own command_id");
      }
    },
  },
  {
    id: "duplicate_command_name",
    severity: "error",
    *check(config) {
      for (const device of devices(config)) {
        const names = device.map(({ at, command }) => ({ at: [...at, "command_name"], value: command.command_name }));
        yield* repeated(names, "command_name", "Give each command of a device its own command_name");
      }
    },
  },
  {
    id: "duplicate_argument_name",
    severity: "error",
    *check(config) {
      for (const { at, command } of commands(config)) {
        const names = (command.argument ?? []).map(({ name }, entry) => (
          { at: [...at, "argument", entry, "name"], value: name }
        ));
        yield* repeated(names, "The argument", "Give each argument of a command its own name");
      }
    },
  },
  {
    id: "command_payload_twice",
    severity: "error",
    *check(config) {
      for (const { at, command: { payload, class: kind } } of commands(config)) {
        const fix = "Keep one of class, payload.bytes and payload.object";
        if (payload === undefined) continue;
        if (kind !== undefined) yield { at: [...at, "class"], text: "class and payload both say what is sent", fix };
        if (payload.bytes !== undefined && payload.object !== undefined) {
          yield { at: [...at, "payload", "object"], text: "bytes and object both say what is sent", fix };
        }
      }
    },
  },
  {
    id: "command_arguments_twice",
    severity: "error",
    *check(config) {
      for (const { at, command } of commands(config)) {
        if (command.argument === undefined) continue;
        for (const key of ownKeys) {
          if (command[key] === undefined) continue;
          const fix = `Put ${key} into [[application.device.command.argument]]`;
          yield { at: [...at, key], text: `${key} has no effect as the command has an argument list`, fix };
        }
      }
    },
  },
  {
    id: "command_template",
    severity: "error",
    *check(config) {
      for (const { at, command: { payload } } of commands(config)) {
        try {
          if (payload?.bytes !== undefined) parsePayloadTemplate(payload.bytes);
        } catch (error) {
          if (!(error instanceof PayloadTemplateError)) throw error;
          const fix = 'Write hexadecimal bytes and placeholders, as "01 {position:u8}": docs/commands.md';
          yield { at: [...at, "payload", "bytes"], text: error.message, fix };
        }
        try {
          if (payload?.object !== undefined) objectArguments(payload.object);
        } catch (error) {
          if (!(error instanceof ObjectTemplateError)) throw error;
          const fix = 'Write texts, numbers, booleans, lists and tables, with "{position}" for an argument';
          yield { at: [...at, "payload", "object"], text: error.message, fix };
        }
      }
    },
  },
  {
    id: "command_argument_unknown",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        const used = usedBy(placed);
        if (used === null) continue;
        const args = argumentsOf(placed);
        const known = args.map(({ name }) => name);
        for (const name of used.names) {
          if (known.includes(name)) continue;
          const fix = known.length === 0
            ? "Add [[application.device.command.argument]]"
            : `There is ${known.join(", ")}`;
          yield { at: [...placed.at, "payload", used.key], text: `The command has no argument '${name}'`, fix };
        }
      }
    },
  },
  {
    id: "command_argument_unused",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        const { command, at } = placed;
        const used = usedBy(placed);
        const args = argumentsOf(placed);
        if (used === null) {
          // one byte carries one value
          if (command.payload === undefined && args.length !== 1) {
            const fix = "Write payload.bytes or payload.object, or one argument";
            yield { at: [...at, "argument"], text: `One byte carries one argument: there are ${args.length}`, fix };
          }
          continue;
        }
        for (const argument of args) {
          if (used.names.has(argument.name)) continue;
          const own = command.argument === undefined;
          yield {
            at: own ? [...at, "payload", used.key] : [...argument.at, "name"],
            text: `The payload does not use the argument '${argument.name}'`,
            fix: own
              ? "Use {value}, or write argument = [] for a command without one"
              : "Use it in the payload, or remove it",
          };
        }
      }
    },
  },
  {
    id: "command_argument_type",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        const { command } = placed;
        for (const { at, name, type } of argumentsOf(placed)) {
          const key = [...at, "type"];
          if (command.payload === undefined) {
            const wanted = command.class === "valve" ? "Bool" : "Int";
            if (type !== wanted) {
              const text = `class ${command.class ?? "byte"} takes ${wanted}: current value is ${type}`;
              yield { at: key, text, fix: `Set type = "${wanted}", or write payload.bytes` };
            }
            continue;
          }
          for (const placeholder of placeholdersOf(command)) {
            const why = placeholder.name === name ? misfit(placeholder, type) : null;
            if (why !== null) {
              yield { at: key, text: why, fix: "Choose a type of placeholder that fits: docs/commands.md" };
            }
          }
        }
      }
    },
  },
  {
    id: "command_range",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        for (const { at, type, min, max } of argumentsOf(placed)) {
          for (const [key, value] of [["min", min], ["max", max]] as const) {
            if (value === undefined) continue;
            const where = [...at, key];
            if (type === "Bool") yield { at: where, text: `${key} has no effect on Bool`, fix: `Remove ${key}` };
            else if (type !== "Float" && !isWhole(value)) {
              yield { at: where, text: `${key} must be a whole number: current value is ${value}`, fix: "Round it" };
            } else if (type === "String" && value < 0) {
              yield { at: where, text: `${key} is a length: current value is ${value}`, fix: "Write 0 or more" };
            }
          }
          if (min !== undefined && max !== undefined && min > max) {
            yield { at: [...at, "min"], text: `min ${min} is above max ${max}`, fix: "Exchange them" };
          }
        }
      }
    },
  },
  {
    id: "command_values",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        for (const { at, type, min, max, values } of argumentsOf(placed)) {
          for (const [entry, value] of (values ?? []).entries()) {
            const where = [...at, "enum", entry];
            const typed = type === "String" ? "string" : "number";
            const size = typeof value === "string" ? byteLength(value) : value;
            if (type === "Bool") yield { at: where, text: "Bool has its two values", fix: "Remove enum" };
            else if (typeof value !== typed || (type === "Int" && !isWhole(size))) {
              yield {
                at: where,
                text: `${JSON.stringify(value)} is not of type ${type}`,
                fix: `Write values of type ${type}`,
              };
            } else if (size < (min ?? -Infinity) || size > (max ?? Infinity)) {
              yield {
                at: where,
                text: `${JSON.stringify(value)} is outside min and max`,
                fix: "Remove it, or widen them",
              };
            } else if (values?.indexOf(value) !== entry) {
              yield { at: where, text: `${JSON.stringify(value)} is there twice`, fix: "Remove one" };
            }
          }
        }
      }
    },
  },
  {
    id: "command_beyond_payload",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        const { command } = placed;
        for (const { at, name, type, min, max, values } of argumentsOf(placed)) {
          const own = command.payload === undefined && type === "Int" ? [oneByte] : [];
          const carriers = [
            ...own,
            ...placeholdersOf(command).filter((one) => one.name === name && misfit(one, type) === null),
          ];
          for (const carrier of carriers) {
            for (const [key, value] of [["min", min], ["max", max]] as const) {
              const why = value === undefined ? null : tooMuch(carrier, value, true);
              if (why !== null) {
                yield { at: [...at, key], text: `${why}: current value is ${value}`, fix: `Narrow ${key}` };
              }
            }
            for (const [entry, value] of (values ?? []).entries()) {
              const why = (typeof value === "string") === (type === "String") ? tooMuch(carrier, value, false) : null;
              if (why !== null) {
                yield { at: [...at, "enum", entry], text: `${why}: current value is ${value}`, fix: "Remove it" };
              }
            }
          }
        }
      }
    },
  },
  {
    id: "command_too_long",
    severity: "error",
    *check(config) {
      for (const placed of commands(config)) {
        const parts = partsOf(placed.command);
        if (parts === null) continue;
        const args = new Map(argumentsOf(placed).map((argument) => [argument.name, argument]));
        let bytes = templateLength(parts).least;
        for (const part of parts) {
          if ("bytes" in part || formatWidth(part.placeholder.format) !== null) continue;
          // without a maximum a text may be as long as there is room
          bytes += args.get(part.placeholder.name)?.max ?? 0;
        }
        if (bytes > MAX_PAYLOAD_BYTES) {
          const text = `The payload has up to ${bytes} bytes: at most ${MAX_PAYLOAD_BYTES} can be sent`;
          yield { at: [...placed.at, "payload", "bytes"], text, fix: "Shorten it, or lower max of its texts" };
        }
      }
    },
  },
];
