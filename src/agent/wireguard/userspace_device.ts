import { pause } from "../../telemetry/pause.ts";
import { complaintOf } from "../network/complaint_of.ts";
import { SerialRunner } from "../../commands/serial_runner.ts";
import { isOwnKey, type OpenOptions } from "./device_options.ts";
import { disableIpv6, readLink, setUpInterface, setUpRoutes } from "./interface_setup.ts";
import { UapiConnection } from "./uapi_connection.ts";
import { checkUapiResult, formatUapiChanges, formatUapiPrivateKey, parseUapiDevice } from "./uapi_text.ts";
import { DeviceError, type DeviceState, type PeerChange, type WireGuardDevice } from "./wireguard_device.ts";

/** Where wireguard-go puts the sockets of its interfaces; built into it. */
const socketFolder = "/var/run/wireguard";
/** How long the daemon may take to follow the state of its interface. */
const followMs = 5_000;
/** How long interface and daemon may contradict each other. */
const settleMs = 1_000;

/**
 * A tunnel by the daemon `wireguard-go`, spoken to over its UAPI socket. The daemon outlives the agent: one that runs
 * under the name with one of the own keys is adopted as it is.
 */
export class UserspaceDevice implements WireGuardDevice {
  readonly backend = "userspace";
  readonly name: string;
  readonly #options: OpenOptions;
  readonly #calls = new SerialRunner();
  readonly #connection: UapiConnection;
  #released = false;

  private constructor(options: OpenOptions, connection: UapiConnection) {
    this.name = options.name;
    this.#options = options;
    this.#connection = connection;
    const release = () => void this.release();
    options.signal.addEventListener("abort", release, { once: true });
    void connection.closed.then(() => options.signal.removeEventListener("abort", release));
  }

  /**
   * Adopts the running interface of the name, or starts a daemon for a new one.
   *
   * @throws DeviceError `name_taken`, `not_permitted`, `port_taken`, `failed`
   * @throws ProgramError `missing` when wireguard-go is not installed
   */
  static async open(options: OpenOptions): Promise<UserspaceDevice> {
    for (const end = performance.now() + followMs;;) {
      try {
        return await UserspaceDevice.#open(options);
      } catch (error) {
        // a daemon that was just killed takes connections for a moment still
        const dying = error instanceof DeviceError && error.code === "gone";
        if (!dying || performance.now() > end || options.signal.aborted) throw error;
      }
    }
  }

  static async #open(options: OpenOptions): Promise<UserspaceDevice> {
    const { name, listenPort, ownKeys, signal } = options;
    const running = await findRunning(options);
    const connection = running ?? await startDaemon(options);
    const device = new UserspaceDevice(options, connection);
    try {
      const state = await device.state();
      if (!isOwnKey(state.publicKey, ownKeys)) throw taken(name, "its private key is not this agent's");
      if (listenPort !== 0 && state.listenPort !== listenPort) {
        await device.#setPort(listenPort);
      }
      if (running === null) await disableIpv6(options);
      signal.throwIfAborted();
      device.#tellOfItsEnd();
      return device;
    } catch (error) {
      // nobody else has begun to use what was made just now
      if (running === null && !signal.aborted) await device.remove().catch(() => {});
      await device.release();
      throw error;
    }
  }

  /** From when it is handed out: a daemon that ends before is tried again, and nobody has it to lose. */
  #tellOfItsEnd(): void {
    void this.#connection.closed.then(() => {
      if (!this.#released) this.#options.onGone(`wireguard-go of ${this.name} has ended`);
    });
  }

  state(): Promise<DeviceState> {
    return this.#calls.run(() => this.#read());
  }

  setPrivateKey(privateKey: Uint8Array): Promise<void> {
    return this.#calls.run(() => this.#set(formatUapiPrivateKey(privateKey)));
  }

  apply(changes: readonly PeerChange[]): Promise<void> {
    return this.#calls.run(async () => {
      if (changes.length > 0) await this.#set(formatUapiChanges(changes));
    });
  }

  ensureInterface(meshIp: string, mtu: number): Promise<void> {
    return this.#calls.run(async () => {
      const up = this.#options.mayBeUp();
      const link = await readLink(this.#options);
      const rises = up && link?.up === false;
      const present = (await this.#read()).listenPort;
      const wanted = this.#options.listenPort === 0 ? present : this.#options.listenPort;
      if (rises) await this.#setPort(0);
      await setUpInterface(this.#options, link, { meshIp, mtu, up });
      if (rises) await this.#bind(wanted);
      // hearing of its interface late, the daemon may have gone down and up again since, and said nothing when the port
      // was gone by then
      else if (up && present !== wanted) await this.#setPort(wanted);
    });
  }

  ensureRoutes(meshIps: readonly string[]): Promise<void> {
    return this.#calls.run(() => setUpRoutes(this.#options, meshIps));
  }

  release(): Promise<void> {
    this.#released = true;
    this.#connection.close();
    return Promise.resolve();
  }

  async remove(): Promise<void> {
    this.#released = true;
    await this.#calls.run(async () => {
      const { run, name } = this.#options;
      const { code, stderr } = await run("ip", ["link", "del", "dev", name]);
      if (code !== 0 && !/Cannot find device/.test(stderr)) {
        throw new DeviceError("failed", `Cannot remove the interface ${name}: ${complaintOf(stderr)}`);
      }
      // the daemon ends with its interface, and takes its socket along
      const ended = new AbortController();
      void this.#connection.closed.then(() => ended.abort());
      await pause(followMs, ended.signal);
    });
    await this.release();
  }

  /**
   * Binds the port after the interface came up. The daemon hears of that by itself and would keep a port that it cannot
   * bind to itself; asked while it is up, it tells.
   */
  async #bind(listenPort: number): Promise<void> {
    for (const end = performance.now() + followMs; (await this.#read()).listenPort === 0;) {
      if (performance.now() > end) throw new DeviceError("failed", `wireguard-go does not bring ${this.name} up`);
      await pause(10, this.#options.signal);
      this.#options.signal.throwIfAborted();
    }
    try {
      if (listenPort !== 0) await this.#setPort(listenPort);
    } catch (error) {
      // the next look finds it down again and tries again
      await this.#options.run("ip", ["link", "set", "dev", this.name, "down"]);
      await this.#setPort(listenPort).catch(() => {});
      throw error;
    }
  }

  async #read(): Promise<DeviceState> {
    return parseUapiDevice(await this.#connection.request("get=1\n\n"));
  }

  #setPort(port: number): Promise<void> {
    return this.#set(`set=1\nlisten_port=${port}\n\n`);
  }

  async #set(text: string): Promise<void> {
    checkUapiResult(await this.#connection.request(text));
  }
}

/** The daemon that runs under the name; `null`: neither daemon nor interface. */
async function findRunning(options: OpenOptions): Promise<UapiConnection | null> {
  const { name, signal } = options;
  for (const end = performance.now() + settleMs;;) {
    const running = await connect(name);
    const link = await readLink(options);
    if ((link === null) === (running === null)) return running;
    running?.close();
    // an interface goes a moment before or after its daemon
    if (performance.now() > end) {
      throw taken(
        name,
        link === null
          ? "its socket belongs to a tunnel in another network namespace"
          : "it is no interface of wireguard-go",
      );
    }
    await pause(20, signal);
    signal.throwIfAborted();
  }
}

async function connect(name: string): Promise<UapiConnection | null> {
  try {
    return await UapiConnection.open(`${socketFolder}/${name}.sock`);
  } catch (error) {
    // a socket without a daemon is left when it was killed; the next one replaces it
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused) return null;
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new DeviceError("not_permitted", `Cannot reach wireguard-go of ${name}: its socket belongs to root`);
    }
    throw error;
  }
}

async function startDaemon({ name, run, signal }: OpenOptions): Promise<UapiConnection> {
  const { code, stdout, stderr } = await run("wireguard-go", [name], { signal });
  if (code !== 0) {
    // it complains on its standard output, below a drawn box on the other
    const complaint = `${stdout}\n${stderr}`.split("\n").filter((line) => !/[\u2500-\u257f]/.test(line)).join("\n");
    const permitted = !/operation not permitted|permission denied|tun does not exist/i.test(complaint);
    throw new DeviceError(
      permitted ? "failed" : "not_permitted",
      `Cannot make the tunnel interface ${name}: ${complaintOf(complaint)}` +
        (permitted ? "" : "; the agent needs the capability CAP_NET_ADMIN and the device /dev/net/tun"),
    );
  }
  for (const end = performance.now() + followMs; performance.now() < end && !signal.aborted;) {
    const connection = await connect(name);
    if (connection !== null) return connection;
    await pause(10, signal);
  }
  signal.throwIfAborted();
  throw new DeviceError("failed", `wireguard-go of ${name} does not listen on its socket`);
}

function taken(name: string, why: string): DeviceError {
  return new DeviceError("name_taken", `Cannot use the interface ${name}: ${why}; choose another [agent].interface`);
}
