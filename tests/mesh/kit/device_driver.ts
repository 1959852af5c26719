import { fileURLToPath } from "node:url";
import type { DeviceState } from "../../../src/agent/wireguard/wireguard_device.ts";
import { decodeMessage, encodeMessage, type WireGuardRequest } from "./device_message.ts";
import type { Machine } from "./machine.ts";

/** The tunnel's or the firewall's own error, as the driver told it. */
export class DriverError extends Error {
  constructor(readonly code: string | null, message: string) {
    super(message);
  }
}

/** A process on a machine that drives one tunnel with the agent's own code. */
export class DeviceDriver implements AsyncDisposable {
  readonly #child;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #text = "";

  constructor(machine: Machine) {
    const main = fileURLToPath(new URL("./device_driver_main.ts", import.meta.url));
    this.#child = machine.spawn(Deno.execPath(), ["run", "--allow-all", "--no-check", main], { stdin: "piped" });
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** One request after the other. */
  async ask(request: WireGuardRequest): Promise<unknown> {
    await this.#writer.write(new TextEncoder().encode(`${encodeMessage(request)}\n`));
    while (!this.#text.includes("\n")) {
      const { value } = await this.#reader.read();
      if (value === undefined) throw new Error(`The driver has ended: ${await this.#errors}`);
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const { value, error, code } = decodeMessage(this.#text.slice(0, end)) as {
      readonly value?: unknown;
      readonly error?: string;
      readonly code?: string | null;
    };
    this.#text = this.#text.slice(end + 1);
    if (error !== undefined) throw new DriverError(code ?? null, error);
    return value;
  }

  async state(): Promise<DeviceState> {
    return await this.ask({ do: "state" }) as DeviceState;
  }

  /** As a crash or the kernel's out-of-memory killer ends an agent. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this[Symbol.asyncDispose]();
  }

  /** Ends the process; the interface stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    await this.#child.status;
    await this.#errors;
  }
}
