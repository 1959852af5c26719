import { complaintOf } from "../network/complaint_of.ts";
import { ProgramError } from "../network/run_program.ts";
import { completeOptions, type DeviceOptions, isOwnKey, type OpenOptions } from "./device_options.ts";
import { disableIpv6, readLink } from "./interface_setup.ts";
import { KernelDevice } from "./kernel_device.ts";
import { UserspaceDevice } from "./userspace_device.ts";
import { DeviceError, type WireGuardDevice } from "./wireguard_device.ts";

/**
 * Opens the tunnel interface: adopts a running one of the name that has one of the own keys (or none), else makes it.
 * `auto` adopts whichever runs, and makes one of the kernel where it can, else one of `wireguard-go`. A backend that was
 * chosen replaces an own interface of the other one.
 *
 * The interface of a new device is down and has neither key nor address.
 *
 * @throws DeviceError `no_backend`, `name_taken`, `port_taken`, `not_permitted`, `failed`
 */
export async function openDevice(
  options: DeviceOptions & { readonly backend: "auto" | "kernel" | "userspace" },
): Promise<WireGuardDevice> {
  const open = completeOptions(options);
  const kind = (await readLink(open))?.kind ?? null;
  if (options.backend === "kernel") {
    if (kind === "tun") await replaceOwn(open);
    return openKernel(open, kind === "wireguard");
  }
  if (options.backend === "userspace") {
    if (kind === "wireguard") await (await openKernel(open, true)).remove();
    return openUserspace(open);
  }
  if (kind === "tun") return UserspaceDevice.open(open);
  try {
    return await openKernel(open, kind === "wireguard");
  } catch (error) {
    const without = error instanceof DeviceError ? error.code === "no_backend" : error instanceof ProgramError;
    if (!without) throw error;
    return await openUserspace(open);
  }
}

async function openKernel(options: OpenOptions, present: boolean): Promise<WireGuardDevice> {
  const { name, listenPort, ownKeys, run, signal } = options;
  // before anything is made that could not be set
  await needsProgram(options, "wg", ["--version"]);
  if (!present) await addLink(options);
  const device = new KernelDevice(options);
  try {
    const state = await device.state();
    if (!isOwnKey(state.publicKey, ownKeys)) {
      throw new DeviceError(
        "name_taken",
        `Cannot use the interface ${name}: its private key is not this agent's; choose another [agent].interface`,
      );
    }
    if (listenPort !== 0 && state.listenPort !== listenPort) await device.setListenPort(listenPort);
    if (!present) await disableIpv6(options);
    return device;
  } catch (error) {
    if (!present && !signal.aborted) await run("ip", ["link", "del", "dev", name]);
    throw error;
  }
}

async function addLink({ name, run, signal }: OpenOptions): Promise<void> {
  const { code, stderr } = await run("ip", ["link", "add", "dev", name, "type", "wireguard"], { signal });
  if (code === 0) return;
  if (/Unknown device type|Operation not supported/.test(stderr)) {
    throw new DeviceError(
      "no_backend",
      "This kernel has no WireGuard: install the package wireguard-go, or a kernel with the module wireguard",
    );
  }
  if (/File exists/.test(stderr)) {
    throw new DeviceError(
      "name_taken",
      `Cannot use the interface ${name}: there is another of that name; choose another [agent].interface`,
    );
  }
  if (/Operation not permitted/.test(stderr)) {
    throw new DeviceError(
      "not_permitted",
      `Cannot make ${name}: the agent needs the capability CAP_NET_ADMIN: run it as root`,
    );
  }
  throw new DeviceError("failed", `Cannot make the tunnel interface ${name}: ${complaintOf(stderr)}`);
}

async function openUserspace(options: OpenOptions): Promise<WireGuardDevice> {
  try {
    return await UserspaceDevice.open(options);
  } catch (error) {
    if (!(error instanceof ProgramError && error.code === "missing")) throw error;
    throw new DeviceError("no_backend", "This machine has no WireGuard to use: install the package wireguard-go");
  }
}

/** Removes an own interface of wireguard-go; a foreign one stays and is `name_taken`. */
async function replaceOwn(options: OpenOptions): Promise<void> {
  const device = await UserspaceDevice.open({ ...options, listenPort: 0, onGone: () => {} });
  await device.remove();
}

async function needsProgram({ run, signal }: OpenOptions, program: "wg", args: readonly string[]): Promise<void> {
  try {
    await run(program, args, { signal });
  } catch (error) {
    if (!(error instanceof ProgramError && error.code === "missing")) throw error;
    throw new DeviceError("no_backend", "The kernel's WireGuard needs the program wg: install wireguard-tools");
  }
}
