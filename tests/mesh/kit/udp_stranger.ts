import { textLines } from "../../lib/text_lines.ts";
import type { Machine } from "./machine.ts";

/** Sends each line of its input, hex, from one socket, and prints how many bytes came back until 300 ms of silence. */
const sender = `
import socket, sys, time
host, port, each = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.stdin:
    one.sendto(bytes.fromhex(line.strip()), (host, port))
    if each > 0: time.sleep(each)
one.settimeout(0.3)
got = 0
try:
    while True: got += len(one.recv(4096))
except TimeoutError: pass
print(got)
`;

/** Prints the UDP payloads, hex, that pass an interface to a port, until its input ends. */
const sniffer = `
import socket, struct, sys, threading, os
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind((sys.argv[1], 0))
port = int(sys.argv[2])
print("listening", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    frame = raw.recv(65535)
    if frame[12:14] != b"\\x08\\x00" or frame[23] != 17: continue
    head = 14 + (frame[14] & 15) * 4
    if struct.unpack(">H", frame[head + 2:head + 4])[0] != port: continue
    length = struct.unpack(">H", frame[head + 4:head + 6])[0]
    print(frame[head + 8:head + length].hex(), flush=True)
`;

/**
 * Sends datagrams from a machine, all from one port of it.
 *
 * @param endpoint IPv4
 * @returns bytes that were sent to that port by anybody, until 300 ms after the last
 */
export async function sendDatagrams(
  machine: Machine,
  endpoint: string,
  packets: readonly Uint8Array[],
  { apartMs = 0 } = {},
): Promise<number> {
  const [host = "", port = ""] = endpoint.split(":");
  const input = packets.map((packet) => `${packet.toHex()}\n`).join("");
  return Number(await machine.ok("python3", ["-c", sender, host, port, String(apartMs / 1000)], { input }));
}

/** Datagrams to a port as somebody on the way sees them. */
export class Eavesdropper implements AsyncDisposable {
  readonly seen: Uint8Array[] = [];
  readonly #child;
  readonly #reading: Promise<void>;
  #listening: () => void = () => {};

  private constructor(machine: Machine, device: string, port: number) {
    this.#child = machine.spawn("python3", ["-c", sniffer, device, String(port)], { stdin: "piped" });
    this.#reading = this.#read();
  }

  /** @param device interface of the machine, as `up0` of a router */
  static async start(machine: Machine, device: string, port: number): Promise<Eavesdropper> {
    const made = new Eavesdropper(machine, device, port);
    await new Promise<void>((resolve) => made.#listening = resolve);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    await this.#child.stderr.cancel();
    await this.#reading;
    await this.#child.status;
  }

  async #read(): Promise<void> {
    for await (const line of textLines(this.#child.stdout)) {
      if (line === "listening") this.#listening();
      else this.seen.push(Uint8Array.fromHex(line));
    }
  }
}
