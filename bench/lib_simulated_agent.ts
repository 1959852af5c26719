import { request } from "node:https";
import type { IncomingMessage } from "node:http";
import { fromBase64, meshTime, newNonce, sha256Hex, toBase64 } from "../src/mesh/encoding.ts";
import { type HubId, type NodeId, nodeIdOf } from "../src/mesh/ids.ts";
import type { JoinToken } from "../src/mesh/join_token.ts";
import { kemSizes } from "../src/mesh/kem.ts";
import { newSeed, type SigningKey, signingKeyOf, wireGuardKeyOf } from "../src/mesh/keys.ts";
import { signRequest } from "../src/mesh/request_signature.ts";
import { sealObject } from "../src/mesh/signed_object.ts";
import { sealStatement } from "../src/mesh/statements.ts";
import { tokenMac } from "../src/mesh/token_mac.ts";

/** Where an agent asks. */
export interface HubPlace {
  readonly port: number;
  readonly hub: HubId;
}

/** What came last of one type. */
export interface Arrival {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * An agent as a hub sees one: keys of its own, an address of its own on loopback, a registration, a stream over TLS,
 * heartbeats. It does nothing with what it gets but to note when it came.
 */
export class SimulatedAgent {
  readonly identity: SigningKey = signingKeyOf(newSeed());
  readonly nodeId: NodeId = nodeIdOf(this.identity.publicKey);
  readonly #place: HubPlace;
  /** 127.1.0.0/16, so that limits of one source are met as by agents of different sites. */
  readonly #address: string;
  readonly #name: string;
  epoch = 1;
  sequence = 0;
  /** By event type. */
  readonly arrivals = new Map<string, Arrival>();
  /** Messages that did not follow the one before. */
  gaps = 0;
  open = false;
  #stream: IncomingMessage | null = null;
  #rest: string[] = [];

  constructor(place: HubPlace, number: number) {
    this.#place = place;
    this.#name = `node-${number}`;
    this.#address = `127.1.${number >> 8}.${number & 255}`;
  }

  async register(token: JoinToken): Promise<void> {
    const { hub } = this.#place;
    const statement = sealStatement(hub, {
      generation: 1,
      issued_at: meshTime(Date.now() * 1000),
      wireguard_key: toBase64(wireGuardKeyOf(newSeed()).publicKey),
      kem_key: toBase64(crypto.getRandomValues(new Uint8Array(kemSizes.publicKey))),
    }, this.identity);
    const members = {
      token_id: token.id,
      statement,
      hostname: this.#name,
      version: "0.1.0",
      binary_sha256: sha256Hex("bench"),
      nonce: newNonce(),
    };
    const token_mac = tokenMac(fromBase64(token.secret, 32), { ...members, hub });
    const text = sealObject("ek.register", hub, { ...members, token_mac }, this.identity);
    const answer = await this.#ask("POST", "/v1/register", text, false);
    const { epoch, sequence } = JSON.parse(answer);
    this.epoch = epoch;
    this.sequence = sequence;
  }

  /** @param peers of the heartbeat, as JSON */
  async heartbeat(peers: string): Promise<void> {
    await this.#ask(
      "POST",
      `/v1/nodes/${this.nodeId}/heartbeat`,
      `{"epoch":${this.epoch},"sequence":${this.sequence},"status":"ok","uptime_s":60,"version":"0.1.0",` +
        `"binary_sha256":"${sha256Hex("bench")}","peers":${peers}}`,
      true,
    );
  }

  /** As agents do at their start: asks for the state, then for what follows it. */
  async start(): Promise<void> {
    const text = await this.#ask("GET", `/v1/nodes/${this.nodeId}/state`, undefined, true);
    this.#message(`data: ${text}`);
    await this.openStream();
  }

  async openStream(): Promise<void> {
    const path = `/v1/nodes/${this.nodeId}/events`;
    const incoming = await this.#send("GET", path, undefined, true, {
      "last-event-id": `${this.epoch}-${this.sequence}`,
    });
    if (incoming.statusCode !== 200) throw new Error(`The stream was refused with ${incoming.statusCode}`);
    this.#stream = incoming;
    this.open = true;
    incoming.setEncoding("latin1");
    incoming.on("data", (part: string) => this.#take(part));
    incoming.on("error", () => {});
    incoming.on("close", () => this.open = false);
  }

  close(): void {
    this.#stream?.destroy();
  }

  #take(part: string): void {
    // no joining of half a megabyte for each piece of a state
    let start = 0;
    for (let end = part.indexOf("\n\n"); end >= 0; end = part.indexOf("\n\n", start)) {
      this.#rest.push(part.slice(start, end));
      const message = this.#rest.length === 1 ? this.#rest[0] ?? "" : this.#rest.join("");
      this.#rest = [];
      start = end + 2;
      this.#message(message);
    }
    if (start < part.length) this.#rest.push(start === 0 ? part : part.slice(start));
  }

  #message(message: string): void {
    const data = message.indexOf("data: ");
    const head = message.slice(data, data + 400);
    const type = /"event_type":"(\w+)"/.exec(head)?.[1] ?? "?";
    const epoch = Number(/"epoch":(\d+)/.exec(head)?.[1]);
    const sequence = Number(
      /"sequence":(\d+),"signature":"[^"]*","typ":"ek.event","v":1\}$/.exec(message.slice(-300))?.[1],
    );
    this.arrivals.set(type, { atMs: performance.timeOrigin + performance.now(), bytes: message.length });
    if (type === "tick") return;
    if (type !== "node_state" && (epoch !== this.epoch || sequence !== this.sequence + 1)) this.gaps++;
    this.epoch = epoch;
    this.sequence = sequence;
  }

  async #ask(method: string, path: string, body: string | undefined, signed: boolean): Promise<string> {
    const incoming = await this.#send(method, path, body, signed, {});
    let text = "";
    incoming.setEncoding("utf8");
    for await (const part of incoming) text += part;
    if (incoming.statusCode !== 200 && incoming.statusCode !== 204) {
      throw new Error(`${method} ${path} was answered with ${incoming.statusCode}: ${text}`);
    }
    return text;
  }

  async #send(
    method: string,
    path: string,
    body: string | undefined,
    signed: boolean,
    headers: Record<string, string>,
  ): Promise<IncomingMessage> {
    const bytes = new TextEncoder().encode(body ?? "");
    const { hub, port } = this.#place;
    const authorization = signed
      ? (await signRequest({
        nodeId: this.nodeId,
        hub,
        method,
        path,
        body: bytes,
        nowUs: Date.now() * 1000,
        key: this.identity,
      })).header
      : undefined;
    return await new Promise((resolve, reject) => {
      const outgoing = request({
        host: "127.0.0.1",
        port,
        localAddress: this.#address,
        method,
        path,
        agent: false,
        rejectUnauthorized: false,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { "content-length": String(bytes.length) }),
          ...headers,
        },
      }, resolve);
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }
}
