import { isWildcard, overlaps, urlHost } from "../config/address.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import { type Listener, listenersOf } from "./listeners.ts";
import { meshListenersOf } from "./mesh_listeners.ts";
import type { PolicyHit, PolicyRule } from "./rules.ts";

/**
 * Longest path of the control endpoint's socket, bytes: `sun_path` holds 107 and an end (unix(7)), and the socket is
 * first made at `<path>.new/s`.
 */
export const LONGEST_SOCKET_BYTES = 107 - ".new/s".length;

/** Where the gateway listens, and whether what travels there is protected. */
export const listenerRules: readonly PolicyRule[] = [
  {
    id: "remote_plain_text",
    *check(config) {
      if (config.runtime?.tls?.require_remote === true || asksForMore(config)) return;
      for (const listener of plainRemote(config)) yield unprotected("warning", listener, "");
    },
  },
  {
    id: "require_remote",
    *check(config) {
      if (config.runtime?.tls?.require_remote !== true || asksForMore(config)) return;
      for (const listener of plainRemote(config)) {
        yield unprotected("error", listener, ", and [runtime.tls].require_remote forbids that");
      }
    },
  },
  {
    id: "profile_needs_tls",
    *check(config) {
      if (!asksForMore(config)) return;
      const text = `, and profile ${config.runtime?.remote?.profile} forbids that`;
      for (const listener of plainRemote(config)) yield unprotected("error", listener, text);
    },
  },
  {
    id: "profile_needs_login",
    *check(config) {
      const { web, remote } = config.runtime ?? {};
      if (!asksForMore(config) || web?.enabled !== true || web.auth === undefined || web.auth === "token") return;
      const text = `Profile ${remote?.profile} asks everybody to log in, and auth is "${web.auth}"`;
      yield {
        severity: "error",
        at: ["runtime", "web", "auth"],
        text,
        fix: 'Write auth = "token" under [runtime.web]',
      };
    },
  },
  {
    id: "wildcard_bind",
    *check(config) {
      for (const { host, name, at } of listenersOf(config)) {
        if (!isWildcard(host)) continue;
        const text = `${host} lets ${name} listen on every network of this machine, also on those added later`;
        yield { severity: "note", at, text, fix: "Write the address of one interface to narrow it" };
      }
    },
  },
  {
    id: "same_port",
    *check(config, { role }) {
      const listeners = [...listenersOf(config), ...meshListenersOf(config, role)];
      for (const [position, one] of listeners.entries()) {
        for (const other of listeners.slice(0, position)) {
          const port = Math.max(one.port, other.port);
          const shared = port <= Math.min(one.lastPort ?? one.port, other.lastPort ?? other.port);
          // port 0 takes a free one
          if (port === 0 || !shared || one.transport !== other.transport || !overlaps(one.host, other.host)) continue;
          const text = `${capital(one.name)} and ${other.name} cannot both listen on port ${port}`;
          yield { severity: "error", at: one.at, text, fix: "Choose another port for one of them" };
        }
      }
    },
  },
  {
    id: "control_socket_too_long",
    *check({ runtime }, { controlSocket }) {
      if (runtime?.control?.enabled !== true || controlSocket === null) return;
      const bytes = new TextEncoder().encode(controlSocket).length;
      if (bytes <= LONGEST_SOCKET_BYTES) return;
      yield {
        severity: "error",
        at: ["runtime", "control", "endpoint"],
        text: `The socket's path is too long for the system: ${controlSocket} has ${bytes} bytes`,
        fix: `Choose one of at most ${LONGEST_SOCKET_BYTES} bytes, as unix:///run/edgekeep/control.sock`,
      };
    },
  },
  {
    id: "web_behind_proxy",
    *check(config) {
      const { web, remote } = config.runtime ?? {};
      const names = [...web?.allowed_hosts ?? [], ...web?.allowed_origins ?? []];
      // names of its own make no sense for a page that only this machine reaches, but for a proxy in front of it
      const fronted = listenersOf(config).some(({ listener, remote }) => listener === "web" && !remote);
      if (names.length === 0 || !fronted) return;
      if (web?.auth === "local") {
        const text =
          "Whoever comes through a proxy on this machine may look like somebody who sits at it, without login";
        yield { severity: "warning", at: ["runtime", "web", "auth"], text, fix: 'Write auth = "token"' };
      }
      if (remote?.profile === "wan") {
        const text =
          "Whoever comes through a proxy on this machine counts as this machine: wan does not deny their changes";
        const fix = "Let the web page itself listen for others, with TLS; or put the proxy on another machine";
        yield { severity: "warning", at: ["runtime", "remote", "profile"], text, fix };
      }
    },
  },
];

/** Whether the profile has demands of its own. */
function asksForMore({ runtime }: Draft<Config>): boolean {
  return runtime?.remote?.profile === "plant" || runtime?.remote?.profile === "wan";
}

/** Listeners that other machines reach and where somebody on the way can read along. */
function plainRemote(config: Draft<Config>): Listener[] {
  return listenersOf(config).filter(({ listener, remote, encryption }) =>
    remote && encryption === "none" &&
    // asked for, and missing for a reason that web_tls_without_mode tells
    !(listener === "web" && config.runtime?.web?.tls === true)
  );
}

function unprotected(
  severity: PolicyHit["severity"],
  { listener, name, host, port, at }: Listener,
  forbidden: string,
): PolicyHit {
  const text = `Other machines reach ${name} at ${urlHost(host)}:${port} in plain text${forbidden}`;
  if (listener === "opcua") {
    return { severity, at: ["opcua", "security_policies"], text, fix: 'Remove "None", or listen on 127.0.0.1' };
  }
  const fix = listener === "web"
    ? 'Write tls = true under [runtime.web] and mode = "self-managed" under [runtime.tls], or listen on 127.0.0.1'
    : 'Write mode = "self-managed" under [runtime.tls], or use a unix socket: endpoint = "unix://control.sock"';
  return { severity, at, text, fix };
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
