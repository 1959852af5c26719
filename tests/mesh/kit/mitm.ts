import { fileURLToPath } from "node:url";
import { waitFor } from "../../lib/wait_for.ts";
import type { Machine } from "./machine.ts";
import type { MitmNews, MitmOrder } from "./mitm_main.ts";
import { textLines } from "../../lib/text_lines.ts";

/** Where the man in the middle sits. */
export interface MitmOptions {
  /** The machine that it runs on: the hub's own, in front of it. */
  readonly machine: Machine;
  /** Where agents look for the hub. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where the hub really listens. */
  readonly hub: { readonly host: string; readonly port: number };
  /** The hub's own TLS certificate and key, PEM: what a stolen key or a rogue CA would give. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A man in the middle between agents and hub who has broken TLS: what is left is the signatures. */
export class Mitm implements AsyncDisposable {
  /** All that passed, oldest first. */
  readonly seen: MitmNews[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #errors: Promise<string>;
  #done = 0;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#reading = this.#read();
    this.#errors = new Response(child.stderr).text();
  }

  static async start({ machine, listen, hub, certificateFile, keyFile }: MitmOptions): Promise<Mitm> {
    const main = fileURLToPath(new URL("./mitm_main.ts", import.meta.url));
    const child = machine.spawn(Deno.execPath(), [
      ...["run", "--allow-all", "--no-check", main],
      ...[listen.host, String(listen.port), hub.host, String(hub.port), certificateFile, keyFile],
    ], { stdin: "piped" });
    const mitm = new Mitm(child);
    await waitFor("the man in the middle to listen", () => mitm.seen.some(({ saw }) => saw === "listening"));
    return mitm;
  }

  /** Tells it what to do; resolves when it has done so. */
  async tell(order: MitmOrder): Promise<void> {
    const before = this.#done;
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
    await waitFor("the man in the middle to obey", () => this.#done > before);
  }

  /** Sends a request of its own to the hub. */
  async send(
    order: Omit<Extract<MitmOrder, { readonly do: "send" }>, "do">,
  ): Promise<{ status: number; text: string }> {
    const before = this.seen.length;
    await this.tell({ do: "send", ...order });
    const answer = this.seen.slice(before).find((news) => news.saw === "answer");
    if (answer === undefined) throw new Error("The man in the middle got no answer");
    return answer;
  }

  /** Requests of agents that passed, oldest first. */
  requests(method: string, path: RegExp): Extract<MitmNews, { readonly saw: "request" }>[] {
    return this.seen.filter((news) => news.saw === "request")
      .filter((news) => news.method === method && path.test(news.path));
  }

  /** Nonces of the streams that a node opened, oldest first. */
  streams(node: string): string[] {
    return this.seen.flatMap((news) => news.saw === "stream" && news.open && news.node === node ? [news.nonce] : []);
  }

  /** Whether a node has a stream open. */
  isOpen(node: string): boolean {
    const last = this.seen.findLast((news) => news.saw === "stream" && news.node === node);
    return last?.saw === "stream" && last.open;
  }

  /** Exact texts of the envelopes that the hub sent to a node, oldest first. */
  events(node: string): string[] {
    return this.seen.flatMap((news) => news.saw === "event" && news.node === node ? [news.data] : []);
  }

  /** Exact texts of the states that the hub answered to a node, oldest first. */
  states(node: string): string[] {
    return this.seen.flatMap((news) => news.saw === "state" && news.node === node ? [news.text] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#child.status;
    await this.#reading;
    await this.#errors;
  }

  async #read(): Promise<void> {
    for await (const line of textLines(this.#child.stdout)) {
      const news: MitmNews = JSON.parse(line);
      if (news.saw === "done") this.#done++;
      else this.seen.push(news);
    }
  }
}
