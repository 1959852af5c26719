import { createServer, type Server, type Socket } from "node:net";

/**
 * The TCP side of the simulated server: accepts connections and hands them over, and can fail in the ways a network
 * does. Kept apart from the HTTP/2 server so that a fault needs neither its help nor its restart.
 */
export class Listener {
  readonly #hostname: string;
  readonly #handOver: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  /** Accepted while the server was half open: nobody has read from them yet. */
  readonly #held = new Set<Socket>();
  #server: Server | null = null;
  #port: number;
  #halfOpen = false;

  /** @param port 0 picks a free port at the first start; later starts keep it */
  constructor(hostname: string, port: number, handOver: (socket: Socket) => void) {
    this.#hostname = hostname;
    this.#port = port;
    this.#handOver = handOver;
  }

  /** The port; the real one once started. */
  get port(): number {
    return this.#port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  get halfOpen(): boolean {
    return this.#halfOpen;
  }

  /** While true, nothing is read from any connection and nothing is handed over. */
  set halfOpen(on: boolean) {
    this.#halfOpen = on;
    if (on) {
      for (const socket of this.#sockets) socket.pause();
      return;
    }
    for (const socket of this.#sockets) {
      if (this.#held.delete(socket)) this.#handOver(socket);
      else socket.resume();
    }
  }

  /** Begins to listen. Rejects with `code` EADDRINUSE when the port is taken. Nothing happens while it listens. */
  start(): Promise<void> {
    if (this.#server !== null) return Promise.resolve();
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", (error) => {
        this.#server = null;
        reject(error);
      });
      server.listen(this.#port, this.#hostname, () => {
        const address = server.address();
        if (typeof address === "object" && address !== null) this.#port = address.port;
        resolve();
      });
    });
  }

  /** Stops listening and resets every connection. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = server === null ? Promise.resolve() : new Promise<void>((resolve) => server.close(() => resolve()));
    const gone = [...this.#sockets].map((socket) =>
      new Promise<void>((resolve) => socket.closed ? resolve() : socket.once("close", () => resolve()))
    );
    this.reset();
    await Promise.all([closed, ...gone]);
  }

  /** Resets every connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    // a reset by the peer is its business; 'close' follows
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#held.delete(socket);
    });
    socket.setNoDelay(true);
    if (this.#halfOpen) {
      socket.pause();
      this.#held.add(socket);
    } else this.#handOver(socket);
  }
}
