import { parseEndpoint } from "../config/address.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config } from "../config/schema.ts";
import { allowsWrite, operationsOf } from "./allow_write.ts";
import { listenersOf } from "./listeners.ts";
import { operations } from "./operations.ts";
import type { PolicyRule } from "./rules.ts";
import { isWellKnown, LEAST_TOKEN_BITS, tokenBits } from "./token_strength.ts";

const AUTH_TOKEN = ["runtime", "control", "auth_token"];
const MAKE_TOKEN = "Make one: openssl rand -hex 24; keep it in a file (mode 0600) that auth_token_file names";

/** The control endpoint, its token, debugging, and what other machines may change. */
export const controlRules: readonly PolicyRule[] = [
  {
    id: "control_tcp_without_token",
    *check(config) {
      if (!hasTcp(config) || config.runtime?.control?.auth_token !== undefined) return;
      const text = "A TCP control endpoint needs auth_token: whoever reaches the port could try to act";
      yield { severity: "error", at: AUTH_TOKEN, text, fix: MAKE_TOKEN };
    },
  },
  {
    id: "control_token_well_known",
    *check({ runtime }) {
      const token = runtime?.control?.auth_token;
      if (token === undefined || !isWellKnown(token)) return;
      const text = "auth_token is the text of a tutorial or one that everybody tries first";
      yield { severity: "error", at: AUTH_TOKEN, text, fix: MAKE_TOKEN };
    },
  },
  {
    id: "control_token_weak",
    *check(config) {
      const token = config.runtime?.control?.auth_token;
      if (token === undefined || isWellKnown(token)) return;
      const bits = Math.floor(tokenBits(token));
      if (bits >= LEAST_TOKEN_BITS) return;
      const remote = listenersOf(config).some(({ listener, remote }) => remote && listener !== "opcua");
      const text = `auth_token has about ${bits} bits of strength: it should have ${LEAST_TOKEN_BITS}` +
        (remote ? ", and other machines can try to guess it" : "");
      yield { severity: remote ? "error" : "warning", at: AUTH_TOKEN, text, fix: MAKE_TOKEN };
    },
  },
  {
    id: "control_group_without_socket",
    *check(config) {
      if (config.runtime?.control?.group === undefined || !hasTcp(config)) return;
      const text = "group has no effect on a tcp endpoint: it is the group of the unix socket";
      yield {
        severity: "error",
        at: ["runtime", "control", "group"],
        text,
        fix: "Remove group, or use unix://control.sock",
      };
    },
  },
  {
    id: "control_require_token_without_socket",
    *check(config) {
      if (config.runtime?.control?.require_token !== true || !hasTcp(config)) return;
      const text = "require_token has no effect on a tcp endpoint, which always asks for a token";
      yield { severity: "error", at: ["runtime", "control", "require_token"], text, fix: "Remove require_token" };
    },
  },
  {
    id: "debug_in_production",
    *check({ runtime }) {
      const { mode, debug_enabled: debug } = runtime?.control ?? {};
      if (mode !== "production" || debug !== true) return;
      const text = "debug_enabled contradicts mode production";
      const fix =
        "Remove debug_enabled; to debug for a while, an admin unlocks it: edgekeep ctl debug.unlock minutes=15";
      yield { severity: "error", at: ["runtime", "control", "debug_enabled"], text, fix };
    },
  },
  {
    id: "debug_mode_without_debug",
    *check({ runtime }) {
      const { mode, debug_enabled: debug } = runtime?.control ?? {};
      if (mode !== "debug" || debug !== false) return;
      const text = "Mode debug changes nothing while debug_enabled is false";
      yield {
        severity: "warning",
        at: ["runtime", "control", "mode"],
        text,
        fix: 'Write debug_enabled = true too, or mode = "production"',
      };
    },
  },
  {
    id: "debug_remote",
    *check(config) {
      const { mode, debug_enabled: debug } = config.runtime?.control ?? {};
      if (mode !== "debug" || debug !== true) return;
      const names = listenersOf(config).filter(({ listener, remote }) => remote && listener !== "opcua");
      if (names.length === 0) return;
      const text = `Debug operations, such as forcing values, are open to other machines through ${
        names.map(({ name }) => name).join(" and ")
      }`;
      const fix = 'Write mode = "production" and debug_enabled = false before the plant relies on it';
      yield { severity: "warning", at: ["runtime", "control", "mode"], text, fix };
    },
  },
  {
    id: "allow_write_unused",
    *check({ runtime }) {
      const { profile, allow_write: entries = [] } = runtime?.remote ?? {};
      if (profile === undefined || profile === "wan" || entries.length === 0) return;
      const text = `allow_write has no effect with profile ${profile}: only wan denies changes from other machines`;
      yield {
        severity: "error",
        at: ["runtime", "remote", "allow_write"],
        text,
        fix: 'Remove it, or write profile = "wan"',
      };
    },
  },
  {
    id: "allow_write_matches_nothing",
    *check({ runtime }) {
      const writing = Object.entries(operations).filter(([, { writes }]) => writes).map(([name]) => name);
      const entries = runtime?.remote?.allow_write ?? [];
      for (const [entry, pattern] of entries.entries()) {
        const at = ["runtime", "remote", "allow_write", entry];
        const covered = operationsOf(pattern, writing);
        if (covered.length === 0) {
          const text = `No operation that changes something is called ${pattern.slice(0, pattern.indexOf(":"))}`;
          yield { severity: "error", at, text, fix: "`edgekeep ctl --help` lists the operations" };
        } else if (covered.length === writing.length && allowsWrite(pattern, covered[0] ?? "", null)) {
          const text = `${pattern} allows every change from other machines, which profile wan is there to deny`;
          yield { severity: "warning", at, text, fix: "Name the operations and targets that are needed" };
        }
      }
    },
  },
];

function hasTcp({ runtime }: Draft<Config>): boolean {
  const { enabled, endpoint } = runtime?.control ?? {};
  return enabled === true && parseEndpoint(endpoint ?? "")?.kind === "tcp";
}
