import { complaintOf } from "../network/complaint_of.ts";
import { toBase64 } from "../../mesh/encoding.ts";
import { SerialRunner } from "../../commands/serial_runner.ts";
import type { OpenOptions } from "./device_options.ts";
import { readLink, setUpInterface, setUpRoutes } from "./interface_setup.ts";
import { checkedKey } from "./uapi_text.ts";
import { parseWgDump } from "./wg_dump.ts";
import { type WgCall, wgCalls } from "./wg_calls.ts";
import { DeviceError, type DeviceState, type PeerChange, type WireGuardDevice } from "./wireguard_device.ts";

/** A tunnel of the kernel, set by the program `wg`. Keys reach it by its input, never by arguments. */
export class KernelDevice implements WireGuardDevice {
  readonly backend = "kernel";
  readonly name: string;
  readonly #options: OpenOptions;
  readonly #calls = new SerialRunner();
  #let = false;

  /** Takes over an interface that is there. */
  constructor(options: OpenOptions) {
    this.name = options.name;
    this.#options = options;
  }

  state(): Promise<DeviceState> {
    return this.#call(() => this.#read());
  }

  setListenPort(port: number): Promise<void> {
    return this.#call(async () => {
      await this.#wg({ args: ["set", this.name, "listen-port", String(port)] });
    });
  }

  setPrivateKey(privateKey: Uint8Array): Promise<void> {
    const stdin = `${toBase64(checkedKey(privateKey))}\n`;
    return this.#call(async () => {
      await this.#wg({ args: ["set", this.name, "private-key", "/dev/stdin"], stdin });
    });
  }

  apply(changes: readonly PeerChange[]): Promise<void> {
    return this.#call(async () => {
      for (const call of wgCalls(this.name, await this.#present(changes))) await this.#wg(call);
    });
  }

  ensureInterface(meshIp: string, mtu: number): Promise<void> {
    return this.#call(async () => {
      await setUpInterface(this.#options, await readLink(this.#options), { meshIp, mtu, up: this.#options.mayBeUp() });
    });
  }

  ensureRoutes(meshIps: readonly string[]): Promise<void> {
    return this.#call(() => setUpRoutes(this.#options, meshIps));
  }

  release(): Promise<void> {
    this.#let = true;
    return Promise.resolve();
  }

  async remove(): Promise<void> {
    await this.#call(async () => {
      const { run, name } = this.#options;
      const { code, stderr } = await run("ip", ["link", "del", "dev", name]);
      if (code !== 0 && !/Cannot find device/.test(stderr)) {
        throw new DeviceError("failed", `Cannot remove the interface ${name}: ${complaintOf(stderr)}`);
      }
    });
    await this.release();
  }

  /** `wg` knows no "only if it is there": such changes of peers that are not are left out. */
  async #present(changes: readonly PeerChange[]): Promise<readonly PeerChange[]> {
    if (!changes.some((change) => !change.remove && change.updateOnly === true)) return changes;
    const present = new Set((await this.#read()).peers.map(({ publicKey }) => publicKey.toHex()));
    return changes.filter((change) => {
      const key = change.publicKey.toHex();
      if (change.remove) present.delete(key);
      else if (change.updateOnly === true && !present.has(key)) return false;
      else present.add(key);
      return true;
    });
  }

  async #read(): Promise<DeviceState> {
    return parseWgDump(await this.#wg({ args: ["show", this.name, "dump"] }));
  }

  async #wg({ args, stdin }: WgCall): Promise<string> {
    const { run, signal } = this.#options;
    const { code, stdout, stderr } = await run("wg", args, { signal, ...stdin === undefined ? {} : { stdin } });
    if (code === 0) return stdout;
    // "Protocol not supported": the module has been unloaded, and its interfaces with it
    if (/No such device|Protocol not supported|Operation not supported/.test(stderr)) {
      throw new DeviceError("gone", `The tunnel interface ${this.name} is gone`);
    }
    if (/Address already in use/.test(stderr)) {
      throw new DeviceError(
        "port_taken",
        "Cannot listen for tunnels: another program has the UDP port; `ss -lunp` names it, or choose another [agent].listen_port",
      );
    }
    if (/Operation not permitted|Permission denied/.test(stderr)) {
      throw new DeviceError("not_permitted", `Cannot set ${this.name}: the agent needs the capability CAP_NET_ADMIN`);
    }
    // what wg complains of may repeat its input, which may be a key
    throw new DeviceError("failed", `Cannot set the tunnel interface ${this.name}: wg ended with ${code}`);
  }

  /** A kernel's interface says nothing when it goes: it is noticed by the next call. */
  #call<T>(call: () => Promise<T>): Promise<T> {
    return this.#calls.run(async () => {
      if (this.#let) throw new DeviceError("gone", `The tunnel interface ${this.name} has been let go`);
      try {
        return await call();
      } catch (error) {
        if (error instanceof DeviceError && error.code === "gone" && !this.#let) {
          this.#let = true;
          this.#options.onGone(error.message);
        }
        throw error;
      }
    });
  }
}
