import { Command } from "commander";
import { meshTime, toBase64 } from "../../mesh/encoding.ts";
import { isHubId, isNodeId, type NodeId } from "../../mesh/ids.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import type { ResultOf } from "../../operations/schemas/operation_schemas.ts";
import {
  columns,
  type DoorChoice,
  shortTime,
  throughDoor,
  withDoorOptions,
  withFarDoorOptions,
} from "../access_door.ts";
import { ExitCode } from "../exit_code.ts";
import { wholeNumber } from "../option_values.ts";
import { print } from "../print.ts";
import { visible } from "../visible.ts";
import { AdminKeyError, newAdminKey, readAdminKey, recordUse } from "./admin_key.ts";

type Keys = ResultOf<"hub.keys">;

interface AdminChoice extends DoorChoice {
  readonly adminKey: string;
}

const online = { online: true } as const;
const DAY_US = 86_400_000_000;

/** `edgekeep hub keys`: the keys that the mesh trusts. */
export function hubKeysCommand(): Command {
  return new Command("keys")
    .summary("show and rotate the hub's keys, co-sign and revoke nodes")
    .description("the keys that the mesh trusts; the hub must run, but for admin-new")
    .addCommand(showCommand())
    .addCommand(rotateCommand())
    .addCommand(rotateTlsCommand())
    .addCommand(adminNewCommand())
    .addCommand(setAdminCommand())
    .addCommand(requestsCommand())
    .addCommand(cosignCommand())
    .addCommand(revokeCommand())
    .addHelpText(
      "after",
      `
Co-signature: agents that joined with a token of a hub with an admin key take no peer that this key has not signed, so
that a stolen hub cannot add one. Make the key on a machine that is not the hub, keep it there, and reach the hub from
there: --endpoint names its control socket, brought over by ssh, or its control endpoint on the network.

Examples, on that machine:
  edgekeep hub keys admin-new admin.key
  ssh -fNL /root/hub.sock:/etc/edgekeep/hub/data/control.sock root@hub.plant.example
  edgekeep hub keys set-admin --admin-key admin.key --endpoint unix:///root/hub.sock
  edgekeep hub keys cosign pump-house --admin-key admin.key --endpoint unix:///root/hub.sock`,
    );
}

/** Adds `--admin-key`. */
function withAdminKey(command: Command): Command {
  return withFarDoorOptions(command).requiredOption("--admin-key <file>", "file of edgekeep hub keys admin-new");
}

/** Runs what works with an admin key, and ends the command with what is wrong with it. */
export async function usingAdminKey<T>(command: Command, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AdminKeyError)) throw error;
    command.error(error.message, { exitCode: ExitCode.LocalResource });
  }
}

/** The keys for people. */
export function keysText(keys: Keys): string {
  const lines: readonly (readonly [string, string])[] = [
    ["Hub", keys.hubId],
    ["Epoch", String(keys.epoch)],
    ["Signing key", `${keys.keyIndex}, SHA-256 ${keys.signingKeySha256}`],
    ["  since", shortTime(keys.signingKeySince)],
    [
      "  one before",
      keys.previousUntil !== null
        ? `accepted until ${shortTime(keys.previousUntil)}`
        : keys.keyIndex === 0
        ? "none"
        : "no longer accepted",
    ],
    ...keys.tlsSpki.map((pin, n): [string, string] => [n === 0 ? "TLS key, served" : "TLS key, next", pin]),
    ["TLS certificate", `until ${shortTime(keys.tlsNotAfter)}`],
    ["Admin key", keys.adminKeySha256 === null ? "none: co-signature is off" : `SHA-256 ${keys.adminKeySha256}`],
    ["Revocations", keys.revocationSerial === null ? "none" : `serial ${keys.revocationSerial}`],
    ...keys.stoppedSigning === null ? [] : [["SIGNS NOTHING", keys.stoppedSigning] as const],
  ];
  const width = Math.max(...lines.map(([title]) => title.length));
  return lines.map(([title, text]) => `${title.padEnd(width)}  ${visible(text)}\n`).join("");
}

function showCommand(): Command {
  return withDoorOptions(new Command("show"))
    .description("show the keys that the mesh trusts; nothing of it is secret")
    .action(async function (choice: DoorChoice) {
      await throughDoor(this, choice, (call) => call("hub.keys") as Promise<Keys>, keysText, online);
    });
}

function rotateCommand(): Command {
  return withDoorOptions(new Command("rotate"))
    .description("sign with a new key, which the present one links; no cure for a stolen key: see edgekeep hub recover")
    .action(async function (choice: DoorChoice) {
      await throughDoor(this, choice, (call) => call("hub.keys.rotate_signing") as Promise<Keys>, keysText, online);
    });
}

function rotateTlsCommand(): Command {
  return withDoorOptions(new Command("rotate-tls"))
    .description("pin the next TLS key; it is served after 7 days")
    .option("--now", "serve with the next one at once; agents that did not hear of it have to join anew")
    .action(async function ({ now, ...choice }: DoorChoice & { readonly now?: boolean }) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.keys.rotate_tls", { now: now === true }) as Promise<Keys>,
        keysText,
        online,
      );
    });
}

function adminNewCommand(): Command {
  return new Command("admin-new")
    .description("make an admin key in a file of your own (mode 0600); needs no hub")
    .argument("<file>", "a new one")
    .action(async function (path: string) {
      const { fingerprint, key } = await usingAdminKey(this, () => newAdminKey(path));
      (this.configureOutput().writeOut ?? print)(
        `Written: ${path}\nPublic key:  ${toBase64(key.publicKey)}\nSHA-256:     ${fingerprint}\n\n` +
          "Keep it offline, and a copy of it at another place: whoever has it decides who is in the mesh, and without it\n" +
          "no node is added and no hub recovered. Then: edgekeep hub keys set-admin --admin-key FILE\n",
      );
    });
}

function setAdminCommand(): Command {
  return withAdminKey(new Command("set-admin"))
    .description("co-sign with this admin key: tokens from now on tell agents to ask for it")
    .action(async function ({ adminKey, ...choice }: AdminChoice) {
      const { key } = await usingAdminKey(this, () => readAdminKey(adminKey));
      await throughDoor(
        this,
        choice,
        (call) => call("hub.keys.set_admin", { publicKey: toBase64(key.publicKey) }) as Promise<Keys>,
        keysText,
        online,
      );
    });
}

function requestsCommand(): Command {
  return withFarDoorOptions(new Command("requests"))
    .description("list nodes that wait for a co-signature; compare each fingerprint on the node: edgekeep agent status")
    .action(async function (choice: DoorChoice) {
      await throughDoor(
        this,
        choice,
        (call) => call("hub.keys.cosign_requests") as Promise<ResultOf<"hub.keys.cosign_requests">>,
        ({ requests }) =>
          requests.length === 0 ? "No node waits.\n" : columns(
            ["NAME", "FINGERPRINT", "MESH ADDRESS", "ID"],
            requests.map(({ name, fingerprint, meshIp, nodeId }) => [name, fingerprint, meshIp, nodeId]),
          ),
        online,
      );
    });
}

function cosignCommand(): Command {
  return withAdminKey(new Command("cosign"))
    .description("co-sign a node, so that agents take it for a peer; compare its fingerprint on the node first")
    .argument("<node>", "name or id")
    .option("--days <days>", "days until the co-signature ends, 1 to 7300", wholeNumber(1, 7_300), 3_650)
    .option("--node-fingerprint <digits>", "refuse unless the node has this fingerprint")
    .action(
      async function (
        node: string,
        { adminKey, days, nodeFingerprint, ...choice }: AdminChoice & {
          readonly days: number;
          readonly nodeFingerprint?: string;
        },
      ) {
        await usingAdminKey(this, async () => {
          const { key, serial, revoked } = await readAdminKey(adminKey);
          await throughDoor(
            this,
            choice,
            async (call) => {
              const { hubId } = await call("hub.keys") as Keys;
              const { nodeId, name, meshIp, ...shown } = await call("hub.node", { node }) as ResultOf<"hub.node">;
              if (nodeFingerprint !== undefined && bare(nodeFingerprint) !== bare(shown.fingerprint)) {
                throw new AdminKeyError(
                  `Nothing was signed: ${visible(name)} has the fingerprint ${visible(shown.fingerprint)}`,
                );
              }
              if (!isHubId(hubId) || !isNodeId(nodeId)) throw new TypeError("The hub answered with an id that is none");
              if (revoked.includes(nodeId)) {
                throw new AdminKeyError(`Nothing was signed: this key has revoked ${nodeId}; it has to join anew`);
              }
              await recordUse(adminKey, serial + 1, revoked);
              const notAfterUs = Date.now() * 1000 + days * DAY_US;
              const members = { node_id: nodeId, mesh_ip: meshIp, serial: serial + 1, not_after: meshTime(notAfterUs) };
              await call("hub.keys.apply", { object: sealObject("ek.cosign", hubId, members, key) });
              return { nodeId, name, meshIp, fingerprint: shown.fingerprint, notAfter: meshTime(notAfterUs) };
            },
            (signed) =>
              `Co-signed: ${visible(signed.name)} (${signed.nodeId}) with ${signed.meshIp} until ${signed.notAfter}\n` +
              `Its fingerprint must be ${
                visible(signed.fingerprint)
              }: compare it on the node with edgekeep agent status\n`,
            online,
          );
        });
      },
    );
}

function revokeCommand(): Command {
  return withAdminKey(new Command("revoke"))
    .description("take back the co-signature of nodes for good; agents then drop them whatever the hub says")
    .argument("<nodes...>", "names or ids")
    .action(async function (nodes: readonly string[], { adminKey, ...choice }: AdminChoice) {
      await usingAdminKey(this, async () => {
        const { key, serial, revoked } = await readAdminKey(adminKey);
        await throughDoor(
          this,
          choice,
          async (call) => {
            const { hubId, revocationSerial } = await call("hub.keys") as Keys;
            if (revocationSerial !== null && revocationSerial > serial) {
              throw new AdminKeyError(
                `Nothing was signed: the hub has revocations of serial ${revocationSerial}, which this file does not ` +
                  "know: another copy of the key made them. Use that copy, or nodes that it revoked would be let in again",
              );
            }
            const ids = await Promise.all(nodes.map(async (node): Promise<NodeId> => {
              const { nodeId } = await call("hub.node", { node }) as ResultOf<"hub.node">;
              if (!isNodeId(nodeId)) throw new TypeError("The hub answered with an id that is none");
              return nodeId;
            }));
            if (!isHubId(hubId)) throw new TypeError("The hub answered with an id that is none");
            const all = [...new Set([...revoked, ...ids])].sort();
            await recordUse(adminKey, serial + 1, all);
            const object = sealObject("ek.revoke", hubId, { serial: serial + 1, node_ids: all }, key);
            await call("hub.keys.apply", { object });
            return { serial: serial + 1, revoked: all };
          },
          ({ serial, revoked }) => `Revoked (serial ${serial}): ${revoked.length} nodes in all\n`,
          online,
        );
      });
    });
}

/** Fingerprints are compared by their digits. */
function bare(fingerprint: string): string {
  return fingerprint.toLowerCase().replace(/[^0-9a-f]/g, "");
}
