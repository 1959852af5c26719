import type { AlarmRefusal } from "./alarms.ts";

const reasons: { readonly [K in AlarmRefusal]: string } = {
  unknown_alarm: "there is no such alarm",
  unknown_event: "the event is not one of its newest: its state has changed since",
  already_acknowledged: "it is acknowledged",
  already_confirmed: "it is confirmed",
  not_acknowledged: "it must be acknowledged first",
  already_enabled: "it is enabled",
  already_disabled: "it is disabled",
  disabled: "it is disabled",
  already_shelved: "it is shelved in this way",
  not_shelved: "it is not shelved",
  shelving_time: "the time must be more than 0 and at most 7 days",
};

/** Why nothing was done with an alarm, for people. `what` completes "Cannot … the alarm". */
export function refusalText(what: string, id: string, reason: AlarmRefusal): string {
  return `Cannot ${what} the alarm '${id}' as ${reasons[reason]}`;
}
