/**
 * A TCP relay on loopback that can fall silent: connections stay open and nothing passes, as when a cable is pulled
 * somewhere on the way.
 */
export class PausableProxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #relays = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #gate = Promise.withResolvers<void>();

  /** @param target port on loopback that is relayed to */
  constructor(target: number) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#gate.resolve();
    this.#accepting = this.#accept();
  }

  /** Nothing passes any more. */
  pause(): void {
    this.#gate = Promise.withResolvers<void>();
  }

  /** All passes again, what waited too. */
  resume(): void {
    this.#gate.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    this.resume();
    await this.#accepting;
    await Promise.all(this.#relays);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      this.#connections.add(near).add(far);
      const relay = Promise.all([this.#relay(near, far), this.#relay(far, near)]).then(() => {
        for (const connection of [near, far]) {
          if (this.#connections.delete(connection)) close(connection);
        }
        this.#relays.delete(relay);
      });
      this.#relays.add(relay);
    }
  }

  async #relay(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        await this.#gate.promise;
        if (count === null) return await to.closeWrite();
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
      }
    } catch {
      // one side went away; the other learns of it when both relays have ended
      if (this.#connections.delete(to)) close(to);
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // it was closed already
  }
}
