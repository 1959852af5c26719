import { isLoopback, isWildcard, sameAddress } from "../config/address.ts";
import type { Draft } from "../config/salvage.ts";
import type { Config, TlsConfig } from "../config/schema.ts";
import { listenersOf } from "./listeners.ts";
import type { PolicyFacts } from "./policy_facts.ts";
import type { PolicyRule } from "./rules.ts";

const DAY_US = 86_400_000_000;
const EXPIRING_DAYS = 30;
const OTHERS_READ = 0o004;

/** The certificate of web and control. */
export const tlsRules: readonly PolicyRule[] = [
  {
    id: "web_tls_without_mode",
    *check({ runtime }) {
      if (runtime?.web?.enabled !== true || runtime.web.tls !== true || runtime.tls?.mode !== "disabled") return;
      const text = 'runtime.web.tls=true requires runtime.tls.mode != "disabled"';
      yield {
        severity: "error",
        at: ["runtime", "web", "tls"],
        text,
        fix: 'Write mode = "self-managed" under [runtime.tls]',
      };
    },
  },
  {
    id: "tls_without_certificate",
    *check({ runtime }) {
      const tls = runtime?.tls ?? {};
      if (!isOn(tls)) return;
      for (const key of ["cert_path", "key_path"] as const) {
        if (tls[key] !== undefined) continue;
        const file = key === "cert_path" ? "server-cert.pem" : "server-key.pem";
        yield {
          severity: "error",
          at: ["runtime", "tls", key],
          text: `A TLS-enabled mode requires runtime.tls.${key}`,
          fix: `Write ${key} = "security/${file}"${
            tls.mode === "self-managed" ? "; edgekeep pki new-server-cert makes the files" : ""
          }`,
        };
      }
    },
  },
  {
    id: "tls_provisioned_without_ca",
    *check({ runtime }) {
      const { mode, ca_path: ca } = runtime?.tls ?? {};
      if (mode !== "provisioned" || ca !== undefined) return;
      const text = "Mode provisioned requires runtime.tls.ca_path";
      const fix = 'Write ca_path = "…", the PEM file of the CA that issued the certificate; or mode = "self-managed"';
      yield { severity: "error", at: ["runtime", "tls", "ca_path"], text, fix };
    },
  },
  {
    id: "tls_client_auth_without_ca",
    *check({ runtime }) {
      const { mode, client_auth: wanted, ca_path: ca } = runtime?.tls ?? {};
      // a provisioned certificate asks for it anyway
      if (wanted === undefined || wanted === "none" || ca !== undefined || mode === "provisioned") return;
      const text = `client_auth = "${wanted}" needs the CA that client certificates come from`;
      yield { severity: "error", at: ["runtime", "tls", "ca_path"], text, fix: 'Write ca_path = "…", a PEM file' };
    },
  },
  {
    id: "tls_client_auth_unused",
    *check({ runtime }) {
      const wanted = runtime?.tls?.client_auth;
      if (wanted === undefined || wanted === "none" || (runtime?.web?.enabled === true && runtime.web.tls !== false)) {
        return;
      }
      const text = "client_auth has no effect while the web page is not served with TLS";
      yield {
        severity: "error",
        at: ["runtime", "tls", "client_auth"],
        text,
        fix: "Write tls = true under [runtime.web], or remove client_auth",
      };
    },
  },
  {
    id: "tls_certificate_unused",
    *check(config) {
      const { runtime } = config;
      const tls = runtime?.tls ?? {};
      if (tls.mode === undefined) return;
      if (tls.mode === "disabled") {
        if (runtime?.web?.tls === true) return;
        for (const key of ["cert_path", "key_path", "ca_path"] as const) {
          if (tls[key] === undefined) continue;
          const text = `${key} has no effect while mode is "disabled"`;
          yield {
            severity: "warning",
            at: ["runtime", "tls", key],
            text,
            fix: 'Write mode = "self-managed", or remove it',
          };
        }
        return;
      }
      if (tls.ca_path !== undefined && tls.mode === "self-managed" && tls.client_auth === "none") {
        const text = 'ca_path has no effect in mode "self-managed" without client_auth';
        const fix = 'Remove ca_path, write client_auth = "optional", or mode = "provisioned"';
        yield { severity: "warning", at: ["runtime", "tls", "ca_path"], text, fix };
      }
      if (runtime?.web?.tls === true || listenersOf(config).some(({ encryption }) => encryption === "tls")) return;
      const text = "No listener uses the certificate: the web page is served without TLS, control is not on TCP";
      yield { severity: "warning", at: ["runtime", "tls", "mode"], text, fix: "Write tls = true under [runtime.web]" };
    },
  },
  {
    id: "tls_file_missing",
    *check({ runtime }, facts) {
      for (const { key, fact } of filesOf(runtime?.tls, facts)) {
        if (fact.state !== "missing") continue;
        yield {
          severity: "error",
          at: ["runtime", "tls", key],
          text: `There is no file ${runtime?.tls?.[key]}`,
          fix: key !== "ca_path" && runtime?.tls?.mode === "self-managed"
            ? "Make certificate and key: edgekeep pki new-server-cert"
            : "Put the PEM file there; relative paths start at the folder of the configuration file",
        };
      }
    },
  },
  {
    id: "tls_file_unusable",
    *check({ runtime }, facts) {
      for (const { key, fact } of filesOf(runtime?.tls, facts)) {
        if (fact.state !== "unreadable" && fact.state !== "unusable") continue;
        yield {
          severity: "error",
          at: ["runtime", "tls", key],
          text: fact.state === "unreadable" ? `Cannot read ${runtime?.tls?.[key]}: ${fact.reason}` : fact.reason,
          fix: fact.state === "unreadable"
            ? "Let the gateway's user read it"
            : `Put a PEM file there${
              key !== "ca_path" && runtime?.tls?.mode === "self-managed"
                ? ", or make both: edgekeep pki new-server-cert --force"
                : ""
            }`,
        };
      }
    },
  },
  {
    id: "tls_key_mismatch",
    *check({ runtime }, { key }) {
      if (!isOn(runtime?.tls) || key?.state !== "read" || key.matches !== false) return;
      const text = "The private key belongs to another certificate";
      yield {
        severity: "error",
        at: ["runtime", "tls", "key_path"],
        text,
        fix: `Name the key of this certificate${
          runtime?.tls?.mode === "self-managed" ? ", or make both: edgekeep pki new-server-cert --force" : ""
        }`,
      };
    },
  },
  {
    id: "tls_key_exposed",
    *check({ runtime }, { key }) {
      if (!isOn(runtime?.tls) || key?.state !== "read" || key.mode === null || (key.mode & OTHERS_READ) === 0) return;
      const text = `Every user of this machine can read the private key (mode 0${(key.mode & 0o777).toString(8)})`;
      const fix = `chmod 600 ${runtime?.tls?.key_path ?? "it"}; if others use this machine, make a new key too`;
      yield { severity: "error", at: ["runtime", "tls", "key_path"], text, fix };
    },
  },
  {
    id: "tls_certificate_expired",
    *check({ runtime }, { certificate, nowUs }) {
      if (!isOn(runtime?.tls) || certificate?.state !== "read" || certificate.notAfterUs > nowUs) return;
      const text = `The certificate has expired on ${day(certificate.notAfterUs)}`;
      yield {
        severity: "error",
        at: ["runtime", "tls", "cert_path"],
        text,
        fix: `Put a new one in its place${renew(runtime?.tls)}`,
      };
    },
  },
  {
    id: "tls_certificate_expiring",
    *check({ runtime }, { certificate, nowUs }) {
      if (!isOn(runtime?.tls) || certificate?.state !== "read" || certificate.notAfterUs <= nowUs) return;
      const days = (certificate.notAfterUs - nowUs) / DAY_US;
      if (days > EXPIRING_DAYS) return;
      const text = `The certificate expires on ${day(certificate.notAfterUs)}, in ${Math.floor(days)} days`;
      const fix = `Put a new one in its place; the gateway takes it over while it runs${renew(runtime?.tls)}`;
      yield { severity: "warning", at: ["runtime", "tls", "cert_path"], text, fix };
    },
  },
  {
    id: "tls_certificate_not_yet_valid",
    *check({ runtime }, { certificate, nowUs }) {
      if (!isOn(runtime?.tls) || certificate?.state !== "read" || certificate.notBeforeUs <= nowUs) return;
      // a machine without a battery clock starts in the past, and must start all the same
      const text = `The certificate is valid from ${day(certificate.notBeforeUs)} only, and this machine's clock says ${
        day(nowUs)
      }`;
      yield { severity: "warning", at: ["runtime", "tls", "cert_path"], text, fix: "Look at the clock: timedatectl" };
    },
  },
  {
    id: "tls_certificate_not_from_ca",
    *check({ runtime }, { certificate }) {
      if (runtime?.tls?.mode !== "provisioned" || certificate?.state !== "read" || certificate.fromCa !== false) return;
      const text = "The certificate does not come from the CA in ca_path: clients that trust this CA would refuse it";
      const fix = "Name the CA that issued it, with intermediate certificates behind the server's own in cert_path";
      yield { severity: "error", at: ["runtime", "tls", "ca_path"], text, fix };
    },
  },
  {
    id: "tls_certificate_names",
    *check(config, { certificate, machine }) {
      const tls = config.runtime?.tls;
      if (!isOn(tls) || certificate?.state !== "read") return;
      const missing = uncovered(config, certificate.names, machine);
      if (missing.length === 0) return;
      const text = `The certificate does not name ${
        missing.join(", ")
      }: browsers and clients that go there warn or refuse`;
      const fix = tls?.mode === "self-managed"
        ? `Make one that does: edgekeep pki new-server-cert --force --names ${missing.join(",")}`
        : "Ask your CA for one whose subjectAltName has them";
      yield { severity: "warning", at: ["runtime", "tls", "cert_path"], text, fix };
    },
  },
];

function isOn(tls: Draft<TlsConfig> | undefined): boolean {
  return tls?.mode === "self-managed" || tls?.mode === "provisioned";
}

/** The files that matter in this mode, with what became of reading them. */
function filesOf(tls: Draft<TlsConfig> | undefined, { certificate, key, ca }: PolicyFacts) {
  if (!isOn(tls)) return [];
  const needsCa = tls?.mode === "provisioned" || (tls?.client_auth ?? "none") !== "none";
  const files = [
    { key: "cert_path" as const, fact: certificate },
    { key: "key_path" as const, fact: key },
    ...needsCa ? [{ key: "ca_path" as const, fact: ca }] : [],
  ];
  return files.flatMap(({ key, fact }) => fact === null ? [] : [{ key, fact }]);
}

function renew(tls: Draft<TlsConfig> | undefined): string {
  return tls?.mode === "self-managed" ? ": edgekeep pki renew" : "";
}

function day(timeUs: number): string {
  const time = new Date(timeUs / 1000);
  return Number.isNaN(time.getTime()) ? "a day that no clock shows" : time.toISOString().slice(0, 10);
}

/** Names under which others are meant to reach the TLS listeners and that the certificate does not have. */
function uncovered(config: Draft<Config>, names: readonly string[], machine: PolicyFacts["machine"]): string[] {
  const missing = new Set<string>();
  for (const { listener, host, encryption } of listenersOf(config)) {
    if (encryption !== "tls") continue;
    const wanted = listener === "web" ? [...config.runtime?.web?.allowed_hosts ?? []] : [];
    if (isWildcard(host)) {
      const reached = machine.addresses.filter((address) => !isLoopback(address) && !/^fe[89ab]/i.test(address));
      const own = [machine.hostname, `${machine.hostname}.local`, ...reached];
      // one of them is enough: nobody knows which ones people use
      if (!own.some((name) => covers(names, name))) [machine.hostname, ...reached].forEach((name) => missing.add(name));
    } else if (!isLoopback(host)) wanted.push(host);
    for (const name of wanted) if (!covers(names, name)) missing.add(name);
  }
  return [...missing];
}

/** RFC 6125 §6.4: the name itself, or a `*` in place of its first label. */
function covers(names: readonly string[], host: string): boolean {
  const wanted = host.toLowerCase();
  return names.some((name) => {
    const has = name.toLowerCase();
    if (has === wanted || sameAddress(has, wanted)) return true;
    return has.startsWith("*.") && wanted.includes(".") && wanted.slice(wanted.indexOf(".")) === has.slice(1);
  });
}
