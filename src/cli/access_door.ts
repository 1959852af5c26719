import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Config } from "../config/schema.ts";
import { type ControlClient, ControlUnreachable } from "../control/control_client.ts";
import type { ConfiguredRole } from "../policy/configured_role.ts";
import { accessSettings } from "../roles/access_settings.ts";
import { gatewayId } from "../roles/gateway_id.ts";
import { identityWishes } from "../opcua/security/identity_wishes.ts";
import type { ClientCertificates } from "../operations/client_certificates.ts";
import { type ConfigChoice, configOrReport, withConfigOptions } from "./config_or_exit.ts";
import { ExitCode } from "./exit_code.ts";
import { DataFolderError, OfflineRefusal, openOffline } from "./offline_access.ts";
import { SecretError } from "./ask_secret.ts";
import { connectOwnGateway } from "./own_gateway.ts";
import { print, printError } from "./print.ts";
import {
  exitCodeOf,
  type ReachChoice,
  reportFailure,
  staleHint,
  withGateway,
  withReachOptions,
} from "./terminal/reach.ts";
import { visible } from "./visible.ts";

/** What every command about users, tokens and pairing understands; some also reach a hub from another machine. */
export interface DoorChoice extends ReachChoice {
  readonly json?: boolean;
}

/** What a command needs of the gateway. */
interface DoorNeeds {
  /** It must run. */
  readonly online?: boolean | undefined;
  /** The module for its OPC UA certificates while it does not run. */
  readonly opcuaPkiEntry?: URL | undefined;
}

/** Calls an operation; online or offline makes no difference. */
export type Call = (name: string, params?: unknown) => Promise<unknown>;

/** Adds `--config`, `--project` and `--json`. */
export function withDoorOptions(command: Command): Command {
  return withConfigOptions(command).option("--json", "print the result as JSON");
}

/** Adds, beside those, the options that name a hub which is reached from another machine. */
export function withFarDoorOptions(command: Command): Command {
  return withReachOptions(command).option("--json", "print the result as JSON");
}

/** The role of a new user or token. */
export function roleOption(preset: string): Option {
  return new Option("--role <role>", "what it may do").choices(["viewer", "operator", "engineer", "admin"]).default(
    preset,
  );
}

/**
 * Does `work` with the gateway of the configuration: through its control endpoint when it runs, else, unless `online` is
 * asked for, with its stores; or with the one that `--endpoint` names. Prints what comes out, or what went wrong, and sets the exit code.
 */
export async function throughDoor<T>(
  command: Command,
  choice: DoorChoice,
  work: (call: Call) => Promise<T>,
  text: (result: T) => string,
  { online = false, opcuaPkiEntry }: DoorNeeds = {},
): Promise<void> {
  const write = command.configureOutput().writeOut ?? print;
  if (choice.endpoint !== undefined) {
    try {
      const result = await withGateway(choice, (client) => work((name, params = {}) => client.call(name, params)));
      write(choice.json === true ? `${JSON.stringify(result, null, 2)}\n` : text(result));
    } catch (error) {
      Deno.exitCode = report(error);
    }
    return;
  }
  const loaded = await configOrReport(choice);
  if (loaded === null) {
    Deno.exitCode = ExitCode.ConfigRefused;
    return;
  }
  try {
    const door = lazyDoor(() => openDoor(choice, loaded.config, loaded.role, { online, opcuaPkiEntry }));
    const result = await work(door.call).finally(() => door.close());
    write(choice.json === true ? `${JSON.stringify(result, null, 2)}\n` : text(result));
  } catch (error) {
    Deno.exitCode = report(error);
  }
}

interface Door {
  readonly call: Call;
  readonly close: () => Promise<void> | void;
}

/** Opened at the first call: a person who is asked for a password may take longer than a connection may be idle. */
function lazyDoor(open: () => Promise<Door>): Door {
  let door: Promise<Door> | null = null;
  return {
    call: async (name, params = {}) => await (await (door ??= open())).call(name, params),
    close: async () => await (await door?.catch(() => null))?.close(),
  };
}

async function openDoor(
  choice: ConfigChoice,
  config: Config,
  role: ConfiguredRole,
  { online, opcuaPkiEntry }: DoorNeeds,
): Promise<Door> {
  const { enabled } = config.runtime.control;
  const gateway = enabled
    ? await connectOrWhy(choice, config)
    : "it has no control endpoint ([runtime.control].enabled = false)";
  if (typeof gateway !== "string") {
    return { call: (name, params) => gateway.call(name, params), close: () => gateway.close() };
  }
  if (online) throw new ControlUnreachable(`This needs a ${role} that runs. ${gateway}${staleHint(gateway)}`);
  const offline = await openOffline(
    config.gateway.data_dir,
    accessSettings(config, role),
    () => certificatesOf(config, opcuaPkiEntry),
  );
  if (offline === null) {
    throw new ControlUnreachable(
      `A ${role} runs with ${config.gateway.data_dir}, but cannot be reached: ${gateway}${
        enabled ? staleHint(gateway) : ". Stop it, or enable the endpoint"
      }`,
    );
  }
  for (const warning of offline.warnings()) printError(`${visible(warning)}\n`);
  return offline;
}

/** Certificates of the OPC UA server; `null` for a configuration without one, and for commands that do not ask for them. */
async function certificatesOf({ gateway, opcua }: Config, entry: URL | undefined): Promise<ClientCertificates | null> {
  if (!opcua.enabled || entry === undefined) return null;
  const wishes = identityWishes(opcua, { id: await gatewayId(gateway.data_dir), name: gateway.name });
  const { offlineCertificates }: typeof import("../opcua/security/client_certificates.ts") = await import(entry.href);
  return await offlineCertificates(opcua.pki_dir ?? join(gateway.data_dir, "pki"), wishes);
}

/** The gateway, or why nobody answers. */
async function connectOrWhy(choice: ConfigChoice, config: Config): Promise<ControlClient | string> {
  try {
    return await connectOwnGateway(choice, config);
  } catch (error) {
    if (error instanceof ControlUnreachable) return error.message;
    throw error;
  }
}

/** Prints why it failed and gives the exit code. */
function report(error: unknown): number {
  if (!(error instanceof SecretError || error instanceof DataFolderError || error instanceof OfflineRefusal)) {
    return reportFailure(error);
  }
  printError(`${visible(error.message)}\n`);
  if (error instanceof SecretError) return ExitCode.Usage;
  if (error instanceof DataFolderError) return ExitCode.LocalResource;
  if (error.fix !== null) printError(`  do: ${visible(error.fix)}\n`);
  return error.code === "unavailable" ? ExitCode.LocalResource : exitCodeOf(error.code);
}

/** Columns of text under their headings, with nothing after the last. */
export function columns(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows.map((row) => row.map(visible))];
  const widths = headings.map((_, i) => Math.max(...all.map((row) => (row[i] ?? "").length)));
  return all.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()}\n`).join("");
}

/** A time of an answer in a form for people: to the second. */
export function shortTime(time: string | null, absent = "-"): string {
  return time === null ? absent : `${time.slice(0, 19).replace("T", " ")}Z`;
}
