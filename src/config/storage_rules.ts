import type { KeyPath } from "./key_path.ts";
import type { Rule } from "./rules.ts";

export const storageRules: readonly Rule[] = [
  {
    id: "rollups_shorter_than_samples",
    severity: "warning",
    *check({ storage }) {
      if (storage?.rollup_retention_days === undefined || storage.retention_days === undefined) return;
      if (storage.rollup_retention_days >= storage.retention_days) return;
      const text = `Summaries (${storage.rollup_retention_days} days) would go before samples ` +
        `(${storage.retention_days} days)`;
      yield { at: ["storage", "rollup_retention_days"], text, fix: "Keep summaries at least as long as samples" };
    },
  },
  {
    id: "home_in_path",
    severity: "error",
    *check(config) {
      const paths: [KeyPath, string | undefined][] = [
        [["gateway", "data_dir"], config.gateway?.data_dir],
        [["storage", "database_path"], config.storage?.database_path],
        [["opcua", "pki_dir"], config.opcua?.pki_dir],
        [["logging", "dir"], config.logging?.dir],
        [["chirpstack", "ca_path"], config.chirpstack?.ca_path],
        [["runtime", "tls", "cert_path"], config.runtime?.tls?.cert_path],
        [["runtime", "tls", "key_path"], config.runtime?.tls?.key_path],
        [["runtime", "tls", "ca_path"], config.runtime?.tls?.ca_path],
        [["runtime", "control", "endpoint"], config.runtime?.control?.endpoint?.replace(/^unix:\/\//, "")],
      ];
      for (const [at, path] of paths) {
        if (path === undefined || !/^~(\/|$)/.test(path)) continue;
        yield { at, text: `${at.at(-1)} starts with ~, which only shells understand`, fix: "Write the whole path" };
      }
    },
  },
];
