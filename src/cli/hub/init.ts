import { Command, InvalidArgumentError } from "commander";
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { isLoopback, isOrigin, urlHost } from "../../config/address.ts";
import { configFile, howToRead } from "../../config/config_file.ts";
import { replaceFile } from "../../config/write_file.ts";
import { ExitCode } from "../exit_code.ts";
import { print } from "../print.ts";

const CONFIG = "edgekeep.toml";
const HUB_PORT = 8443;
/** Beside a gateway's page on the same machine. */
const WEB_LISTEN = "127.0.0.1:8090";

/** `edgekeep hub init DIR`: writes a configuration for a hub to start with. */
export function hubInitCommand(): Command {
  return new Command("init")
    .summary("write a configuration for a hub")
    .description("write a commented configuration for a hub into a folder")
    .argument("<folder>", "where edgekeep.toml goes; made if it is not there")
    .option("--url <url>", `address that agents reach the hub under, as https://hub.plant.example:${HUB_PORT}`, hubUrl)
    .option("--force", "replace an edgekeep.toml that is already there")
    .addHelpText(
      "after",
      `
Without --url it is the first address of this machine that others can reach. Every join token carries it, and agents
keep it: choose one that stays, as a DNS name or a fixed address.

Example:
  edgekeep hub init /etc/edgekeep/hub --url https://hub.plant.example:${HUB_PORT}`,
    )
    .action(async function (folder: string, options: { readonly url?: string; readonly force?: boolean }) {
      const directory = resolve(folder);
      const url = options.url ?? guessedUrl();
      const config = join(directory, CONFIG);
      try {
        await Deno.mkdir(directory, { recursive: true, mode: 0o750 });
        if (options.force !== true && await present(config)) {
          this.error(`Cannot write ${config}: it is there already; --force replaces it`, {
            exitCode: ExitCode.LocalResource,
          });
        }
        await replaceFile(config, startingConfig(url), { forceMode: 0o640 });
      } catch (error) {
        if (!(error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotADirectory)) throw error;
        this.error(`Cannot write into ${directory}: ${error.message}`, { exitCode: ExitCode.LocalResource });
      }
      (this.configureOutput().writeOut ?? print)(nextSteps(folder, config, url, options.url === undefined));
    });
}

function hubUrl(text: string): string {
  const url = isOrigin(text) ? new URL(text) : null;
  if (url?.protocol === "https:") return `https://${url.hostname}:${url.port || "443"}`;
  throw new InvalidArgumentError(`It must be https://host or https://host:port, without a path.`);
}

/** The first address under which others reach this machine, IPv4 before IPv6; `null` without a network. */
function guessedUrl(): string | null {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !isLoopback(address) && !/^fe[89ab]/i.test(address))
    .map(({ address }) => address).sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
  const [first] = addresses;
  return first === undefined ? null : `https://${urlHost(first)}:${HUB_PORT}`;
}

function startingConfig(url: string | null): string {
  return configFile({
    intro: ["Edgekeep configuration of a hub, for `edgekeep hub run`.", "", ...howToRead],
    only: ["gateway", "logging", "runtime", "hub"],
    set: {
      "gateway.name": "hub",
      "runtime.web.listen": WEB_LISTEN,
      "runtime.tls.require_remote": true,
      ...url === null ? {} : { "hub.url": url },
    },
    off: [],
  });
}

function nextSteps(folder: string, config: string, url: string | null, guessed: boolean): string {
  const address = url === null
    ? `This machine has no network: write url under [hub] before you make join tokens`
    : guessed
    ? `Agents reach it at ${url}. Is that an address that stays? Otherwise change url under [hub] now`
    : `Agents reach it at ${url}`;
  const port = url === null ? HUB_PORT : Number(new URL(url).port || "443");
  const forwarded = port === HUB_PORT
    ? ""
    : `It listens on port ${HUB_PORT}: forward ${port} to it, or change listen under [hub]\n`;
  return `Written: ${config}
${address}
${forwarded}
Next:
  1. edgekeep hub run --project ${folder}
     The first start prints a set-up code, to make the first admin of its page with: http://${WEB_LISTEN}, from this
     machine alone.
  2. Let agents in: TCP ${HUB_PORT}, UDP 3478, 3479 and 51900-52411
     edgekeep validate --exposure --project ${folder}    shows lines for the firewall
  3. For each machine that is to join:
     edgekeep hub token create LABEL --project ${folder}    and there: edgekeep agent join
`;
}

async function present(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
