import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { sha256Hex } from "../../mesh/encoding.ts";
import { certificateKey } from "./certificate_key.ts";
import { HubRequestError } from "./hub_requests.ts";

/** Where to connect, and which keys count. */
export interface PinnedOptions {
  /** `https://host:port` */
  readonly url: string;
  /** SHA-256 of the SPKI of each key that the hub may show, hex. */
  readonly pins: readonly string[];
  /** Time until the pin has been checked, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects with TLS 1.3 and compares the key of the other side with the pins; resolves only when it is one of them, and
 * until then nothing of a request is sent. The pin replaces certificate authorities: names and dates are not looked at,
 * so that a wrong clock does not cut an agent off.
 *
 * Rejects with a {@link HubRequestError}: `unreachable`, `wrong_pin`, `timeout`.
 */
export function connectPinned({ url, pins, timeoutMs, signal }: PinnedOptions): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: port === "" ? 443 : Number(port),
      // no certificate authority vouches for a hub: the pin below does
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["http/1.1"],
      ...isIP(host) === 0 ? { servername: host } : {},
    });
    const timer = setTimeout(() => fail(new HubRequestError("timeout", `${url} does not answer`)), timeoutMs);
    const aborted = () => fail(new HubRequestError("unreachable", "Given up"));
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      socket.removeListener("error", failed);
      socket.removeListener("close", closed);
    };
    const fail = (error: HubRequestError) => {
      settle();
      // a late error of a socket that is given up has no reader
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const failed = (error: Error) => fail(new HubRequestError("unreachable", `Cannot reach ${url}: ${error.message}`));
    const closed = () => fail(new HubRequestError("unreachable", `${url} hung up before TLS was agreed`));
    socket.on("error", failed);
    socket.on("close", closed);
    signal?.addEventListener("abort", aborted, { once: true });
    if (signal?.aborted === true) return aborted();
    socket.once("secureConnect", () => {
      const shown = shownPin(socket);
      if (socket.getProtocol() !== "TLSv1.3" || shown === null || !pins.includes(shown)) {
        const what = shown === null ? "a certificate that cannot be pinned" : `the TLS key ${shown.slice(0, 16)}…`;
        return fail(
          new HubRequestError(
            "wrong_pin",
            `${url} shows ${what}, which is not the hub's: somebody is in between, or the hub got a new key without ` +
              "announcing it. Nothing was sent",
          ),
        );
      }
      settle();
      resolve(socket);
    });
  });
}

/** SHA-256 of the SPKI that the other side proved to have; `null` for a certificate that proves nothing. */
function shownPin(socket: TLSSocket): string | null {
  // an empty object when there is none, whatever the type says
  const { raw } = socket.getPeerCertificate() as { readonly raw?: Uint8Array };
  const key = raw === undefined ? null : certificateKey(raw);
  return key === null ? null : sha256Hex(key);
}
