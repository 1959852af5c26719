import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import type { OPCUAServer } from "node-opcua";
import { Backoff } from "../../telemetry/backoff.ts";
import type { FaultBoard } from "../../telemetry/fault_board.ts";
import { RefusedByServer } from "../library/client_channel.ts";
import { sanitiseText } from "../sessions/sanitise.ts";
import type { OpenStore } from "../security/open_pki.ts";
import {
  type FoundDiscoveryServer,
  type RegisteredServer,
  registerServer,
  UnsafeDiscoveryServer,
  UntrustedDiscoveryServer,
} from "./register_server.ts";

const log = getLogger(["edgekeep", "opcua"]);

/** One try to register must be done within this time, ms. */
const TRY_WITHIN_MS = 10_000;
/**
 * Taking the registration back must be done within this time, ms: it is part of the server's stop. A busy machine needs
 * more than a second for the channel alone.
 */
const UNREGISTER_WITHIN_MS = 3000;
/** First wait after a failure, ms; it doubles up to the time between two registrations. */
const RETRY_FIRST_MS = 1000;
/** What a server answers whose trust list does not have us. */
const DISTRUST = new Set(["BadSecurityChecksFailed", "BadCertificateUntrusted", "BadCertificateInvalid"]);

/** Where to register, and as what. */
export interface KeepRegisteredOptions {
  /** `opc.tcp://host:port` of the discovery server. */
  readonly url: string;
  /** From one registration to the next, ms. At most 10 minutes (OPC 10000-4 §5.5.5). */
  readonly everyMs: number;
  readonly own: OPCUAServer;
  /** Asked before each registration. */
  readonly server: () => RegisteredServer;
  /** Decides whether the discovery server is trusted. */
  readonly store: Pick<OpenStore, "manager" | "judge" | "files">;
  readonly faults: FaultBoard;
}

/** A registration that is kept up. */
export interface KeptRegistration {
  /** Tries now, as after a change of the trust list. */
  retry(): void;
  /** Takes the registration back, within three seconds. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Keeps a server registered with a local discovery server: registers it in the background, again and again, so that one
 * that was away or restarted knows it again; takes it back at the end. Whatever fails is the fault
 * `discovery_server_unreachable`, and is tried again.
 */
export function keepRegistered(options: KeepRegisteredOptions): KeptRegistration {
  const { url, everyMs, own, server, store, faults } = options;
  const stopping = new AbortController();
  const backoff = new Backoff({ firstMs: Math.min(RETRY_FIRST_MS, everyMs), maxMs: everyMs, resetAfterMs: 0 });
  let known: FoundDiscoveryServer | null = null;
  /** Whether it may know us: set before a registration is sent, as its answer may be lost. */
  let sent = false;
  let toldFailure: string | null = null;
  let toldRegistered = false;
  let refused = "";
  let wake = () => {};

  /** Registers or takes back; `known` endpoints are asked for again once they did not work. */
  async function send(online: boolean, withinMs: number, stop: AbortSignal | null): Promise<void> {
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new Error(`it did not answer within ${withinMs / 1000} s`)),
      withinMs,
    );
    const signal = stop === null ? deadline.signal : AbortSignal.any([deadline.signal, stop]);
    try {
      known = await registerServer({
        url,
        own,
        server: server(),
        online,
        // the trust list may have changed: only the end trusts what was seen before
        known: online ? null : known,
        verdict: (certificate) => store.judge.verdict(certificate),
        onSending: () => sent = true,
        signal,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async function attempt(): Promise<number> {
    try {
      await send(true, TRY_WITHIN_MS, stopping.signal);
      backoff.succeeded(Date.now());
      toldFailure = null;
      refused = "";
      faults.clear("discovery_server_unreachable");
      if (!toldRegistered) {
        log.info("Registered with the discovery server {url}", {
          event: "opcua_discovery_registered",
          url,
          discovery_urls: server().discoveryUrls,
        });
      }
      toldRegistered = true;
      return everyMs;
    } catch (error) {
      if (stopping.signal.aborted) return 0;
      const reason = await reasonOf(error);
      toldRegistered = false;
      if (reason !== toldFailure) {
        log.warning("Cannot register with the discovery server {url}: {reason}", {
          event: "opcua_discovery_failed",
          url,
          reason,
        });
      }
      toldFailure = reason;
      faults.raise("discovery_server_unreachable", `Cannot register with ${url}: ${reason}`);
      return backoff.next(Date.now());
    }
  }

  async function reasonOf(error: unknown): Promise<string> {
    if (error instanceof UntrustedDiscoveryServer) {
      const { subject, fingerprint } = await fileRejected(error.certificate);
      return `its certificate is not trusted (${error.status}): ${subject}, ${fingerprint}`;
    }
    if (error instanceof UnsafeDiscoveryServer) return "it offers no endpoint that signs with a policy of today";
    if (error instanceof RefusedByServer) {
      const why = DISTRUST.has(error.status) ? ", as if it did not trust this gateway's certificate" : "";
      return `it answers ${error.status}${why}`;
    }
    return sanitiseText(error instanceof Error ? error.message : String(error));
  }

  /** As with a client: among the rejected ones, from where a person trusts it. Told once as long as it is the same. */
  async function fileRejected(certificate: Uint8Array): Promise<{ subject: string; fingerprint: string }> {
    try {
      const { subject, fingerprint256 } = new X509Certificate(Buffer.from(certificate));
      if (fingerprint256 === refused) await store.files.fileRejected(certificate);
      else await store.manager.rejectCertificate(Buffer.from(certificate));
      refused = fingerprint256;
      return { subject: sanitiseText(subject.split("\n").join(", ")), fingerprint: fingerprint256 };
    } catch {
      // what cannot be read cannot be trusted either
      return { subject: "(unreadable)", fingerprint: "" };
    }
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const woken = new Promise<void>((resolve) => wake = resolve);
      const waitMs = await attempt();
      if (stopping.signal.aborted) return;
      await Promise.race([woken, new Promise<void>((resolve) => timer = setTimeout(resolve, waitMs))]);
      clearTimeout(timer);
    }
  })();

  return {
    retry: () => wake(),
    async stop() {
      stopping.abort(new Error("the server stops"));
      wake();
      await running;
      faults.clear("discovery_server_unreachable");
      if (!sent) return;
      try {
        await send(false, UNREGISTER_WITHIN_MS, null);
        log.info("Took the registration with the discovery server {url} back", {
          event: "opcua_discovery_unregistered",
          url,
        });
      } catch (error) {
        log.info("Cannot take the registration with the discovery server {url} back: {reason}", {
          event: "opcua_discovery_unregistered",
          url,
          reason: await reasonOf(error),
        });
      }
    },
  };
}
