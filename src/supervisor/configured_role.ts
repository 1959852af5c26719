import { join } from "node:path";
import type { LoadResult } from "../config/load.ts";
import type { LogHandle } from "../telemetry/log.ts";
import type { LogLevel } from "../telemetry/log_message.ts";
import { ConfigService, type LoadedConfig } from "./config_service.ts";
import type { HostService, RoleControl } from "./host_service.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { type CodeFacts, configuredGrants, permissionsOf } from "./permissions.ts";
import { renewCertificate } from "./renew_certificate.ts";
import { type Asker, type HostCallName, type HostCalls, HostRefusal } from "./role_protocol.ts";
import type { SuperviseOptions } from "./supervisor.ts";
import type { RoleSpec } from "./worker_role.ts";

/** What a role with a configuration file is made from. */
export interface ConfiguredRoleOptions {
  /** `gateway` unless told. */
  readonly role?: ConfiguredRole;
  /** Module of the worker. */
  readonly entry: URL;
  readonly code: CodeFacts;
  readonly loaded: LoadedConfig;
  /** Judges another text in the file's place, as the one of the start was. */
  readonly load: (text: string) => Promise<LoadResult>;
  readonly log: Pick<LogHandle, "addSecrets" | "setLevel">;
  /** As in `ConfigServiceOptions`. */
  readonly graceMs?: number;
}

/** Who asks when a signal does. */
const signalled: Asker = {
  principal: "sighup",
  role: "admin",
  credential: "local",
  address: "local",
  transport: "signal",
};

/** A role that always starts with the configuration of the moment, and what answers its calls. */
export function configuredRole(
  options: ConfiguredRoleOptions,
): { readonly spec: RoleSpec; readonly host: NonNullable<SuperviseOptions["host"]> } {
  const { role = "gateway", entry, code, loaded, load, log, graceMs } = options;
  let service: ConfigService | null = null;
  /** A level that counts until the next start of the process, or until another one is configured. */
  let level: LogLevel | null = null;
  const present = () => {
    if (service === null) throw new Error(`Cannot start the ${role} before its configuration is in charge`);
    return service;
  };
  const spec: RoleSpec = {
    name: role,
    entry,
    permissions: () => permissionsOf(present().takeGrants()),
    start: (restarts, lastCrash) => {
      const { config } = present();
      return { role, config, logLevel: level ?? config.logging.level, restarts, lastCrash };
    },
  };
  const open = async (control: RoleControl): Promise<HostService> => {
    const setLevel = (next: LogLevel | null): LogLevel => {
      level = next;
      const effective = level ?? present().config.logging.level;
      log.setLevel(effective);
      control.setLogLevel(effective);
      return effective;
    };
    service = await ConfigService.open({
      loaded,
      load,
      role,
      grantsOf: (config) => configuredGrants(role, config, code),
      control,
      versionsDir: join(loaded.config.gateway.data_dir, "versions"),
      onSecrets: (secrets) => log.addSecrets(secrets),
      onLevel: () => void setLevel(null),
      nowUs: () => Date.now() * 1000,
      ...graceMs === undefined ? {} : { graceMs },
    });
    return hostService(service, setLevel);
  };
  return { spec, host: { role, open } };
}

function hostService(
  service: ConfigService,
  setLevel: (level: LogLevel | null) => LogLevel,
): HostService {
  const calls: { readonly [K in HostCallName]: (request: HostCalls[K]["request"]) => Promise<HostCalls[K]["answer"]> } =
    {
      "config.get": () => service.get(),
      "config.plan": (proposal) => service.plan(proposal),
      "config.apply": (request) => service.apply(request),
      "config.reload": (request) => service.reload(request),
      "config.versions": () => Promise.resolve(service.versions()),
      "config.restore": (request) => service.restore(request),
      "log.level": ({ level }) => Promise.resolve({ level: setLevel(level) }),
      "pki.renew": async () => {
        const { notAfterUs, fingerprint } = await service.inTurn(() => renewCertificate(service.config));
        return { notAfterUs, fingerprint };
      },
      "restart": async ({ by }) => {
        await service.restart(by);
        return {};
      },
      "shutdown": ({ by }) => {
        service.shutdown(by);
        return Promise.resolve({});
      },
    };
  return {
    call: (name, request) =>
      Object.hasOwn(calls, name)
        ? calls[name](request)
        : Promise.reject(new HostRefusal("not_found", "The supervisor knows no such call")),
    async reload() {
      await service.reload({ by: signalled, trigger: "sighup" });
    },
    stop: (force) => service.stop(force),
  };
}
