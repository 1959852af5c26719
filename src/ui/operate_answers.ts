/** An alarm as the gateway lists it. Times are ISO 8601 text. */
export interface AlarmView {
  readonly id: string;
  readonly kind: "limit" | "off_normal" | "stale_device" | "source_outage" | "certificate_expiry" | "storage";
  /** Id of a tag, DevEUI, or `gateway`. */
  readonly source: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly active: boolean;
  readonly limitState: "HighHigh" | "High" | "Low" | "LowLow" | null;
  readonly acknowledged: boolean;
  readonly confirmed: boolean;
  readonly shelving: { readonly kind: "unshelved" | "timed" | "one_shot"; readonly until: string | null };
  readonly severity: number;
  readonly message: string;
  readonly comment: { readonly text: string; readonly by: string; readonly time: string } | null;
  /** Id of the newest event; `null` before the first. */
  readonly event: string | null;
  readonly time: string | null;
  readonly activeSince: string | null;
}

/** One event of the alarms' journal. */
export interface AlarmEventView {
  readonly sequence: number;
  readonly cause: string;
  /** Who did it; `null` for the field and the clock. */
  readonly by: string | null;
  readonly alarm: AlarmView;
}

/** A page of a list, and what follows it. */
export interface PageOf<Item, Next> {
  readonly items: readonly Item[];
  readonly next: Next | null;
}

/** A value that a command takes. */
export interface ArgumentView {
  readonly name: string;
  readonly type: "Bool" | "Int" | "Float" | "String";
  readonly min: number | null;
  readonly max: number | null;
  readonly values: readonly (number | string)[] | null;
  readonly unit: string;
}

/** Where a command is in its life. */
export type CommandStateView =
  | "pending"
  | "queued"
  | "transmitted"
  | "acked"
  | "nacked"
  | "failed"
  | "expired"
  | "cancelled"
  | "timed_out"
  | "unknown";

/** A command that was sent. */
export interface CommandView {
  readonly id: string;
  readonly device: string;
  readonly command: string;
  readonly args: Readonly<Record<string, boolean | number | string>>;
  readonly state: CommandStateView;
  readonly ended: boolean;
  readonly detail: string | null;
  readonly confirmed: boolean;
  readonly by: string;
  readonly created: string;
  readonly updated: string;
}

/** A command that can be sent. */
export interface CommandDefinitionView {
  readonly device: string;
  readonly deviceName: string;
  readonly name: string;
  readonly confirmed: boolean;
  readonly arguments: readonly ArgumentView[];
  readonly enabled: boolean;
}
