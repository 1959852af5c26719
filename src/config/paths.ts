import { resolve } from "node:path";
import { parseEndpoint } from "./address.ts";
import type { Config } from "./schema.ts";

/** A path that starts at `data_dir` unless it begins with `./` or `../`: then at the configuration file's folder. */
export function pathInData(path: string, dataDir: string, directory: string): string {
  return /^\.\.?(\/|$)/.test(path) ? resolve(directory, path) : resolve(directory, dataDir, path);
}

/**
 * The configuration with every path absolute. Paths start at the folder of the configuration file; `database_path`,
 * `pki_dir` and the control endpoint's socket start at `data_dir`, unless they begin with `./` or `../`.
 */
export function withAbsolutePaths(config: Config, directory: string): Config {
  const dataDir = resolve(directory, config.gateway.data_dir);
  const inData = (path: string) => pathInData(path, dataDir, directory);
  const { agent, chirpstack, logging, runtime } = config;
  const { control, tls } = runtime;
  const beside = <K extends "cert_path" | "key_path" | "ca_path">(key: K) => {
    const path = tls[key];
    return path === undefined ? {} : { [key]: resolve(directory, path) };
  };
  const endpoint = parseEndpoint(control.endpoint);
  return {
    ...config,
    gateway: { ...config.gateway, data_dir: dataDir },
    storage: { ...config.storage, database_path: inData(config.storage.database_path) },
    opcua: { ...config.opcua, pki_dir: inData(config.opcua.pki_dir ?? "pki") },
    runtime: {
      ...runtime,
      control: endpoint?.kind === "unix" ? { ...control, endpoint: `unix://${inData(endpoint.path)}` } : control,
      tls: { ...tls, ...beside("cert_path"), ...beside("key_path"), ...beside("ca_path") },
    },
    logging: logging.dir === undefined ? logging : { ...logging, dir: resolve(directory, logging.dir) },
    chirpstack: chirpstack?.ca_path === undefined
      ? chirpstack
      : { ...chirpstack, ca_path: resolve(directory, chirpstack.ca_path) },
    agent: agent === undefined ? agent : { ...agent, dir: resolve(directory, agent.dir) },
  };
}
