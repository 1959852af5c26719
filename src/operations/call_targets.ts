import type { OperationName } from "../policy/operations.ts";
import type { Caller } from "../access/principal.ts";

/** Which parameter names what an operation acts on. */
const targetKeys: Partial<Record<OperationName, string>> = {
  "tags.force": "id",
  "tags.unforce": "id",
  "alarms.ack": "id",
  "alarms.confirm": "id",
  "alarms.comment": "id",
  "alarms.shelve": "id",
  "alarms.unshelve": "id",
  "alarms.enable": "id",
  "alarms.disable": "id",
  "config.restore": "version",
  "users.add": "name",
  "users.set": "name",
  "users.remove": "name",
  "tokens.create": "label",
  "tokens.renew": "id",
  "tokens.revoke": "id",
  "pair.start": "label",
  "pair.revoke": "id",
  "setup.claim": "user",
  "pki.trust": "fingerprint",
  "pki.reject": "fingerprint",
  "pki.add": "kind",
  "pki.remove": "fingerprint",
  "sessions.close": "id",
  "log.level": "level",
  "hub.node.rename": "node",
  "hub.node.groups": "node",
  "hub.node.rotate": "node",
  "hub.node.remove": "node",
  "hub.token.create": "label",
  "hub.token.revoke": "id",
};

const MOST_TARGETS = 64;

/** How commands are named that a call is about. */
export interface CommandNames {
  /** What is to be sent, by its definition. */
  named(device: string, command: string): string;
  /** What was sent; `null` when there is no such command. */
  sent(id: string): string | null;
}

/**
 * What a call acts on, read from parameters that nobody has checked yet; each has to be allowed. `[null]` for nothing in
 * particular, or for parameters that cannot be right.
 */
export function callTargets(
  name: OperationName,
  params: unknown,
  caller: Caller,
  commands: CommandNames,
): readonly (string | null)[] {
  if (name === "users.password") return [caller.principal?.user ?? null];
  if (typeof params !== "object" || params === null) return [null];
  if (name === "commands.send") {
    const [device, command] = [textOf(Reflect.get(params, "device")), textOf(Reflect.get(params, "command"))];
    return [device === null || command === null ? null : commands.named(device, command).slice(0, 256)];
  }
  if (name === "commands.cancel") {
    const id = textOf(Reflect.get(params, "id"));
    return [id === null ? null : commands.sent(id) ?? id];
  }
  if (name === "config.set") {
    const set: unknown = Reflect.get(params, "set");
    const keys = typeof set === "object" && set !== null ? Object.keys(set) : [];
    // a call with more keys is decided as one that names none
    return keys.length === 0 || keys.length > MOST_TARGETS ? [null] : keys.map((key) => key.slice(0, 256));
  }
  const key = targetKeys[name];
  return [key === undefined ? null : textOf(Reflect.get(params, key))];
}

function textOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value).slice(0, 256) : null;
}
