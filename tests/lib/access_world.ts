import type { AccessSettings } from "../../src/access/access.ts";
import type { Access } from "../../src/access/access.ts";
import { openAccess } from "../../src/access/open_access.ts";
import type { HashCost } from "../../src/access/password_hash.ts";
import type { Origin } from "../../src/access/principal.ts";
import { EventFeed } from "../../src/telemetry/event_feed.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";

/** Cheap hashes: what they cost is not what these tests are about. */
export const cheapCost: HashCost = { logN: 4, r: 8, p: 1 };

/** Nothing is configured. */
export const noSettings: AccessSettings = { configUser: null, controlToken: null, sessionIdleMs: 3_600_000 };

/** A request over https from an address. */
export const from = (address: string): Origin => ({ transport: "https", address });

/** A store of credentials in a folder of its own, with a clock that stands still. */
export interface AccessWorld extends AsyncDisposable {
  readonly dir: string;
  readonly clock: { us: number };
  readonly faults: FaultBoard;
  readonly feed: EventFeed;
  access: Access;
  /** Stops it and opens it again, as a restart does. */
  reopen(settings?: AccessSettings): Promise<Access>;
}

/** Opens one; `dir` is removed at the end. */
export async function accessWorld(
  options: { readonly settings?: AccessSettings; readonly dir?: string; readonly hashCost?: HashCost } = {},
): Promise<AccessWorld> {
  const dir = options.dir ?? await Deno.makeTempDir({ prefix: "edgekeep-access-" });
  const clock = { us: 1_800_000_000_000_000 };
  const nowUs = () => clock.us;
  const faults = new FaultBoard(nowUs);
  const feed = new EventFeed(nowUs);
  const { hashCost = cheapCost } = options;
  const open = (settings: AccessSettings) => openAccess({ dataDir: dir, settings, faults, feed, nowUs, hashCost });
  const world: AccessWorld = {
    dir,
    clock,
    faults,
    feed,
    access: await open(options.settings ?? noSettings),
    async reopen(settings = options.settings ?? noSettings) {
      world.access.stop();
      world.access = await open(settings);
      return world.access;
    },
    async [Symbol.asyncDispose]() {
      world.access.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
  return world;
}

/** The set-up code that stands in the folder. */
export async function setupCodeIn(dir: string): Promise<string> {
  return (await Deno.readTextFile(`${dir}/setup-code`)).trim();
}
