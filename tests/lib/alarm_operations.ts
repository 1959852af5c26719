import type { Caller } from "../../src/access/principal.ts";
import type { AlarmAnswer, Alarms } from "../../src/alarms/alarms.ts";
import type { OperationAnswer, Operations } from "../../src/operations/operation.ts";
import { type Role, roleIncludes } from "../../src/policy/roles.ts";

interface AlarmParams {
  readonly id: string;
  readonly event?: string;
  readonly comment?: string;
  readonly seconds?: number;
}

/** What was called by whom, for a test that wants to know. */
export interface AlarmCall {
  readonly name: string;
  readonly params: AlarmParams;
  readonly caller: Caller;
}

/** The operations on alarms alone, for a server that runs without the rest of the gateway. */
export function alarmOperations(alarms: Alarms, calls: AlarmCall[] = []): Pick<Operations, "call"> {
  const actions: Record<string, [role: Role, run: (params: AlarmParams, by: Caller) => AlarmAnswer]> = {
    "alarms.ack": ["operator", (params, by) => alarms.acknowledge(request(params, by))],
    "alarms.confirm": ["operator", (params, by) => alarms.confirm(request(params, by))],
    "alarms.comment": ["operator", (params, by) => alarms.addComment(request(params, by))],
    "alarms.shelve": [
      "operator",
      (params, by) =>
        alarms.shelve(request(params, by), params.seconds === undefined ? null : Math.round(params.seconds * 1000)),
    ],
    "alarms.unshelve": ["operator", (params, by) => alarms.unshelve(request(params, by))],
    "alarms.enable": ["engineer", (params, by) => alarms.enable(request(params, by))],
    "alarms.disable": ["engineer", (params, by) => alarms.disable(request(params, by))],
  };
  return {
    call(name, params, caller): Promise<OperationAnswer> {
      const [role, run] = actions[name] ?? [];
      calls.push({ name, params: params as AlarmParams, caller });
      if (role === undefined || run === undefined) {
        return Promise.resolve({ ok: false, code: "unknown_operation", message: `There is no operation ${name}` });
      }
      if (caller.principal === null || !roleIncludes(caller.principal.role, role)) {
        return Promise.resolve({ ok: false, code: "permission_denied", message: `${name} needs the role ${role}` });
      }
      const answer = run(params as AlarmParams, caller);
      if (answer.ok) return Promise.resolve({ ok: true, result: answer.alarm });
      const { reason, message } = answer;
      return Promise.resolve({ ok: false, code: "conflict", message, details: { reason } });
    },
  };
}

function request({ id, event, comment }: AlarmParams, by: Caller) {
  return {
    id,
    by,
    ...event === undefined ? {} : { eventId: event },
    ...comment === undefined ? {} : { comment },
  };
}
