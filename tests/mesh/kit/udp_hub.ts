import { fileURLToPath } from "node:url";
import { newSeed, wireGuardKeyOf } from "../../../src/mesh/keys.ts";
import { toBase64 } from "../../../src/mesh/encoding.ts";
import type { NodeId } from "../../../src/mesh/ids.ts";
import type { Observer } from "../../../src/mesh/state.ts";
import type { ObserverCounters } from "../../../src/hub/udp/start_observers.ts";
import type { RunningRelay } from "../../../src/hub/udp/start_relay.ts";
import { waitFor } from "../../lib/wait_for.ts";
import { decodeMessage, encodeMessage } from "./device_message.ts";
import type { Machine } from "./machine.ts";
import { textLines } from "../../lib/text_lines.ts";

/** What a test asks of the UDP ports of a hub. */
export type UdpHubOrder =
  | {
    readonly do: "start";
    readonly observerPorts: readonly [number, number];
    readonly observerSeeds: readonly [Uint8Array, Uint8Array];
    readonly relayPort: number;
    readonly bitsPerSecond?: number;
  }
  | { readonly do: "node"; readonly node: NodeId; readonly keys: readonly Uint8Array[] }
  | {
    readonly do: "open";
    readonly session: { readonly sessionId: string; readonly a: NodeId; readonly b: NodeId };
    readonly lastsMs: number;
  }
  | { readonly do: "close"; readonly sessionId: string }
  /** Sessions are told that so much more time has passed. */
  | { readonly do: "skip"; readonly ms: number }
  | { readonly do: "counters" };

/** An initiation that an observer believed. */
export interface Sighting {
  readonly key: Uint8Array;
  readonly observer: 0 | 1;
  readonly address: string;
  readonly tai64n: Uint8Array;
}

/** What the hub's UDP ports counted. */
export interface UdpHubCounters {
  readonly observers: ObserverCounters;
  readonly relay: ReturnType<RunningRelay["status"]>;
  readonly drops: ReturnType<RunningRelay["drops"]>;
  /** Of the whole process since it began. */
  readonly cpuMs: number;
  /** By how much a timer of 10 ms came late at worst since the last question. */
  readonly lateMs: number;
}

/** A hub's observers and relay in a process of their own on a machine. */
export class UdpHub implements AsyncDisposable {
  readonly sightings: Sighting[] = [];
  readonly observers: readonly Observer[];
  readonly #child: ReturnType<Machine["spawn"]>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #errors: Promise<string>;
  readonly #answers: { readonly value?: unknown; readonly error?: string }[] = [];
  #ended = false;

  private constructor(readonly machine: Machine, observers: readonly Observer[]) {
    this.observers = observers;
    const main = fileURLToPath(new URL("./udp_hub_main.ts", import.meta.url));
    const args = ["run", "--allow-all", "--unstable-net", "--no-check", main];
    this.#child = machine.spawn(Deno.execPath(), args, { stdin: "piped" });
    this.#writer = this.#child.stdin.getWriter();
    this.#errors = new Response(this.#child.stderr).text();
    this.#reading = this.#read();
  }

  static async start(machine: Machine, options: { readonly bitsPerSecond?: number } = {}): Promise<UdpHub> {
    const observerSeeds = [newSeed(), newSeed()] as const;
    const observerPorts = [3478, 3479] as const;
    const hub = new UdpHub(
      machine,
      observerSeeds.map((seed, n) => ({
        address: `${machine.address}:${observerPorts[n as 0 | 1]}`,
        public_key: toBase64(wireGuardKeyOf(seed).publicKey),
      })),
    );
    await hub.ask({ do: "start", observerPorts, observerSeeds, relayPort: 51900, ...options });
    return hub;
  }

  /** One order after the other. */
  async ask(order: UdpHubOrder): Promise<unknown> {
    await this.#writer.write(new TextEncoder().encode(`${encodeMessage(order)}\n`));
    const answer = await waitFor("the hub's answer", async () => {
      if (this.#ended && this.#answers.length === 0) throw new Error(`The hub has ended: ${await this.#errors}`);
      return this.#answers.shift();
    }, { everyMs: 2 });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  async counters(): Promise<UdpHubCounters> {
    return await this.ask({ do: "counters" }) as UdpHubCounters;
  }

  /** Opens a session and gives the endpoint that each of the two nodes uses. */
  async relay(a: NodeId, b: NodeId, lastsMs = 600_000): Promise<{ readonly ofA: string; readonly ofB: string }> {
    const ports = await this.ask({ do: "open", session: { sessionId: `${a}-${b}`, a, b }, lastsMs }) as {
      readonly portOfA: number;
      readonly portOfB: number;
    };
    return { ofA: `${this.machine.address}:${ports.portOfA}`, ofB: `${this.machine.address}:${ports.portOfB}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
    await this.#reading;
    await this.#errors;
  }

  async #read(): Promise<void> {
    for await (const line of textLines(this.#child.stdout)) {
      const news = decodeMessage(line) as { saw?: Sighting; value?: unknown; error?: string };
      if (news.saw !== undefined) this.sightings.push(news.saw);
      else this.#answers.push(news);
    }
    this.#ended = true;
  }
}
