import { DeviceError } from "./wireguard_device.ts";

/** Longest answer taken, bytes: ten thousand peers take less. */
const longestAnswer = 16 * 1024 * 1024;
/** How long an answer may take. */
const answerMs = 10_000;

/**
 * A connection to a WireGuard device's UAPI socket. It stays open, so that the end of the daemon is noticed at once.
 * Requests go one at a time; the caller waits for each.
 */
export class UapiConnection {
  readonly #socket: Deno.UnixConn;
  #waiting: { readonly resolve: (text: string) => void; readonly reject: (error: Error) => void } | null = null;
  #ended = false;
  /** Resolves when the daemon has closed the connection, or {@link close} has. */
  readonly closed: Promise<void>;

  private constructor(socket: Deno.UnixConn) {
    this.#socket = socket;
    this.closed = this.#read();
  }

  /**
   * @param path of the socket, as `/var/run/wireguard/edgekeep0.sock`
   * @throws the error of the operating system: Deno.errors.NotFound, ConnectionRefused, PermissionDenied
   */
  static async open(path: string): Promise<UapiConnection> {
    return new UapiConnection(await Deno.connect({ transport: "unix", path }));
  }

  /**
   * Sends one request and gives its answer without the empty line at its end.
   *
   * @param text ends with an empty line; never logged, since it may hold keys
   * @throws DeviceError `gone` when the daemon ends meanwhile, `failed` when it does not answer
   */
  async request(text: string): Promise<string> {
    if (this.#ended) throw gone();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting = { resolve, reject };
    const timer = setTimeout(() => {
      reject(new DeviceError("failed", `wireguard-go did not answer within ${answerMs} ms`));
      this.close();
    }, answerMs);
    try {
      // a failing write is the end of the connection, which the reader tells
      await this.#write(new TextEncoder().encode(text)).catch(() => this.close());
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = null;
    }
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#socket.write(bytes.subarray(sent));
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const count = await this.#socket.read(buffer).catch(() => null);
      if (count === null) break;
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
      // an answer without a request, and one without an end, are no WireGuard device's
      if (this.#waiting === null || text.length > longestAnswer) break;
      // no empty line stands inside of an answer
      if (!text.endsWith("\n\n")) continue;
      this.#waiting.resolve(text.slice(0, -2));
      text = "";
    }
    this.close();
    this.#waiting?.reject(gone());
  }
}

function gone(): DeviceError {
  return new DeviceError("gone", "wireguard-go has ended: the tunnel interface is gone");
}
