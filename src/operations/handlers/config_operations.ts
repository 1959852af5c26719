import type { ConfigOutcome, ConfigPlan, ConfigVersion } from "../../supervisor/role_protocol.ts";
import { formatTime } from "../../telemetry/time_text.ts";
import { askerOf, requirePrincipal, triggerOf } from "../asker.ts";
import { answers } from "../define.ts";
import { type CallContext, type Operation, OperationError } from "../operation.ts";
import type { RoleParts } from "../operation_parts.ts";

/** The configuration: the supervisor reads, plans and writes it. */
export function configOperations({ host }: RoleParts): Operation[] {
  return [
    answers("config.get", async () => {
      const { values, ...rest } = await host.call("config.get", {});
      return { ...rest, values: [...values] };
    }),
    answers(
      "config.diff",
      async ({ text, set }, context) =>
        viewPlan(
          await host.call("config.plan", {
            ...text === undefined ? { set: set ?? {} } : { text },
            comparesSecrets: requirePrincipal(context).role === "admin",
          }),
        ),
    ),
    answers("config.set", async ({ set, etag }, context) =>
      settled(
        context,
        await host.call("config.apply", { set, by: askerOf(context), trigger: triggerOf(context), etag }),
      )),
    answers("config.apply", async ({ text, etag }, context) =>
      settled(
        context,
        await host.call("config.apply", { text, by: askerOf(context), trigger: triggerOf(context), etag }),
      )),
    answers(
      "config.reload",
      async (_, context) =>
        settled(context, await host.call("config.reload", { by: askerOf(context), trigger: triggerOf(context) })),
    ),
    answers("config.versions", async () => ({
      versions: (await host.call("config.versions", {})).versions.map(viewVersion),
    })),
    answers(
      "config.restore",
      async ({ version }, context) =>
        settled(context, await host.call("config.restore", { version, by: askerOf(context) })),
    ),
  ];
}

/** What became of a change, or the refusal when it was not applied. */
function settled({ note }: CallContext, outcome: ConfigOutcome) {
  const { applied, reason, error, version, effect, changes } = outcome;
  note("changed", changes.slice(0, 64).map(({ path }) => path));
  if (effect !== null) note("effect", effect);
  if (version !== null) note("version", version);
  if (reason === null) return { ...viewPlan(outcome), applied, reason, error, version, durationMs: outcome.durationMs };
  note("reason", reason);
  const message = error ?? "The configuration was not applied";
  const details = { reason, ...viewPlan(outcome) };
  switch (reason) {
    case "validation":
      throw new OperationError("config_refused", message, { fix: "Mend what the findings name", details });
    case "rolled_back":
      throw new OperationError("config_refused", message, {
        fix: "The configuration before is running again; read the log for the reason",
        details,
      });
    case "conflict":
      throw new OperationError("conflict", message, {
        fix: "The file was changed meanwhile: read it again with config.get",
        details,
      });
    case "io":
      throw new OperationError("unavailable", message, { details });
  }
}

function viewPlan({ ok, findings, changes, effect }: ConfigPlan) {
  return { ok, findings: [...findings], changes: [...changes], effect };
}

function viewVersion({ version, timeUs, by, trigger, changes, current }: ConfigVersion) {
  return { version, time: formatTime(timeUs), by, trigger, changes: [...changes], current };
}
