import { programPath } from "../../lib/requires.ts";
import { Machine } from "./machine.ts";

/** How a site's router translates addresses. */
export type Nat =
  /** Keeps ports where it can, whoever they talk to: endpoint-independent mapping. */
  | "cone"
  /** Another port for each destination. */
  | "symmetric"
  /** Cone, and drops UDP altogether. */
  | "no-udp";

/** A LAN behind a router of its own. */
export interface Site {
  readonly router: Machine;
  /** A machine on the LAN, `10.<site>.0.2` and up. */
  machine(name: string): Promise<Machine>;
}

/**
 * A small internet of network namespaces: a backbone 203.0.113.0/24 with the hub's machine on it, sites with LANs behind
 * translating routers, machines straight on the backbone. Needs `requires("network-namespaces")`.
 *
 * All of it goes with `await using`, and also when the test's process is killed: a process of its own waits for that,
 * ends everything that runs in the namespaces, and removes them.
 */
export class MeshNetwork implements AsyncDisposable {
  /** Begins every name that this network has on the machine: namespaces, tunnels. At most 6 characters. */
  readonly prefix: string;
  readonly #reaper: Deno.ChildProcess;
  readonly #backbone: string;
  #sites = 0;
  #machines = 0;

  private constructor(prefix: string, reaper: Deno.ChildProcess) {
    this.prefix = prefix;
    this.#reaper = reaper;
    this.#backbone = `${prefix}-net`;
  }

  static async create(): Promise<MeshNetwork> {
    // two networks at a time may not have one name, and a name has no room for more
    const prefix = `ek${Math.floor(Math.random() * 36 ** 4).toString(36).padStart(4, "0")}`;
    const network = new MeshNetwork(prefix, reaperOf(prefix));
    try {
      await network.#namespace(network.#backbone);
      await network.#in(network.#backbone, "link", "add", "br0", "type", "bridge");
      await network.#in(network.#backbone, "link", "set", "br0", "up");
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** A name for a tunnel that no other test has; at most 15 characters. */
  tunnel(name: string): string {
    return `${this.prefix}-${name}`.slice(0, 15);
  }

  /** A machine straight on the backbone, reached by everybody. */
  async publicMachine(name: string, address?: string): Promise<Machine> {
    const own = address ?? `203.0.113.${50 + ++this.#machines}`;
    const namespace = `${this.prefix}-${name}`;
    await this.#namespace(namespace);
    await this.#plug(namespace, "eth0", this.#backbone, "br0");
    await this.#in(namespace, "addr", "add", `${own}/24`, "dev", "eth0");
    return new Machine(name, namespace, own);
  }

  /** A LAN `10.<n>.0.0/24` behind a router of the given kind. */
  async site(name: string, nat: Nat = "cone"): Promise<Site> {
    const number = ++this.#sites;
    const outside = `203.0.113.${100 + number}`;
    const namespace = `${this.prefix}-r-${name}`;
    await this.#namespace(namespace);
    await this.#plug(namespace, "up0", this.#backbone, "br0");
    await this.#in(namespace, "addr", "add", `${outside}/24`, "dev", "up0");
    // without an address of its own a bridge takes the lowest of its ports', which changes as machines are plugged in
    const hardware = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
    await this.#in(namespace, "link", "add", "lan0", "address", hardware, "type", "bridge");
    await this.#in(namespace, "addr", "add", `10.${number}.0.1/24`, "dev", "lan0");
    await this.#in(namespace, "link", "set", "lan0", "up");
    const router = new Machine(name, namespace, outside);
    await router.ok("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
    await router.ok("nft", ["-f", "-"], { input: routerRules(nat) });
    let machines = 0;
    return {
      router,
      machine: async (machineName) => {
        const address = `10.${number}.0.${2 + machines++}`;
        const inside = `${this.prefix}-${machineName}`;
        await this.#namespace(inside);
        await this.#plug(inside, "eth0", namespace, "lan0");
        await this.#in(inside, "addr", "add", `${address}/24`, "dev", "eth0");
        await this.#in(inside, "route", "add", "default", "via", `10.${number}.0.1`);
        return new Machine(machineName, inside, address);
      },
    };
  }

  /** Ends every program in the namespaces and removes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reaper.stdin.close();
    const { success } = await this.#reaper.status;
    if (!success) throw new Error(`Cannot remove the network namespaces ${this.prefix}-*`);
  }

  async #namespace(name: string): Promise<void> {
    await ip("netns", "add", name);
    await this.#in(name, "link", "set", "lo", "up");
  }

  /** A cable from a new interface of one namespace to a bridge in another. */
  async #plug(namespace: string, name: string, far: string, bridge: string): Promise<void> {
    const end = `p${crypto.randomUUID().slice(0, 8)}`;
    await ip("link", "add", name, "netns", namespace, "type", "veth", "peer", "name", end, "netns", far);
    await this.#in(far, "link", "set", end, "master", bridge, "up");
    await this.#in(namespace, "link", "set", name, "up");
  }

  #in(namespace: string, ...args: string[]): Promise<void> {
    return ip("-n", namespace, ...args);
  }
}

/** A stray packet from outside must not make a connection entry: it would spoil the translation of the next. */
function routerRules(nat: Nat): string {
  const ports = nat === "symmetric" ? " fully-random" : "";
  const udp = nat === "no-udp" ? "meta l4proto udp drop" : "";
  return `
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "up0" masquerade${ports}
  }
}
table ip fw {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "up0" ct state new drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ${udp}
    iifname "up0" ct state new drop
  }
}
`;
}

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(programPath("ip") ?? "ip", {
    args,
    stdout: "null",
    stderr: "piped",
  })
    .output();
  if (!success) throw new Error(`ip ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
}

/**
 * Waits until its input ends, with the test or by its death, then clears away. In a session of its own, so that what
 * kills the test's group spares it.
 */
function reaperOf(prefix: string): Deno.ChildProcess {
  const script = `
    cat > /dev/null
    names() { ip netns list | cut -d' ' -f1 | grep "^${prefix}-" || true; }
    pids() { for name in $(names); do ip netns pids "$name"; done; }
    kill -TERM $(pids) 2> /dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -z "$(pids)" ] && break; sleep 0.1; done
    kill -KILL $(pids) 2> /dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -z "$(pids)" ] && break; sleep 0.1; done
    for name in $(names); do ip netns del "$name"; done
    rm -f /var/run/wireguard/${prefix}-*.sock
    [ -z "$(names)" ]`;
  return new Deno.Command(programPath("setsid") ?? "setsid", {
    args: [programPath("bash") ?? "bash", "-c", script],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
}
