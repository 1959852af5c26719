import { Command } from "commander";
import { meshTime } from "../../mesh/encoding.ts";
import { isHubId } from "../../mesh/ids.ts";
import { sealObject } from "../../mesh/signed_object.ts";
import type { ResultOf } from "../../operations/schemas/operation_schemas.ts";
import { type DoorChoice, throughDoor, withFarDoorOptions } from "../access_door.ts";
import { ExitCode } from "../exit_code.ts";
import { readAdminKey } from "./admin_key.ts";
import { keysText, usingAdminKey } from "./keys.ts";

const online = { online: true } as const;

/** `edgekeep hub recover`: a new signing key and epoch after a loss, a theft, or a restored backup. */
export function hubRecoverCommand(): Command {
  return withFarDoorOptions(new Command("recover"))
    .summary("give a hub that was restored or whose key was stolen a new key")
    .description("give the hub a new signing key and a new epoch; the hub must run")
    .option("--admin-key <file>", "file of edgekeep hub keys admin-new: agents then follow by themselves")
    .option("--unsigned", "without an admin key: root accepts the hub anew on every machine")
    .addHelpText(
      "after",
      `
After a backup was restored, two hubs ran with one key, or the key was lost or stolen, agents refuse what the hub signs;
their tunnels go on as they are. A recovery that the admin key has signed heals it everywhere. Without an admin key, run
on each machine, with the SHA-256 that this command prints:
  edgekeep agent accept-hub SHA256`,
    )
    .action(
      async function (
        { adminKey, unsigned, ...choice }: DoorChoice & { readonly adminKey?: string; readonly unsigned?: boolean },
      ) {
        if ((adminKey === undefined) !== (unsigned === true)) {
          this.error("Give --admin-key, or --unsigned where no admin key is set. Try --help.", {
            exitCode: ExitCode.Usage,
          });
        }
        await usingAdminKey(this, async () => {
          const key = adminKey === undefined ? null : (await readAdminKey(adminKey)).key;
          await throughDoor(
            this,
            choice,
            async (call) => {
              if (key === null) return await call("hub.keys.recover_unsigned") as ResultOf<"hub.keys">;
              const { hubId, epoch, keyIndex, signingKey, tlsSpki } = await call(
                "hub.keys.propose_recovery",
              ) as ResultOf<"hub.keys.propose_recovery">;
              if (!isHubId(hubId)) throw new TypeError("The hub answered with an id that is none");
              const object = sealObject("ek.recover", hubId, {
                epoch,
                key_index: keyIndex,
                signing_key: signingKey,
                tls_spki: tlsSpki,
                issued_at: meshTime(Date.now() * 1000),
              }, key);
              return await call("hub.keys.apply", { object }) as ResultOf<"hub.keys">;
            },
            keysText,
            online,
          );
        });
      },
    );
}
