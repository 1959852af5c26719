import { isAbsolute, resolve } from "node:path";
import type { Config } from "./schema.ts";

/**
 * The configuration with every path absolute. Paths start at the folder of the configuration file; `database_path` and
 * `pki_dir` start at `data_dir`, unless they begin with `./` or `../`.
 */
export function withAbsolutePaths(config: Config, directory: string): Config {
  const dataDir = resolve(directory, config.gateway.data_dir);
  const inData = (path: string) =>
    /^\.\.?(\/|$)/.test(path) && !isAbsolute(path) ? resolve(directory, path) : resolve(dataDir, path);
  const { chirpstack, logging } = config;
  return {
    ...config,
    gateway: { ...config.gateway, data_dir: dataDir },
    storage: { ...config.storage, database_path: inData(config.storage.database_path) },
    opcua: { ...config.opcua, pki_dir: inData(config.opcua.pki_dir ?? "pki") },
    logging: logging.dir === undefined ? logging : { ...logging, dir: resolve(directory, logging.dir) },
    chirpstack: chirpstack?.ca_path === undefined
      ? chirpstack
      : { ...chirpstack, ca_path: resolve(directory, chirpstack.ca_path) },
  };
}
