/** One value that a command takes. */
export interface CommandArgument {
  readonly name: string;
  readonly type: "Bool" | "Int" | "Float" | "String";
  /** Least and largest value of Int and Float; length in UTF-8 bytes of String. `null` leaves that side to the type. */
  readonly min: number | null;
  readonly max: number | null;
  /** The only values that are accepted; `null`: any. */
  readonly values: readonly (number | string)[] | null;
  readonly unit: string;
}

/** How a command's arguments become a payload. */
export type CommandPayload =
  /** Hexadecimal text with placeholders; see `commands/`. */
  | { readonly kind: "bytes"; readonly template: string }
  /** JSON for the codec of the device profile, with `"{name}"` in place of an argument. */
  | { readonly kind: "object"; readonly template: Readonly<Record<string, unknown>> }
  /** One byte, 0 to 255: what comparable gateways send. */
  | { readonly kind: "byte" }
  /** One byte: 1 opens, 0 closes. */
  | { readonly kind: "valve" };

/** A command as the configuration defines it: plain data, compared field by field when the configuration changes. */
export interface CommandDefinition {
  /** 16 hex digits, lower case. */
  readonly devEui: string;
  readonly deviceName: string;
  /** Number of the command, unique in its device. */
  readonly id: number;
  /** Name of the command, unique in its device; part of its nodes' ids. */
  readonly name: string;
  /** 1 to 223. */
  readonly fPort: number;
  /** Whether the device acknowledges it (a confirmed downlink). */
  readonly confirmed: boolean;
  readonly payload: CommandPayload;
  /** In the order of the configuration; empty for a command without arguments. */
  readonly arguments: readonly CommandArgument[];
  /** After this time without an end the command has failed, ms. */
  readonly deadlineMs: number;
  readonly enabled: boolean;
}
