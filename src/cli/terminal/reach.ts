import { X509Certificate } from "node:crypto";
import { type Command, Option } from "commander";
import { isLoopback, parseEndpoint } from "../../config/address.ts";
import { loadConfigHere } from "../../config/load_here.ts";
import type { Config } from "../../config/schema.ts";
import {
  connectControl,
  type ControlClient,
  type ControlClientOptions,
  ControlRefusal,
  ControlUnreachable,
} from "../../control/control_client.ts";
import { type ConfigChoice, withConfigOptions } from "../config_or_exit.ts";
import { ExitCode } from "../exit_code.ts";
import { findingsText } from "../findings_report.ts";
import { printError } from "../print.ts";
import { visible } from "../visible.ts";
import { askHidden, canAsk } from "./ask_hidden.ts";
import { resultText } from "./result_text.ts";

/** How a command line says which gateway it means and who asks. */
export interface ReachChoice extends ConfigChoice {
  readonly endpoint?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly fingerprint?: string;
  readonly insecure?: boolean;
  readonly plain?: boolean;
}

/** Where the gateway is and how it proves itself. */
export type Reach = Pick<ControlClientOptions, "endpoint" | "tls">;

/** The gateway or the credential cannot be made out; the process ends with the code. */
export class ReachError extends Error {
  override readonly name = "ReachError";

  constructor(readonly exitCode: number, message: string) {
    super(message);
  }
}

/** Adds the options by which `ctl` and `ui` find their gateway and its caller. */
export function withReachOptions(command: Command): Command {
  return withConfigOptions(command)
    .option("--endpoint <url>", "unix://path, tcp://host:port or tls://host:port, in place of the configuration's")
    .option("--token-file <file>", "file that holds the token (else $EDGEKEEP_TOKEN, else it is asked for)")
    .option("--token <token>", "the token itself; other users of this machine can see it")
    .option("--ca <file>", "PEM file of the CA that the gateway's certificate must come from")
    .addOption(
      new Option("--fingerprint <sha256>", "fingerprint that the gateway's certificate must have").conflicts("ca"),
    )
    .addOption(new Option("--insecure", "accept any certificate").conflicts(["ca", "fingerprint"]))
    .addOption(
      new Option("--plain", "speak plain text to another machine").conflicts(["ca", "fingerprint", "insecure"]),
    );
}

/** Finds the gateway that the options, or else the configuration, name. Throws {@link ReachError}. */
export async function findGateway(choice: ReachChoice): Promise<Reach> {
  const asked = await trustOf(choice);
  if (choice.endpoint !== undefined) {
    if (parseEndpoint(choice.endpoint.replace(/^tls:/, "tcp:")) === null) {
      const text = "Cannot connect as the endpoint must be unix://path, tcp://host:port or tls://host:port: " +
        `current value is ${visible(choice.endpoint)}`;
      throw new ReachError(ExitCode.Usage, text);
    }
    return { endpoint: choice.endpoint, tls: asked === undefined ? (needsTls(choice) ? {} : null) : asked };
  }
  const loaded = await loadConfigHere({ path: choice.config, project: choice.project });
  if (!loaded.ok) {
    const other = "Or name the gateway itself: --endpoint unix:///path/to/control.sock, or tcp://host:port\n";
    throw new ReachError(ExitCode.ConfigRefused, findingsText(loaded) + other);
  }
  const { runtime: { control } } = loaded.config;
  if (!control.enabled) {
    const text = `${loaded.file} has no control endpoint: [runtime.control].enabled is false`;
    throw new ReachError(ExitCode.Unreachable, text);
  }
  return { endpoint: control.endpoint, tls: asked === undefined ? await ownCertificate(loaded.config) : asked };
}

/** The token that the options, a file or the environment give; `undefined` without one. Throws {@link ReachError}. */
export async function givenToken(choice: ReachChoice): Promise<string | undefined> {
  if (choice.token !== undefined) {
    printError("Warning: other users of this machine can see --token; use --token-file or EDGEKEEP_TOKEN\n");
    return choice.token;
  }
  if (choice.tokenFile === undefined) return Deno.env.get("EDGEKEEP_TOKEN") || undefined;
  const token = (await readOrRefuse(choice.tokenFile)).trim();
  if (token === "") throw new ReachError(ExitCode.LocalResource, `${choice.tokenFile} holds no token`);
  return token;
}

/**
 * Connects, and does `work`. When the gateway wants a credential and none was given, a person at a terminal is asked for
 * one, once.
 */
export async function withGateway<T>(choice: ReachChoice, work: (client: ControlClient) => Promise<T>): Promise<T> {
  return (await introduced(choice, work)).result;
}

/** As {@link withGateway}, and tells with what it got in, for further connections. */
export async function introduced<T>(
  choice: ReachChoice,
  work: (client: ControlClient) => Promise<T>,
): Promise<{ readonly reach: Reach; readonly token: string | undefined; readonly result: T }> {
  const reach = await findGateway(choice);
  const token = await givenToken(choice);
  try {
    return { reach, token, result: await once(reach, token, work) };
  } catch (error) {
    if (error instanceof ControlUnreachable && choice.endpoint === undefined) {
      throw new ControlUnreachable(error.message + staleHint(error.message));
    }
    const wanted = error instanceof ControlRefusal && error.code === "unauthenticated" && token === undefined;
    if (!wanted || !canAsk()) throw error;
    const typed = await askHidden(`Token for ${visible(reach.endpoint)}: `);
    if (typed === null || typed === "") throw error;
    return { reach, token: typed, result: await once(reach, typed, work) };
  }
}

/**
 * What to do when the gateway of a configuration is not found where that says, or shows another certificate, on a line of
 * its own; nothing where the reason says enough.
 */
export function staleHint(reason: string): string {
  if (!/no such socket|nobody listens|^Cannot trust/.test(reason)) return "";
  return reason.startsWith("Cannot trust")
    ? "\n  do: A new certificate is taken over within half a minute; try again then"
    : "\n  do: Start it. If it runs, the configuration is newer than it: systemctl reload edgekeep (or kill -HUP), or name " +
      "with --endpoint where it still listens";
}

async function once<T>(
  reach: Reach,
  token: string | undefined,
  work: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await connectControl({ ...reach, token });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Prints why a call failed and gives the exit code. Other errors are passed on. */
export function reportFailure(error: unknown): number {
  if (error instanceof ReachError) {
    printError(error.message.endsWith("\n") ? error.message : `${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ControlUnreachable) {
    printError(`${error.message.split("\n").map(visible).join("\n")}\n`);
    return ExitCode.Unreachable;
  }
  if (!(error instanceof ControlRefusal)) throw error;
  printError(refusalText(error));
  return exitCodeOf(error.code);
}

/** The exit code that goes with a refusal. */
export function exitCodeOf(code: string): number {
  switch (code) {
    case "bad_request":
    case "bad_params":
    case "unknown_operation":
      return ExitCode.Usage;
    case "config_refused":
      return ExitCode.ConfigRefused;
    case "unauthenticated":
    case "permission_denied":
    case "debug_locked":
    case "throttled":
      return ExitCode.Denied;
    default:
      return ExitCode.Failed;
  }
}

function refusalText({ code, message, auditId, more }: ControlRefusal): string {
  const { field, fix, retryAfterMs, details } = more;
  const lines = [
    `${message} (${code}${auditId === null ? "" : `, audit record ${auditId}`})`,
    ...(field === undefined || message.includes(field) ? [] : [`  at: ${field}`]),
    ...(fix === undefined ? [] : [`  do: ${fix}`]),
    ...(retryAfterMs === undefined ? [] : [`  again in ${Math.ceil(retryAfterMs / 1000)} s`]),
    ...(details === undefined ? [] : resultText(details).trimEnd().split("\n").map((line) => `  ${line}`)),
  ];
  return `${lines.map(visible).join("\n")}\n`;
}

async function trustOf({ ca, fingerprint, insecure, plain }: ReachChoice): Promise<Reach["tls"] | undefined> {
  if (ca !== undefined) return { ca: await readOrRefuse(ca) };
  if (fingerprint !== undefined) {
    if (/^(?:[0-9a-f]{2}:?){32}$/i.test(fingerprint)) return { fingerprint };
    const text =
      "Cannot use the fingerprint as it must be the 32 bytes of a SHA-256, as `edgekeep pki show` prints them: " +
      `current value is ${visible(fingerprint)}`;
    throw new ReachError(ExitCode.Usage, text);
  }
  if (insecure === true) return { insecure: true };
  return plain === true ? null : undefined;
}

/** A token is worth as much as the way it goes: plain text is for this machine alone, unless it is asked for. */
function needsTls({ endpoint = "" }: ReachChoice): boolean {
  const address = parseEndpoint(endpoint);
  return endpoint.startsWith("tls://") || (address?.kind === "tcp" && !isLoopback(address.host));
}

/** Whoever can read the configuration can read the certificate that the gateway must show. */
async function ownCertificate({ runtime: { control, tls } }: Config): Promise<Reach["tls"]> {
  if (tls.mode === "disabled" || tls.cert_path === undefined || !control.endpoint.startsWith("tcp:")) return null;
  const pem = await readOrRefuse(tls.cert_path);
  try {
    return { fingerprint: new X509Certificate(pem).fingerprint256 };
  } catch {
    throw new ReachError(ExitCode.LocalResource, `${tls.cert_path} holds no certificate`);
  }
}

async function readOrRefuse(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ReachError(ExitCode.LocalResource, `Cannot read ${file}: ${reason}`);
  }
}
