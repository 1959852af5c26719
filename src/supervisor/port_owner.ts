/**
 * Who holds a TCP port of this machine, in words, as far as this process may know: the program's name and number where
 * /proc can be read (Deno allows that only with every permission), else what answers there.
 *
 * @param answerMs longest wait for each of two answers, ms
 * @returns `null` when nothing can be said
 */
export async function portOwner(hostname: string, port: number, answerMs = 1000): Promise<string | null> {
  return await listeningProgram(port) ?? await answeringProtocol(reachable(hostname), port, answerMs);
}

async function listeningProgram(port: number): Promise<string | null> {
  try {
    const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => Deno.readTextFile(path)));
    const inodes = new Set(tables.flatMap((table) => listeningInodes(table, port)));
    for await (const { name: pid } of Deno.readDir("/proc")) {
      if (/^\d+$/.test(pid) && await holdsSocket(pid, inodes)) {
        return `${(await Deno.readTextFile(`/proc/${pid}/comm`)).trim()} (process ${pid})`;
      }
    }
  } catch {
    // not allowed, or a process ended meanwhile
  }
  return null;
}

/** Inodes of the sockets that listen on the port, from the text of /proc/net/tcp (proc_net_tcp.rst of the kernel). */
export function listeningInodes(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").slice(1).map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === "0A" && local?.endsWith(`:${hex}`))
    .flatMap((fields) => fields[9] ?? []);
}

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
      const target = await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) return true;
    }
  } catch {
    // another user's process
  }
  return false;
}

async function answeringProtocol(hostname: string, port: number, answerMs: number): Promise<string | null> {
  const hello = await exchange(hostname, port, opcUaHello(`opc.tcp://${hostname}:${port}`), answerMs);
  if (hello?.startsWith("ACK") || hello?.startsWith("ERR")) return "another OPC UA server";
  const head = new TextEncoder().encode(`HEAD / HTTP/1.0\r\nHost: ${hostname}\r\n\r\n`);
  const page = await exchange(hostname, port, head, answerMs);
  if (!page?.startsWith("HTTP/")) return null;
  const server = /^server:\s*([\w./() -]{1,60})/im.exec(page)?.[1]?.trim();
  return server === undefined ? "another web server" : `another web server (${server})`;
}

/** Connects, sends `request` and gives the beginning of the answer, one character a byte. */
async function exchange(
  hostname: string,
  port: number,
  request: Uint8Array,
  answerMs: number,
): Promise<string | null> {
  try {
    using connection = await Deno.connect({ hostname, port, signal: AbortSignal.timeout(answerMs) });
    const timer = setTimeout(() => closeQuietly(connection), answerMs);
    try {
      await connection.write(request);
      const buffer = new Uint8Array(2048);
      const length = await connection.read(buffer) ?? 0;
      return String.fromCharCode(...buffer.subarray(0, length));
    } finally {
      clearTimeout(timer);
    }
  } catch {
    return null;
  }
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // closed already
  }
}

/** The first message of an OPC UA client (OPC 10000-6 §7.1.2.3). */
function opcUaHello(url: string): Uint8Array {
  const name = new TextEncoder().encode(url);
  const message = new Uint8Array(32 + name.length);
  const view = new DataView(message.buffer);
  message.set(new TextEncoder().encode("HELF"));
  const fields = [message.length, 0, 65_536, 65_536, 0, 0, name.length];
  fields.forEach((field, index) => view.setUint32(4 + 4 * index, field, true));
  message.set(name, 32);
  return message;
}

/** An address to connect to for one that was listened on. */
function reachable(hostname: string): string {
  if (hostname === "0.0.0.0" || hostname === "") return "127.0.0.1";
  return hostname === "::" ? "::1" : hostname;
}
