import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { groupId } from "./group_id.ts";
import { LocalSocketError } from "./local_socket_error.ts";

/** sockaddr_un holds 108 bytes with the final zero (unix(7)); the socket is born under a name that is longer by this. */
const BIRTH = ".new/s";
const MAX_PATH_BYTES = 107 - BIRTH.length;
const PROBE_MS = 2_000;

/** A unix socket at its place. */
export interface PlacedSocket {
  /** Whether it still lies at its path: nobody deleted it or put another one there. */
  inPlace(): Promise<boolean>;
  /** Takes it away, when it is still the one that lies there. */
  remove(): Promise<void>;
}

/**
 * Lets the server listen on a unix socket that only this user (0600), or also a group (0660), can open. The socket is
 * made in a folder that nobody else can enter, gets its mode there, and is then renamed to its path: at no time could
 * another user connect, and a socket that a dead process left is replaced. Throws {@link LocalSocketError}, also when
 * another gateway answers at the path.
 */
export async function listenUnix(server: Server, path: string, group: string | undefined): Promise<PlacedSocket> {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > MAX_PATH_BYTES) {
    throw new LocalSocketError(
      "ENAMETOOLONG",
      path,
      `Cannot listen on unix://${path} as a socket's path has at most ${MAX_PATH_BYTES} bytes: current length is ${bytes}`,
    );
  }
  const gid = group === undefined ? null : await idOf(group, path);
  await refuseWhatLives(path);
  const folder = `${path}.new`;
  const born = `${path}${BIRTH}`;
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o750 });
    await removeAll(folder);
    await Deno.mkdir(folder, { mode: 0o700 });
    await listen(server, born);
    if (gid !== null) await Deno.chown(born, null, gid);
    await Deno.chmod(born, gid === null ? 0o600 : 0o660);
    const { ino, dev } = await Deno.lstat(born);
    await Deno.rename(born, path);
    return {
      inPlace: () => isThere(path, ino, dev),
      remove: async () => {
        if (await isThere(path, ino, dev)) await Deno.remove(path).catch(ignoreMissing);
      },
    };
  } catch (error) {
    throw unusable(error, path, group);
  } finally {
    await removeAll(folder).catch(() => {});
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

async function idOf(group: string, path: string): Promise<number> {
  const gid = groupId(await Deno.readTextFile("/etc/group"), group);
  if (gid !== null) return gid;
  throw new LocalSocketError(
    "group_unknown",
    path,
    `Cannot give unix://${path} to the group ${group} as /etc/group does not list it: make it with groupadd ${group}, or ` +
      "remove [runtime.control].group",
  );
}

async function refuseWhatLives(path: string): Promise<void> {
  const found = await Deno.lstat(path).catch(() => null);
  if (found === null) return;
  if (found.isSocket !== true) {
    throw new LocalSocketError(
      "EEXIST",
      path,
      `Cannot listen on unix://${path} as something that is no socket lies there: move it away, or change ` +
        "[runtime.control].endpoint",
    );
  }
  if (await answers(path)) {
    throw new LocalSocketError(
      "EADDRINUSE",
      path,
      `Cannot listen on unix://${path} as another process answers there: another Edgekeep runs with this socket`,
    );
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const settle = (alive: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(alive);
    };
    // whoever neither accepts nor refuses has a full queue, and lives
    const timer = setTimeout(() => settle(true), PROBE_MS);
    socket.once("connect", () => settle(true));
    socket.on("error", (error) => settle((error as { code?: unknown }).code === "EAGAIN"));
  });
}

async function isThere(path: string, ino: number | null, dev: number): Promise<boolean> {
  const found = await Deno.lstat(path).catch(() => null);
  return found !== null && found.ino === ino && found.dev === dev;
}

async function removeAll(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function unusable(error: unknown, path: string, group: string | undefined): unknown {
  if (error instanceof LocalSocketError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const denied = error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
  const hint = group === undefined ? "" : `; the gateway's user must be in the group ${group}`;
  return new LocalSocketError(
    denied ? "EACCES" : "socket_unusable",
    path,
    `Cannot listen on unix://${path}: ${reason}${hint}`,
    { cause: error },
  );
}
