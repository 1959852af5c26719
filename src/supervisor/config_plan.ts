import { relative, resolve } from "node:path";
import { parseEndpoint } from "../config/address.ts";
import { diffConfig, type KeyDifference } from "../config/config_diff.ts";
import { formatKeyPath } from "../config/key_path.ts";
import type { Config } from "../config/schema.ts";
import {
  isRestartedPart,
  type ReloadEffect,
  reloadEffects,
  type RestartedPart,
  strongestEffect,
} from "../policy/reload_effect.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import type { Grant } from "./permissions.ts";
import type { ConfigChange } from "./role_protocol.ts";

/** What taking a configuration over means for what runs. */
export interface TakeOver {
  readonly changes: readonly ConfigChange[];
  /** Of all changes; `null` without one. */
  readonly effect: ReloadEffect | null;
  /** Parts to restart when the worker stays. */
  readonly restart: readonly RestartedPart[];
  /** Whether the worker must be replaced. */
  readonly replace: boolean;
  /** What runs then: `next`, but with the values that count at the next start of the process alone as they are. */
  readonly config: Config;
}

/**
 * Pure: what changes from `running` to `next`, and what that restarts.
 *
 * @param held what the running worker may touch
 * @param grantsOf what a worker needs with a configuration
 * @param role the role that runs with it
 */
export function planTakeOver(
  running: Config,
  next: Config,
  held: readonly Grant[],
  grantsOf: (config: Config) => readonly Grant[],
  role: ConfiguredRole = "gateway",
): TakeOver {
  const config = withProcessValues(running, next);
  const differences = [...processDifferences(running, next, role), ...diffConfig(running, config)];
  const mayAll = grantsOf(config).every(({ kind, value }) =>
    held.some((grant) => grant.kind === kind && grant.value === value)
  );
  const changes = differences.map((difference) => changeOf(difference, mayAll, role));
  const restart = new Set(differences.flatMap(({ keys }) => effectsOf(keys, role)).filter(isRestartedPart));
  const replace = changes.length > 0 && (!mayAll || changes.some(({ effect }) => effect === "worker"));
  const effects = changes.map(({ effect }) => effect);
  return {
    changes,
    effect: strongestEffect(replace ? [...effects, "worker"] : effects),
    restart: [...restart],
    replace,
    config,
  };
}

/** A part that cannot get what it needs in the running worker takes the worker with it. */
function changeOf({ path, keys, before, after }: KeyDifference, mayAll: boolean, role: ConfiguredRole): ConfigChange {
  const effect = strongestEffect(effectsOf(keys, role)) ?? "worker";
  return { path: formatKeyPath(path), before, after, effect: !mayAll && isRestartedPart(effect) ? "worker" : effect };
}

/** A key without an effect of its own is treated as what disturbs most of what still takes effect. */
function effectsOf(keys: readonly string[], role: ConfiguredRole): readonly ReloadEffect[] {
  return reloadEffects(keys, role) ?? ["worker"];
}

function processDifferences(running: Config, next: Config, role: ConfiguredRole): KeyDifference[] {
  return diffConfig(running, next).filter(({ keys }) => effectsOf(keys, role).includes("process"));
}

/** What is fixed for the life of the process stays: the data directory with what lies in it, and where the log goes. */
function withProcessValues(running: Config, next: Config): Config {
  const { data_dir: dataDir } = running.gateway;
  const stay = (was: string | undefined, is: string) =>
    was !== undefined && relative(dataDir, was) === relative(next.gateway.data_dir, is) && isWithin(dataDir, was)
      ? was
      : is;
  const endpoints = [running, next].map(({ runtime }) => parseEndpoint(runtime.control.endpoint));
  const [wasEndpoint, isEndpoint] = endpoints;
  const endpoint = wasEndpoint?.kind === "unix" && isEndpoint?.kind === "unix"
    ? `unix://${stay(wasEndpoint.path, isEndpoint.path)}`
    : next.runtime.control.endpoint;
  const { pki_dir: pkiDir } = next.opcua;
  return {
    ...next,
    gateway: { ...next.gateway, data_dir: dataDir },
    storage: { ...next.storage, database_path: stay(running.storage.database_path, next.storage.database_path) },
    opcua: pkiDir === undefined ? next.opcua : { ...next.opcua, pki_dir: stay(running.opcua.pki_dir, pkiDir) },
    logging: { ...running.logging, level: next.logging.level },
    runtime: { ...next.runtime, control: { ...next.runtime.control, endpoint } },
  };
}

function isWithin(folder: string, path: string): boolean {
  return resolve(path).startsWith(`${resolve(folder)}/`);
}
