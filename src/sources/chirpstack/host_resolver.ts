import { experimental } from "@grpc/grpc-js";
import process from "node:process";

/** Scheme of targets `scheme:host:port` whose host is looked up by the connect itself, each time anew. */
export const hostScheme = "edgekeep-host";

/**
 * Leaves the look-up of a host name to the connect. grpc-js's own resolver looks the name up first and connects to the
 * address it found, which a sandbox that allows `host:port` refuses: the permission names the host, not its addresses.
 */
class HostResolver implements experimental.Resolver {
  readonly #tell: () => void;
  #told = false;

  constructor(target: { readonly path: string }, listener: experimental.ResolverListener) {
    const { hostname, port } = new URL(`tcp://${target.path}`);
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    this.#tell = () => listener({ ok: true, value: [{ addresses: [{ host, port: Number(port) }] }] }, {}, null, "");
  }

  updateResolution(): void {
    if (this.#told) return;
    this.#told = true;
    // grpc-js expects the answer after this call returned
    process.nextTick(this.#tell);
  }

  destroy(): void {
    this.#told = false;
  }

  static getDefaultAuthority(target: { readonly path: string }): string {
    return target.path;
  }
}

experimental.registerResolver(hostScheme, HostResolver);
