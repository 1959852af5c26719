import type { Hit, Rule } from "./rules.ts";
import type { Draft } from "./salvage.ts";
import type { AlarmConfig, MetricConfig } from "./schema.ts";
import { metrics, type Placed } from "./topology_rules.ts";

const limitKeys = ["lolo", "lo", "hi", "hihi"] as const;

/** An alarm with the metric that it is of. */
interface PlacedAlarm {
  readonly at: Placed<MetricConfig>["at"];
  readonly metric: Draft<MetricConfig>;
  readonly alarm: Draft<AlarmConfig>;
  /** Those that are set, from the lowest to the highest as they should be. */
  readonly limits: readonly { readonly key: typeof limitKeys[number]; readonly value: number }[];
}

function alarmRule(id: string, severity: Rule["severity"], check: (alarm: PlacedAlarm) => Iterable<Hit>): Rule {
  return {
    id,
    severity,
    *check(config) {
      for (const { at, item } of metrics(config)) {
        const { alarm } = item;
        if (alarm === undefined) continue;
        const limits = limitKeys.flatMap((key) => {
          const value = alarm[key];
          return value === undefined ? [] : [{ key, value }];
        });
        yield* check({ at: [...at, "alarm"], metric: item, alarm, limits });
      }
    },
  };
}

export const alarmRules: readonly Rule[] = [
  alarmRule("alarm_without_condition", "error", function* ({ at, alarm, limits }) {
    if (limits.length > 0 || alarm.normal !== undefined) return;
    const fix = "Set lolo, lo, hi or hihi of a number, or normal of a Bool";
    yield { at, text: "The alarm has no limit and no normal state: it would never be active", fix };
  }),
  alarmRule("alarm_of_wrong_type", "error", function* ({ at, metric: { metric_type: type }, alarm, limits }) {
    if (type === undefined) return;
    if (type !== "Int" && type !== "Float") {
      for (const { key } of limits) yield { at: [...at, key], text: `A ${type} has no limits`, fix: `Remove ${key}` };
    }
    if (type !== "Bool" && alarm.normal !== undefined) {
      yield { at: [...at, "normal"], text: `A ${type} has no normal state`, fix: "Remove normal, or set limits" };
    }
  }),
  alarmRule("alarm_limits_and_normal", "error", function* ({ at, alarm, limits }) {
    if (limits.length === 0 || alarm.normal === undefined) return;
    yield { at: [...at, "normal"], text: "An alarm has limits or a normal state, not both", fix: "Remove one of them" };
  }),
  alarmRule("alarm_limit_order", "error", function* ({ at, limits }) {
    for (const [index, { key, value }] of limits.entries()) {
      const below = limits[index - 1];
      if (below === undefined || below.value < value) continue;
      const text = `${key} (${value}) must be greater than ${below.key} (${below.value})`;
      yield { at: [...at, key], text, fix: "Write lolo < lo < hi < hihi" };
    }
  }),
  alarmRule("alarm_deadband_too_wide", "error", function* ({ at, alarm: { deadband }, limits }) {
    if (deadband === undefined || deadband === 0) return;
    for (const [index, { key, value }] of limits.entries()) {
      const below = limits[index - 1];
      // the order is another rule's matter
      if (below === undefined || below.value >= value || deadband < value - below.value) continue;
      const text = `The deadband (${deadband}) must be less than the gap between ${below.key} and ${key} ` +
        `(${value - below.value})`;
      yield { at: [...at, "deadband"], text, fix: "Lower the deadband: one limit could not be left before the next" };
      return;
    }
  }),
  alarmRule("alarm_limit_out_of_range", "warning", function* ({ at, metric: { range }, limits }) {
    if (range === undefined) return;
    for (const { key, value } of limits) {
      if (value >= range[0] && value <= range[1]) continue;
      const text = `${key} (${value}) lies outside the metric's range (${range[0]} to ${range[1]})`;
      yield { at: [...at, key], text, fix: "Set the limit within the range, or widen the range" };
    }
  }),
];
